import { needsOf } from "../../../limits/amounts.ts";
import { ProcessStore } from "../../../limits/memory/memory.ts";
import type {
  Blocked,
  Bucket,
  Candidate,
  Counted,
  Need,
  Refusal,
  Report,
  Reservation,
  ScopeState,
  StoreReading,
} from "../../../limits/store.ts";
import type { CooldownChange, Random, ScopeId } from "../../../types.ts";
import { isPermit, type Question } from "../wire/answer.ts";
import type { Standing } from "../wire/link.ts";
import type { ServerTime } from "../wire/server-time.ts";
import type { LastSeen } from "./last-seen.ts";
import type { OpenPermits } from "./open-permits.ts";

/** What was decided without the server is asked again after so long: it may be back. Milliseconds. */
const askAgainMs = 1000;

/** What a process of this rank may take of what is left: over all ranks it adds up to just that. */
function shareOf(left: number, { instances, rank }: Standing): number {
  return Math.max(0, Math.ceil((left - rank) / instances));
}

/** Reserved while the server could not be asked. */
export class FallbackReservation implements Reservation {
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
  /** With the buckets as they were asked for, not as they were shared. */
  readonly needs: readonly Need[];
  readonly isHolding: boolean;
  /** The server knows of no claim. */
  readonly claimed: readonly ScopeId[] = [];
  readonly inner: Reservation;
  /** In which time without the server; when that is over, the server knows of it. */
  readonly stretch: number;
  settled = false;

  constructor(stretch: number, { number, id, candidates, options }: Question, inner: Reservation) {
    const needs = needsOf(candidates[inner.index] as Candidate);
    this.stretch = stretch;
    this.number = number;
    this.id = id;
    this.inner = inner;
    this.needs = needs.map(({ bucket, amount }) => ({ bucket, amount }));
    this.isHolding = this.needs.some(isPermit);
    this.index = inner.index;
    this.reservedAt = inner.reservedAt;
    this.leaseMs = options.leaseMs;
    this.expiresAt = inner.reservedAt + options.leaseMs;
    this.readyAt = Math.min(inner.readyAt, inner.reservedAt + askAgainMs);
  }
}

export interface LocalFallbackOptions {
  readonly time: ServerTime;
  readonly random: Random;
  readonly seen: LastSeen;
  readonly permits: OpenPermits;
  readonly standing: () => Standing;
}

interface Share {
  /** Under which it is counted here. */
  readonly id: string;
  /** Of a whole window. */
  readonly limit: number;
  readonly windowMs: number;
  /** Of a permit: how many this process held when the server went. */
  readonly heldBefore: number;
  /** What the server had said of the bucket by then. */
  readonly saidAs: number;
}

/**
 * Without the server this process goes on alone with its share of what was left, counted in memory. What was counted before
 * comes back one window after the share was reckoned, and then the share of the whole limit holds. A share is reckoned anew
 * only from what the server said since: one that comes and goes gives nothing out twice.
 */
export class LocalFallback {
  readonly #options: LocalFallbackOptions;
  readonly #store: ProcessStore;
  readonly #shares = new Map<string, Share>();
  /** Buckets by the names under which they are counted here. */
  readonly #names = new Map<string, string>();
  #reckoned = 0;
  #standing: Standing;
  #stretch = 0;
  #endedAt = Number.NEGATIVE_INFINITY;
  /** What was put into cooldown meanwhile, or ended by an operator. */
  readonly #changed = new Map<ScopeId, ScopeState>();
  readonly #endedByOperator = new Map<ScopeId, CooldownChange>();
  /** Scopes that may cool down here. */
  readonly #touched = new Set<ScopeId>();

  constructor(options: LocalFallbackOptions) {
    this.#options = options;
    this.#standing = options.standing();
    this.#store = new ProcessStore({ clock: options.time, random: options.random });
  }

  /** Numbers the times without the server. */
  get stretch(): number {
    return this.#stretch;
  }

