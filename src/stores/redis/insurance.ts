import type { Random } from "../../types.ts";
import { MemoryStore } from "../memory.ts";
import type {
  Blocked,
  Bucket,
  Candidate,
  CooldownChange,
  Need,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeId,
  ScopeState,
  StoreReading,
} from "../store.ts";
import type { LastSeen } from "./last-seen.ts";
import type { OwnPlaces } from "./own-places.ts";
import type { ServerTime } from "./server-time.ts";

/** What was decided without the server is asked again after so long: it may be back. Milliseconds. */
const askAgainMs = 1000;
const forGood = 100 * 365 * 86_400_000;

/** A place among those who share a pool. */
export interface Standing {
  readonly instances: number;
  readonly rank: number;
}

/** What a process of this rank may take of what is left: over all ranks it adds up to just that. */
function shareOf(left: number, { instances, rank }: Standing): number {
  return Math.max(0, Math.ceil((left - rank) / instances));
}

/** Reserved while the server could not be asked. */
export class InsuredReservation implements Reservation {
  readonly granted = true;
  readonly id: string;
  index: number;
  readonly reservedAt: number;
  readonly expiresAt: number;
  readonly readyAt: number;
  readonly left: readonly number[];
  /** With the buckets as they were asked for, not as they were shared. */
  readonly needs: readonly Need[];
  readonly inner: Reservation;
  /** Of which time without the server; afterwards nobody knows it there. */
  readonly gap: Insurance;
  settled = false;

  constructor(gap: Insurance, id: string, inner: Reservation, needs: readonly Need[]) {
    this.gap = gap;
    this.id = id;
    this.inner = inner;
    this.needs = needs.map(({ bucket, amount }) => ({ bucket, amount }));
    this.index = inner.index;
    this.reservedAt = inner.reservedAt;
    this.expiresAt = inner.expiresAt;
    this.readyAt = Math.min(inner.readyAt, inner.reservedAt + askAgainMs);
    this.left = inner.left;
  }
}

export interface InsuranceOptions {
  readonly time: ServerTime;
  readonly random: Random;
  readonly seen: LastSeen;
  readonly places: OwnPlaces;
  readonly standing: Standing;
}

interface Share {
  /** Of a whole window. */
  readonly limit: number;
  /** Of a place: how many this process held when the server went. */
  readonly heldBefore: number;
}

/**
 * One stretch of time without the server: this process goes on alone with its share of what was left, counted in memory. What
 * was counted before comes back one window after the stretch began, and then its share of the whole limit holds.
 */
export class Insurance {
  readonly #options: InsuranceOptions;
  readonly #store: MemoryStore;
  readonly #shares = new Map<string, Share>();
  /** What was put to rest meanwhile, or woken by an operator. */
  readonly changed = new Map<ScopeId, ScopeState>();
  readonly #endedByOperator = new Map<ScopeId, CooldownChange>();

  constructor(options: InsuranceOptions) {
    this.#options = options;
    this.#store = new MemoryStore({ clock: options.time, random: options.random });
    const now = options.time.monotonic();
    const resting = [...options.seen.resting].filter(({ until }) => until > now);
    this.#store.cooldown(
      resting.map(({ scope, until, reason, source }) => ({ scope, set: { forMs: until - now }, reason, source })),
    );
  }

  reserve(id: string, candidates: readonly Candidate[], options: ReserveOptions): InsuredReservation | Refusal {
    const shared = candidates.map(({ keyId, scopes, needs }) => ({
      keyId,
      scopes,
      needs: needs.map(({ bucket, amount }) => ({ bucket: this.#shared(bucket), amount })),
    }));
    const answer = this.#store.reserve(shared, options);
    if (!answer.granted) return soon(answer);
    return new InsuredReservation(this, id, answer, (candidates[answer.index] as Candidate).needs);
  }

  settle(report: Report, reservation: InsuredReservation): readonly ScopeState[] {
    return this.#note(this.#store.settle([{ ...report, reservation: reservation.inner }]));
  }

  cooldown(changes: readonly CooldownChange[]): readonly ScopeState[] {
    for (const change of changes) {
      if (change.set === "end" && change.source === "operator") this.#endedByOperator.set(change.scope, change);
    }
    return this.#note(this.#store.cooldown(changes));
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
    return this.#store.read(
      scopes,
      buckets.map((bucket) => this.#shared(bucket)),
    );
  }

  /** What the others are to be told of when the server is back. */
  changes(): CooldownChange[] {
    const now = this.#options.time.monotonic();
    const ended = [...this.#endedByOperator.values()];
    const resting = [...this.changed.values()].filter(({ until }) => until > now);
    return [
      ...ended,
      ...resting.map(({ scope, until, reason, source }) => ({ scope, set: { forMs: until - now }, reason, source })),
    ];
  }

  #note(states: readonly ScopeState[]): readonly ScopeState[] {
    for (const state of states) this.changed.set(state.scope, state);
    return states;
  }

  /** The same bucket with this process's share as its limit. */
  #shared(bucket: Bucket): Bucket {
    const share = this.#shares.get(bucket.id) ?? this.#open(bucket);
    if (bucket.kind !== "concurrency") return { ...bucket, limit: share.limit };
    // What it gives back of its own it may use again.
    const givenBack = Math.max(0, share.heldBefore - this.#options.places.heldIn(bucket));
    return { ...bucket, limit: share.limit + givenBack };
  }

  #open(bucket: Bucket): Share {
    const { seen, places, standing } = this.#options;
    const left = shareOf(seen.leftIn(bucket), standing);
    const isOfPlaces = bucket.kind === "concurrency";
    const limit = isOfPlaces ? left : shareOf(bucket.limit, standing);
    const share: Share = { limit, heldBefore: places.heldIn(bucket) };
    this.#shares.set(bucket.id, share);
    // What was taken of it before counts for a window.
    const taken = isOfPlaces ? 0 : limit - left;
    if (taken > 0) {
      const needs = [{ bucket: { ...bucket, limit }, amount: taken }];
      this.#store.reserve([{ keyId: "", scopes: [], needs }], { session: "", leaseMs: forGood, purpose: "request" });
    }
    return share;
  }
}

/** Decided by a share: the server may know better, soon. */
function soon({ now, blocked }: Refusal): Refusal {
  const latest = now + askAgainMs;
  let retryAt = latest;
  const sooner = blocked.map((each): Blocked => {
    if (each.source !== undefined && each.until !== null) {
      retryAt = Math.min(retryAt, each.until);
      return each;
    }
    const until = Math.min(each.until ?? latest, latest);
    retryAt = Math.min(retryAt, until);
    return each.anyUntil === undefined
      ? { ...each, until }
      : { ...each, until, anyUntil: Math.min(each.anyUntil, latest) };
  });
  return { granted: false, now, retryAt, blocked: sooner };
}
