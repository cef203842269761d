import { needsOf } from "../../../limits/amounts.ts";
import type {
  Blocked,
  Bucket,
  BucketState,
  Candidate,
  Need,
  Refusal,
  Reservation,
  ReserveOptions,
  ScopeState,
  StoreReading,
} from "../../../limits/store.ts";
import type { CooldownSource, ScopeId } from "../../../types.ts";

/** As they are numbered on the wire, from 1. */
export const sources: readonly CooldownSource[] = ["authoritative", "heuristic", "credit", "operator"];
/** Times from here on stand for never; and the number that stands for "only a release helps". */
const never = 9e15;
const untilRelease = -1;

type ScopeFields = [until: number, startedAt: number, strikes: number, source: number, reason: string];
type ScopeRefusal = [byScope: 1, place: number, until: number, source: number, reason: string];
type BucketRefusal = [byBucket: 2, place: number, until: number, anyUntil?: number];
type Blocking = ScopeRefusal | BucketRefusal;
/** For each need what is used and the ticket; then which scopes have a record; last, if any, what refused the candidates before. */
type Granted = [index: number, readyAfterMs: number, ...rest: (number | Blocking[])[]];
/** What became of one question. */
type Reply = Granted | Blocking[];

/** What the script answers. Empty lists come as empty objects. */
export interface ScriptAnswer {
  /** The server's time. */
  readonly n: number;
  readonly e: string;
  /** To a sign of life; `olderSeenAt`: 0 where there is nobody of the format before. */
  readonly h?: [instances: number, rank: number, olderSeenAt: number, newer: number];
  /** To each question, in their order. */
  readonly r?: Reply[];
  /** Scopes that were touched, by the report of which number; 0: by none. */
  readonly t?: [report: number, place: number, ...ScopeFields][];
  readonly q?: [scopes: [place: number, ...ScopeFields][], buckets: [used: number, resetInMs: number][]];
}

/** @throws TypeError for a reply that is none of the script's. */
export function parseAnswer(reply: unknown): ScriptAnswer {
  // Some clients have parsed it already.
  const text = String(reply);
  const isParsed = typeof reply === "object" && reply !== null && "n" in reply;
  const answer = (isParsed ? reply : text.startsWith("{") ? JSON.parse(text) : null) as ScriptAnswer | null;
  if (typeof answer?.n === "number" && typeof answer.e === "string") return answer;
  throw new TypeError("The client's reply is none that this store's script gives: expected its text");
}

/** A question, as it was asked. */
export interface Question {
  /** Of the instance's questions. */
  readonly number: number;
  readonly id: string;
  readonly candidates: readonly Candidate[];
  readonly options: ReserveOptions;
}

const nothing: readonly ScopeId[] = [];

/** What was reserved, with all that settling it needs: the server keeps nothing of a reservation by itself. */
export class RedisReservation implements Reservation {
  readonly granted = true;
  /** Of this instance's reservations. */
  readonly number: number;
  readonly id: string;
  readonly index: number;
  readonly reservedAt: number;
  readonly leaseMs: number;
  /** When its lease ends, on the server's clock. */
  expiresAt: number;
  readonly readyAt: number;
  /** What is left in each bucket, in the order of the needs. */
  readonly left: readonly number[];
  blocked: readonly Blocked[] | undefined;
  /** What was taken, as it was then. */
  readonly needs: readonly Need[];
  readonly tickets: readonly number[];
  /** Scopes that had a record, which its success may clear. */
  readonly known: readonly ScopeId[];
  readonly isProbe: boolean;
  /** Scopes that it may have claimed. */
  readonly claimed: readonly ScopeId[];
  /** Does it hold permits, or a claim? */
  readonly isHolding: boolean;
  /** How much earlier the server may have reserved it than this process knew, milliseconds: all that is counted from it comes later by so much. */
  lagMs: number;
  settled: boolean;

