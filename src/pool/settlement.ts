import { amountsOf } from "../limits/amounts.ts";
import type { PoolLimits } from "../limits/pool-limits.ts";
import type { Report, Store } from "../limits/store.ts";
import type { HeaderReader, LeaseFacts, LeaseResult, PoolChange } from "../ports.ts";
import type { Classification, Clock, CooldownChange } from "../types.ts";
import { Cooldowns } from "./cooldowns.ts";
import type { EventHub } from "./events.ts";
import type { KeyPool } from "./keys/key-pool.ts";
import type { Lease, LeaseOwner } from "./lease.ts";
import { LeaseView } from "./lease-view.ts";
import type { Observers } from "./observing/observers.ts";
import type { Readiness } from "./readiness.ts";
import type { ResolvedRotatorOptions } from "./rotator-options.ts";

export interface SettlementParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly pool: KeyPool;
  readonly tracker: PoolLimits;
  readonly readiness: Readiness;
  readonly observers: Observers;
}

const noCooldowns: readonly CooldownChange[] = [];

/** What the store is told of the usual end. It keeps nothing of it, so the same one serves every time. */
type SuccessReport = { -readonly [field in keyof Report]: Report[field] };

/**
 * Takes keys back. One end of an attempt is, in this order: counted here, classified into cooldowns, shown to observers, told
 * to the store in one step with all that follows from it, and what the store answers is taken over by `Cooldowns`. What was
 * freed then serves those who wait.
 */