  /** The server is gone. */
  begin(): void {
    const { seen, standing, time } = this.#options;
    const now = time.monotonic();
    this.#stretch++;
    this.#standing = standing();
    for (const [bucketId, { id, saidAs, windowMs }] of this.#shares) {
      if (seen.saidOf(bucketId) === saidAs && now - this.#endedAt < windowMs) continue;
      this.#shares.delete(bucketId);
      this.#names.delete(id);
    }
    const over = [...this.#touched].map((scope) => ({ scope, set: "end", reason: "", source: "operator" }) as const);
    this.#store.cooldown(over);
    this.#touched.clear();
    const cooling = [...seen.cooling].filter(({ until }) => until > now);
    for (const { scope } of cooling) this.#touched.add(scope);
    this.#store.cooldown(
      cooling.map(({ scope, until, reason, source }) => ({ scope, set: { forMs: until - now }, reason, source })),
    );
  }

  /** The server is back: what it and the others are to be told. */
  end(): CooldownChange[] {
    const now = this.#options.time.monotonic();
    const ended = [...this.#endedByOperator.values()];
    const states = [...this.#changed.values()];
    this.#options.seen.onCooldowns(states);
    this.#endedAt = now;
    this.#endedByOperator.clear();
    this.#changed.clear();
    const cooling = states.filter(({ until }) => until > now);
    return [
      ...ended,
      ...cooling.map(({ scope, until, reason, source }) => ({ scope, set: { forMs: until - now }, reason, source })),
    ];
  }

  reserve(question: Question): FallbackReservation | Refusal {
    const shared = question.candidates.map((candidate) => ({
      scopes: candidate.scopes,
      needs: needsOf(candidate).map(({ bucket, amount }) => ({ bucket: this.#shared(bucket), amount })),
    }));
    const answer = this.#store.reserve(shared, question.options);
    if (!answer.granted) return soon(answer, this.#names);
    return new FallbackReservation(this.#stretch, question, answer);
  }

  /** Somebody who knows says how much is used: what is left of it is shared as ever. Shares that are still to be reckoned know it anyway. */
  raise(atLeast: readonly Counted[]): void {
    const counted: Counted[] = [];
    for (const { bucket, used } of atLeast) {
      const share = bucket.kind === "concurrency" ? undefined : this.#shares.get(bucket.id);
      if (share === undefined) continue;
      const left = shareOf(Math.max(0, bucket.limit - used), this.#standing);
      const { id, limit } = share;
      counted.push({ bucket: { ...bucket, id, limit }, used: limit - Math.min(limit, left) });
    }
    if (counted.length > 0) this.#store.settle([], counted);
  }

  settle(report: Report, reservation: FallbackReservation): readonly ScopeState[] {
    return this.#note(this.#store.settle([{ ...report, reservation: reservation.inner }]));
  }

  /** The server decides what its end means; here only what it held is given back. */
  release(report: Report, reservation: FallbackReservation): void {
    this.#store.settle([{ ...report, reservation: reservation.inner, cooldowns: undefined }]);
  }

  cooldown(changes: readonly CooldownChange[]): readonly ScopeState[] {
    for (const change of changes) {
      if (change.set === "end" && change.source === "operator") this.#endedByOperator.set(change.scope, change);
    }
    return this.#note(this.#store.cooldown(changes));
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
    const shared = buckets.map((bucket) => this.#shared(bucket));
    const reading = this.#store.read(scopes, shared);
    const counted = reading.buckets.map((state) => ({ ...state, id: this.#names.get(state.id) ?? state.id }));
    return { ...reading, buckets: counted };
  }

  #note(states: readonly ScopeState[]): readonly ScopeState[] {
    for (const state of states) {
      this.#changed.set(state.scope, state);
      this.#touched.add(state.scope);
    }
    return states;
  }

  /** The same bucket with this process's share as its limit. */
  #shared(bucket: Bucket): Bucket {
    const { id, limit, heldBefore } = this.#shares.get(bucket.id) ?? this.#reckon(bucket);
    const shared = { ...bucket, id, limit };
    if (bucket.kind !== "concurrency") return shared;
    // What it gives back of its own it may use again.
    const givenBack = Math.max(0, heldBefore - this.#heldFromServer(shared, bucket));
    return { ...shared, limit: limit + givenBack };
  }

  #heldFromServer(shared: Bucket, bucket: Bucket): number {
    const [counted] = this.#store.read([], [shared]).buckets;
    return this.#options.permits.heldIn(bucket) - (counted?.used ?? 0);
  }

  #reckon(bucket: Bucket): Share {
    const { seen, permits } = this.#options;
    const left = shareOf(seen.leftIn(bucket), this.#standing);
    const isOfPlaces = bucket.kind === "concurrency";
    const limit = isOfPlaces ? left : shareOf(bucket.limit, this.#standing);
    const id = `${bucket.id}|${++this.#reckoned}`;
    const { windowMs = lengthOf(bucket.edges) } = bucket;
    const heldBefore = permits.heldIn(bucket);
    this.#shares.set(bucket.id, { id, limit, windowMs, heldBefore, saidAs: seen.saidOf(bucket.id) });
    this.#names.set(id, bucket.id);
    // What was taken of it before counts for a window.
    const taken = isOfPlaces ? 0 : limit - left;
    if (taken > 0) {
      const needs = [{ bucket: { ...bucket, id, limit }, amount: taken }];
      this.#store.reserve([{ scopes: [], needs }], { leaseMs: Number.POSITIVE_INFINITY, purpose: "request" });
    }
    return this.#shares.get(bucket.id) as Share;
  }
}

/** Of a calendar's window; permits have none. */
function lengthOf(edges: Bucket["edges"]): number {
  return edges === undefined ? Number.POSITIVE_INFINITY : edges[1] - edges[0];
}

/** Decided by a share: the server may know better, soon. */
function soon({ now, blocked }: Refusal, names: ReadonlyMap<string, string>): Refusal {
  const latest = now + askAgainMs;
  const sooner = blocked.map((each): Blocked => {
    if (each.source !== undefined && each.until !== null) return each;
    const by = names.get(each.by) ?? each.by;
    const until = Math.min(each.until ?? latest, latest);
    return each.anyUntil === undefined
      ? { ...each, by, until }
      : { ...each, by, until, anyUntil: Math.min(each.anyUntil, latest) };
  });
  return { granted: false, now, blocked: sooner };
}