  constructor(
    { number, id, options: { leaseMs, purpose } }: Pick<Question, "number" | "id" | "options">,
    index: number,
    reservedAt: number,
    readyAt: number,
    needs: readonly Need[],
    tickets: readonly number[],
    left: readonly number[],
    known: readonly ScopeId[],
    blocked?: readonly Blocked[],
  ) {
    this.number = number;
    this.id = id;
    this.index = index;
    this.reservedAt = reservedAt;
    this.leaseMs = leaseMs;
    this.expiresAt = reservedAt + leaseMs;
    this.readyAt = readyAt;
    this.left = left;
    this.blocked = blocked;
    this.needs = needs;
    this.tickets = tickets;
    this.known = known;
    this.isProbe = purpose === "probe";
    this.claimed = this.isProbe ? known : nothing;
    this.isHolding = this.claimed.length > 0 || needs.some(isPermit);
    this.lagMs = 0;
    this.settled = false;
  }
}

export function isPermit({ bucket }: Need): boolean {
  return bucket.kind === "concurrency";
}

/** The reservation that was made, or `undefined`: it was refused. @param place of the question among those asked at once */
export function reservationOf(answer: ScriptAnswer, place: number, question: Question): RedisReservation | undefined {
  const reply = answer.r?.[place];
  if (!isGranted(reply)) return undefined;
  const [index, readyAfterMs] = reply;
  const candidate = question.candidates[index] as Candidate;
  const needs: Need[] = [];
  const left: number[] = [];
  const tickets: number[] = [];
  let next = 2;
  for (const { bucket, amount } of needsOf(candidate)) {
    needs.push({ bucket, amount });
    left.push(bucket.limit - (reply[next++] as number));
    tickets.push(reply[next++] as number);
  }
  const known: ScopeId[] = [];
  while (typeof reply[next] === "number") known.push(candidate.scopes[reply[next++] as number] as ScopeId);
  const before = reply[next];
  const blocked = Array.isArray(before) ? blockedIn(before, question.candidates) : undefined;
  const readyAt = timeOf(answer.n + readyAfterMs);
  const reservation = new RedisReservation(question, index, answer.n, readyAt, needs, tickets, left, known, blocked);
  if (question.options.dryRun === true) reservation.settled = true;
  return reservation;
}

function isGranted(reply: Reply | undefined): reply is Granted {
  return typeof reply?.[0] === "number";
}

export function refusalOf({ n: now, r }: ScriptAnswer, place: number, { candidates }: Question): Refusal {
  const reply = r?.[place];
  if (typeof reply !== "object" || reply === null)
    throw new TypeError("The server's answer has no reply to this question");
  const blocked = blockedIn(list(reply as Blocking[]), candidates);
  return { granted: false, now, blocked };
}

function blockedIn(refused: readonly Blocking[], candidates: readonly Candidate[]): Blocked[] {
  return refused.map((each, index) => blockedOf(each, index, candidates[index] as Candidate));
}

function blockedOf(refused: Blocking, index: number, candidate: Candidate): Blocked {
  if (refused[0] === 1) {
    const [, place, until, source, reason] = refused;
    return { index, by: candidate.scopes[place] as ScopeId, until: timeOf(until), source: sourceOf(source), reason };
  }
  const [, place, until, anyUntil] = refused;
  const { bucket } = needsOf(candidate)[place] as Need;
  const by = bucket.id;
  if (until === untilRelease) return { index, by, until: null };
  return anyUntil === undefined
    ? { index, by, until: timeOf(until) }
    : { index, by, until: timeOf(until), anyUntil: timeOf(anyUntil) };
}

/** A scope that a report or a change touched. */
export interface Touched {
  /** The number of the report in its batch, from 1; 0: a change that came with none. */
  readonly report: number;
  readonly state: ScopeState;
}

export function touchedOf({ n: now, t }: ScriptAnswer, request: { scopeAt(place: number): ScopeId }): Touched[] {
  return list(t).map(([report, place, ...fields]) => ({
    report,
    state: scopeState(request.scopeAt(place), now, fields),
  }));
}

export function readingOf(answer: ScriptAnswer, scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
  const [known, counted] = answer.q ?? [[], []];
  return {
    now: answer.n,
    scopes: list(known).map(([place, ...fields]) => scopeState(scopes[place] as ScopeId, answer.n, fields)),
    buckets: buckets.map(({ id, limit }, place): BucketState => {
      const [used, resetInMs] = counted[place] ?? [0, untilRelease];
      const left = Math.max(0, limit - used);
      return { id, used, left, resetInMs: resetInMs === untilRelease ? null : resetInMs };
    }),
  };
}

export function scopeState(
  scope: ScopeId,
  now: number,
  [until, startedAt, strikes, source, reason]: ScopeFields,
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
