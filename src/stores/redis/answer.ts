import type {
  Blocked,
  Bucket,
  BucketState,
  Candidate,
  Need,
  Refusal,
  ReserveOptions,
  ScopeId,
  ScopeState,
  StoreReading,
} from "../store.ts";
import { RedisReservation } from "./redis-reservation.ts";
import { type ScriptRequest, sources } from "./request.ts";

/** Times from here on stand for never; and the number that stands for "only a release helps". */
const never = 9e15;
const untilRelease = -1;

type ScopeFields = [place: number, until: number, startedAt: number, strikes: number, source: number, reason: string];
type ScopeRefusal = [byScope: 1, place: number, until: number, source: number, reason: string];
type BucketRefusal = [byBucket: 2, place: number, until: number, anyUntil?: number];
type Granted = [index: number, readyAfterMs: number, used: number[], tickets: number[], known: number[]];

/** What the script answers. Empty lists come as empty objects. */
export interface ScriptAnswer {
  /** The server's time. */
  readonly n: number;
  readonly e: string;
  readonly h?: [instances: number, rank: number];
  readonly g?: Granted;
  readonly b?: (ScopeRefusal | BucketRefusal)[];
  readonly t?: ScopeFields[];
  readonly q?: [scopes: ScopeFields[], buckets: [used: number, resetInMs: number][]];
}

/** @throws TypeError for a reply that is none of the script's. */
export function parseAnswer(reply: unknown): ScriptAnswer {
  const answer = JSON.parse(String(reply)) as ScriptAnswer | null;
  if (typeof answer?.n === "number" && typeof answer.e === "string") return answer;
  throw new TypeError("The server's reply is none that this store's script gives");
}

export function reservationOf(
  answer: ScriptAnswer,
  id: string,
  candidates: readonly Candidate[],
  { leaseMs, purpose, dryRun }: ReserveOptions,
): RedisReservation | undefined {
  if (answer.g === undefined) return undefined;
  const [index, readyAfterMs, used, tickets, known] = answer.g;
  const { needs, scopes } = candidates[index] as Candidate;
  const reservation = new RedisReservation({
    id,
    index,
    reservedAt: answer.n,
    expiresAt: answer.n + leaseMs,
    readyAt: timeOf(answer.n + readyAfterMs),
    left: needs.map(({ bucket }, place) => bucket.limit - (used[place] ?? 0)),
    needs: needs.map(({ bucket, amount }) => ({ bucket, amount })),
    tickets: list(tickets),
    known: list(known).map((place) => scopes[place] as ScopeId),
    isProbe: purpose === "probe",
  });
  if (dryRun === true) reservation.settled = true;
  return reservation;
}

export function refusalOf({ n: now, b }: ScriptAnswer, candidates: readonly Candidate[]): Refusal {
  const blocked = list(b).map((each, index) => blockedOf(each, index, candidates[index] as Candidate));
  let retryAt: number | null = null;
  for (const { until } of blocked) if (until !== null && (retryAt === null || until < retryAt)) retryAt = until;
  return { granted: false, now, retryAt, blocked };
}

/** One refusal of two questions, the second of which went on where the first had ended. */
export function bothRefused(first: Refusal, second: Refusal, by: number): Refusal {
  const { now } = second;
  const times = [first.retryAt, second.retryAt].filter((time) => time !== null);
  const later = second.blocked.map((each) => ({ ...each, index: each.index + by }));
  return {
    granted: false,
    now,
    retryAt: times.length === 0 ? null : Math.min(...times),
    blocked: [...first.blocked, ...later],
  };
}

function blockedOf(refused: ScopeRefusal | BucketRefusal, index: number, { scopes, needs }: Candidate): Blocked {
  if (refused[0] === 1) {
    const [, place, until, source, reason] = refused;
    return { index, by: scopes[place] as ScopeId, until: timeOf(until), source: sourceOf(source), reason };
  }
  const [, place, until, anyUntil] = refused;
  const { bucket } = needs[place] as Need;
  const by = bucket.id;
  if (until === untilRelease) return { index, by, until: null };
  return anyUntil === undefined
    ? { index, by, until: timeOf(until) }
    : { index, by, until: timeOf(until), anyUntil: timeOf(anyUntil) };
}

/** A scope that a change or a success touched, and the place of its key in the request. */
export interface Touched {
  readonly place: number;
  readonly state: ScopeState;
}

export function touchedOf({ n: now, t }: ScriptAnswer, request: ScriptRequest): Touched[] {
  return list(t).map(([place, ...fields]) => ({ place, state: scopeState(request.scopeAt(place), now, fields) }));
}

export function readingOf(answer: ScriptAnswer, scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
  const [known, counted] = answer.q ?? [[], []];
  return {
    now: answer.n,
    scopes: list(known).map(([place, ...fields]) => scopeState(scopes[place] as ScopeId, answer.n, fields)),
    buckets: buckets.map(({ id, limit }, place): BucketState => {
      const [used, resetInMs] = counted[place] ?? [0, untilRelease];
      return { id, used, left: Math.max(0, limit - used), resetInMs: resetInMs === untilRelease ? null : resetInMs };
    }),
  };
}

export function scopeState(
  scope: ScopeId,
  now: number,
  [until, startedAt, strikes, source, reason]: [number, number, number, number, string],
): ScopeState {
  return { scope, now, until: timeOf(until), startedAt, reason, source: sourceOf(source), strikes };
}

function sourceOf(source: number): ScopeState["source"] {
  return sources[source - 1] ?? "heuristic";
}

function timeOf(time: number): number {
  return time >= never ? Number.POSITIVE_INFINITY : time;
}

/** An empty list looks like an empty object to the script. */
function list<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value : [];
}