export class Settlement implements LeaseOwner {
  readonly #parts: SettlementParts;
  readonly #store: Store;
  readonly #clock: Clock;
  /** Whoever looks at attempts. */
  readonly observers: Observers;
  readonly #readiness: Readiness;
  readonly cooldowns: Cooldowns;
  /** For a store on our own clock, which keeps no list and no report it is given. */
  readonly #alone: Report[] = new Array(1);
  readonly #success: SuccessReport | undefined;
  readonly #whenIdle = new Set<() => void>();
  /** Is a store told of an end at this moment? */
  isSettling = false;
  /** Monotonic time at which any key worked last. */
  workedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: SettlementParts) {
    const { options } = parts;
    this.#parts = parts;
    this.#store = options.store;
    this.#clock = options.clock;
    this.observers = parts.observers;
    this.#readiness = parts.readiness;
    this.cooldowns = new Cooldowns(parts);
    const isOurs = options.store.clock === options.clock;
    this.#success = isOurs
      ? { reservation: undefined as never, outcome: "success", sent: "yes", headersAfterMs: 0 }
      : undefined;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  /** Resolves when no lease is open, at the latest after so many milliseconds. */
  idle(longestMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.options.clock.timer(resolve, longestMs);
      this.#whenIdle.add(() => {
        cancel();
        resolve();
      });
    });
  }

  factsOf(lease: Lease): LeaseFacts {
    lease.facts ??= new LeaseView(lease, this.#parts.options.egress);
    return lease.facts;
  }

  onGranted(lease: Lease): void {
    const changes = this.observers.show("granted", this.factsOf(lease), undefined);
    if (changes.length > 0) this.follow(changes, lease);
  }

  /** The headers of a good answer. */
  onHeaders(lease: Lease, headers: HeaderReader): void {
    const changes = this.observers.show("headers", this.factsOf(lease), headers);
    if (changes.length > 0) this.follow(changes, lease);
  }

  onEnd(lease: Lease, result: LeaseResult): void {
    const { key, notes } = lease;
    const { account } = key;
    const { outcome, sent, usage } = result;
    const now = this.#clock.monotonic();
    this.#readiness.end(account);
    if (outcome === "success") {
      this.workedAt = now;
      key.onSuccess(now);
    } else if (outcome === "failure") key.onFailure(now);
    if (this.#readiness.breakers.size > 0)
      this.#readiness.breakers.onEnd(lease, outcome === "success", mayBeWall(result.classification));
    const isWatched = result.classification !== undefined || this.observers.ended !== undefined;
    const changes = isWatched ? this.#changesAfter(lease, result) : undefined;
    const isUsual = outcome === "success" && notes === undefined && sent === undefined && usage === undefined;
    let report: Report;
    if (isUsual && this.#success !== undefined && lease.allowance.ms === 0) {
      this.#success.reservation = lease.reservation ?? lease;
      this.#success.headersAfterMs = now - lease.reservedAt;
      report = this.#success;
    } else report = this.#reportOn(lease, result, now);
    const settling = this.#settle(report, lease);
    // Where all are cooldowns, the store was told of all.
    if (changes !== undefined && changes.length > (report.cooldowns?.length ?? 0)) this.#followOthers(changes);
    // What was given back may be the very thing it was parked for.
    const mayGiveBack = sent === "no" || (usage !== undefined && this.#parts.pool.countsTokens);
    if (settling !== undefined) settling.then(() => this.#readiness.onReleased(account, mayGiveBack));
    else this.#readiness.onReleased(account, mayGiveBack);
    if (this.#whenIdle.size > 0 && this.#readiness.inFlight === 0) for (const done of this.#whenIdle) done();
  }

  /** Does what observers ask for, apart from the end of an attempt. */
  follow(changes: readonly PoolChange[], lease: Lease): void {
    const cooldowns = changes.filter(isCooldown);
    if (cooldowns.length > 0) this.cooldowns.apply(cooldowns, lease);
    this.#followOthers(changes);
  }

  /** Ends what an attempt's end put into cooldown. */
  #undo(facts: LeaseFacts): void {
    const lease = LeaseView.leaseOf(facts);
    if (lease !== undefined) this.cooldowns.undo(lease);
  }

  #followOthers(changes: readonly PoolChange[]): void {
    for (const change of changes) {
      if ("undo" in change) this.#undo(change.undo);
      else if ("deprioritize" in change) {
        const account = this.#parts.pool.accountOf(change.deprioritize);
        if (account !== undefined) this.#readiness.deprioritize(account, this.now() + change.forMs);
      }
    }
  }

  /** What follows from an end: by its classification, and by what observers say. Notes on the lease what cools down. */
  #changesAfter(lease: Lease, result: LeaseResult): readonly PoolChange[] {
    const { classification, outcome, sent, usage, headers, text } = result;
    const { observers } = this;
    const { policy } = this.#parts.tracker;
    const startedAt = (lease.reservation ?? lease).reservedAt;
    const cooldowns = classification === undefined ? noCooldowns : policy.changesFor(classification, lease, startedAt);
    let changes: readonly PoolChange[] = cooldowns;
    if (classification !== undefined && observers.refused !== undefined) {
      const refusal = { outcome, sent, usage, headers, text, classification, cooldowns };
      changes = joined(changes, observers.show("refused", this.factsOf(lease), refusal));
    }
    if (observers.ended !== undefined) changes = joined(changes, observers.show("ended", this.factsOf(lease), result));
    if (changes.length > 0) lease.marks = changes === cooldowns ? cooldowns : changes.filter(isCooldown);
    return changes;
  }

  #reportOn(lease: Lease, result: LeaseResult, now: number): Report {
    const { notes, reservation = lease } = lease;
    const answeredAt = notes === undefined ? 0 : notes.answeredAt;
    const { outcome, usage, sent = "yes" } = result;
    // Without an answer nobody knows when the provider counted: as late as it may.
    const isUnanswered = answeredAt === 0 && (outcome === "aborted" || sent === "unknown");
    const headersAfterMs = isUnanswered ? undefined : (answeredAt === 0 ? now : answeredAt) - lease.reservedAt;
    const cooldowns = notes === undefined || notes.marks.length === 0 ? undefined : notes.marks;
    const amounts = usage && amountsOf(usage);
    return { reservation, outcome, sent, headersAfterMs, allowanceMs: lease.allowance.ms, amounts, cooldowns };
  }

  /** A promise where the store takes its time; it never rejects. */
  #settle(report: Report, lease: Lease): Promise<void> | undefined {
    this.isSettling = true;
    try {
      const states = this.#store.settle(this.#success === undefined ? [report] : this.#alone.fill(report));
      this.isSettling = false;
      if ("then" in states) {
        return Promise.resolve(this.cooldowns.own(states, lease.key, report.cooldowns))
          .then((late) => this.cooldowns.onStates(late, lease.key, lease))
          .catch((error: unknown) => this.#storeFailed(error));
      }
      if (states.length > 0) this.cooldowns.onStates(states, lease.key, lease);
    } catch (error) {
      this.isSettling = false;
      this.#storeFailed(error);
    }
    return undefined;
  }

  #storeFailed(error: unknown): void {
    this.#parts.events.emit("internal-error", { part: "store", error });
  }
}

/** A rate limit of whatever owner and length. */
function mayBeWall(classification: Classification | undefined): boolean {
  if (classification?.kind !== "rate_limit") return false;
  return classification.strength !== "certain" && classification.retryAfterMs === null;
}

function joined(changes: readonly PoolChange[], more: readonly PoolChange[]): readonly PoolChange[] {
  return more.length === 0 ? changes : [...changes, ...more];
}

function isCooldown(change: PoolChange): change is CooldownChange {
  return "scope" in change;
}
