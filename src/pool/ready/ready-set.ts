import type { OwnCandidate } from "../../limits/key-candidate.ts";
import type { PoolLimits } from "../../limits/pool-limits.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";
import type { OrderContext, OrderedRequest, OrderingStrategy } from "../strategies/strategy.ts";
import { type Availability, availability, type Parked } from "./availability.ts";
import type { KnownCandidate, OnlyThese, ReadySetKind, Tier } from "./ready-set-parts.ts";
import { WakeHeap } from "./wake-heap.ts";

/** Groups woken in one pick, so that a boundary at which all wake is not paid for by one request. */
const wakesPerPick = 8;
/** So many that are listed as deprioritized and are not any more are no matter. */
const mostWoken = 64;

const never = Number.POSITIVE_INFINITY;

/**
 * The ready ring and wake-up heap over the groups that can serve one kind of request. A ready set exists only where matching
 * rules differ.
 */
export class ReadySet {
  /** Whose limits count here, and whose keys serve. */
  readonly model: string | undefined;
  /** Is the ready set for this model alone, whose own cooldown stops it? */
  readonly coolsAlone: boolean;
  /** Whose keys alone it holds; `undefined`: anybody's. */
  readonly only: OnlyThese | undefined;
  /** How many requests wait in it; written by the wait queue. */
  waiting = 0;
  /** Is its order told of requests that end? */
  countsBusy = false;
  /** When groups that wait for a release were last asked without one, monotonic; written by whoever asks. */
  blockedSeenAt = 0;
  /** Keys of groups of several that are at a limit of their own here, until when; Infinity: until a release. */
  readonly #limitedKeys = new Map<PooledKey, number>();
  #strategy: OrderingStrategy;
  readonly #context: OrderContext;
  readonly #pool: KeyPool;
  readonly #accepts: ((key: PooledKey) => boolean) | undefined;
  /** Those that wait for a time, by when they wake. */
  readonly wakes = new WakeHeap();
  /** By priority. */
  #tiers: readonly Tier[] = [];
  #firstMade: Tier | undefined = undefined;
  /** Those of ready groups, by slot, once there are several; of groups that were ready before it is the one made first. */
  #tierOf: (Tier | undefined)[] | undefined = undefined;
  #availabilities = new Uint8Array(16);
  #counts = new Int32Array(6);
  #deprioritized: number[] = [];
  readonly #candidates = new WeakMap<PooledKey, KnownCandidate>();

  constructor(
    pool: KeyPool,
    strategy: OrderingStrategy,
    context: OrderContext,
    { model, coolsAlone = false, only, accepts }: ReadySetKind = {},
  ) {
    this.#pool = pool;
    this.#strategy = strategy;
    this.#context = context;
    this.model = model;
    this.coolsAlone = coolsAlone;
    this.only = only;
    this.#accepts = accepts;
    for (const slot of pool.slots()) {
      // Of an account that nobody asked for yet, nothing is known that keeps it from serving.
      if (pool.isUntouched(slot)) this.#ready(slot);
      else this.join(pool.accountAt(slot));
    }
  }

  /** Puts those that are ready in another order; nobody's availability changes. */
  useStrategy(strategy: OrderingStrategy): void {
    this.#strategy = strategy;
    this.#tiers = [];
    this.#tierOf = undefined;
    this.countsBusy = false;
    for (const slot of this.#pool.slots()) if (this.availabilityOf(slot) === availability.ready) this.#ready(slot);
  }

  accepts(key: PooledKey): boolean {
    return key.enabled && (this.#accepts === undefined || this.#accepts(key));
  }

  /** What the store is asked for a key. Those of a set with a model carry that model's scope, so they are the set's own. */
  candidateOf(key: PooledKey, limits: PoolLimits): OwnCandidate {
    if (this.model === undefined && key.candidate !== undefined && key.candidateFor === undefined) return key.candidate;
    const { config, secret } = key;
    // Only a secret that is fetched can change without anybody telling.
    const fingerprint = key.isDynamic ? (secret.fingerprint ?? "") : undefined;
    if (this.model === undefined) {
      if (key.candidate === undefined || key.candidateFor !== fingerprint) {
        key.candidate = key.isAsListed ? limits.firstCandidateFor(key) : limits.candidateFor(key, undefined);
        key.candidateFor = fingerprint;
      }
      return key.candidate;
    }
    const known = this.#candidates.get(key);
    if (known?.fingerprint === fingerprint && known?.config === config && known.secret === secret)
      return known.candidate;
    const candidate = limits.candidateFor(key, this.model, this.coolsAlone);
    this.#candidates.set(key, { fingerprint, config, secret, candidate });
    return candidate;
  }

  count(kind: Availability): number {
    return this.#counts[kind] as number;
  }

  availabilityOf(slot: number): Availability {
    return (this.#availabilities[slot] ?? 0) as Availability;
  }

  /** Takes a group in if one of its keys may serve here, in its present tier and weight; else puts it out. */
  join(account: Account): void {
    const { slot } = account;
    const before = this.availabilityOf(slot);
    const mayServe = account.keys.some((key) => this.accepts(key));
    if (mayServe && before !== availability.absent && before !== availability.ready) return;
    if (!mayServe || before === availability.ready) this.leave(slot);
    if (mayServe) this.#ready(slot);
  }

  /** A key alone is at a limit; its group's others may serve. */
  limitKey(key: PooledKey, until: number): void {
    this.#limitedKeys.set(key, until);
  }

  /** Until when a key alone is at a limit; Infinity: until a release. */
  keyLimitedUntil(key: PooledKey): number {
    return this.#limitedKeys.size === 0 ? 0 : (this.#limitedKeys.get(key) ?? 0);
  }

  /** A request of the group has ended: keys that waited for that are asked again. */
  freeKeys({ keys }: Account): void {
    if (this.#limitedKeys.size > 0) for (const key of keys) this.#limitedKeys.delete(key);
  }

  leave(slot: number): void {
    this.#leaveOrder(slot);
    this.wakes.delete(slot);
    this.#note(slot, availability.absent);
  }

  /** The group to ask next, or -1: the first tier's choice, else one that is deprioritized. */
  first(request?: OrderedRequest): number {
    if ((this.#counts[availability.ready] as number) > 0) {
      if (this.#tierOf === undefined) return (this.#firstMade as Tier).order.first(request);
      for (const { order } of this.#tiers) if (order.size > 0) return order.first(request);
    }
    return this.count(availability.deprioritized) > 0 ? this.#firstDeprioritized() : -1;
  }

  /** Up to `max` groups, the preferred one first. */
  list(max: number, request?: OrderedRequest): number[] {
    const slots: number[] = [];
    for (const { order } of this.#tiers) {
      if (slots.length >= max) break;
      if (order.size > 0) slots.push(...order.list(max - slots.length, request));
    }
    if (slots.length === 0) {
      const deprioritized = this.#firstDeprioritized();
      if (deprioritized !== -1) slots.push(deprioritized);
    }
    return slots;
  }

  onTaken(slot: number): void {
    if (this.#availabilities[slot] !== availability.ready) return;
    (this.#tierOf?.[slot] ?? (this.#firstMade as Tier)).order.took(slot);
  }

  onBusyChanged(slot: number): void {
    if (this.#availabilities[slot] !== availability.ready) return;
    (this.#tierOf?.[slot] ?? (this.#firstMade as Tier)).order.busyChanged?.(slot);
  }

  /** @param freeAt when it is free again, as far as is known; Infinity: it wakes only to be probed */
  park(slot: number, until: number, as: Parked, freeAt = as === availability.refused ? never : until): void {
    if (this.availabilityOf(slot) === availability.absent) return;
    this.#leaveOrder(slot);
    this.wakes.set(slot, until, freeAt);
    this.#note(slot, as);
  }

  /** Lets nobody through until a request of the group ends; at the latest until then. */
  holdBack(slot: number, until: number): void {
    this.block(slot);
    if (this.availabilityOf(slot) === availability.blocked) this.wakes.set(slot, until);
  }

  block(slot: number): void {
    if (this.availabilityOf(slot) === availability.absent) return;
    this.#leaveOrder(slot);
    this.wakes.delete(slot);
    this.#note(slot, availability.blocked);
  }

  /** Serves only where no other can; until then, or until one of its requests ends. */
  deprioritize(slot: number, until?: number): void {
    const before = this.availabilityOf(slot);
    if (before !== availability.ready && before !== availability.deprioritized) return;
    if (until !== undefined) this.wakes.set(slot, until);
    if (before === availability.deprioritized) return;
    this.#leaveOrder(slot);
    this.#note(slot, availability.deprioritized);
    if (this.#deprioritized.length > mostWoken + 2 * this.count(availability.deprioritized)) {
      const listed = [...new Set(this.#deprioritized)]; // Those that were woken since stay listed until somebody looks.
      this.#deprioritized = listed.filter((each) => this.availabilityOf(each) === availability.deprioritized);
    }
    this.#deprioritized.push(slot);
  }

  /** Something may have changed for this group: it is asked again at its next turn. */
  wake(slot: number): void {
    const before = this.availabilityOf(slot);
    if (before === availability.absent || before === availability.ready) return;
    this.wakes.delete(slot);
    const account = this.#pool.accountAt(slot);
    this.freeKeys(account);
    this.#ready(slot);
  }

  /** A request of the group has ended: what it had may serve another. */
  onReleased(account: Account): void {
    const { slot } = account;
    const now = this.#availabilities[slot] as Availability;
    // One that comes last until a certain time does so whatever ends.
    const wasFull = now === availability.deprioritized && !this.wakes.has(slot);
    if (wasFull || now === availability.blocked) this.wake(slot);
    else if (this.#limitedKeys.size > 0) this.freeKeys(account);
    if (this.countsBusy) this.onBusyChanged(slot);
  }

  /** Something that groups wait for was given back, or may have been: they are asked, or so many of them. */
  wakeBlocked(most = never): void {
    let left = Math.min(most, this.count(availability.blocked));
    if (left === 0) return;
    for (const slot of this.#pool.slots()) {
      if (this.availabilityOf(slot) !== availability.blocked) continue;
      this.wake(slot);
      if (--left === 0) return;
    }
  }

  wakeAll(): void {
    for (const slot of this.#pool.slots()) this.wake(slot);
  }

  /** Wakes a bounded number of groups whose time has come. */
  wakeDue(now: number): void {
    for (let count = 0; count < wakesPerPick && this.wakes.nextAt <= now; count++) this.wake(this.wakes.pop());
  }

  #ready(slot: number): void {
    const tier = this.#tier(this.#pool.priority(slot));
    if (this.#tierOf !== undefined) this.#tierOf[slot] = tier;
    tier.order.add(slot);
    this.#note(slot, availability.ready);
  }

  #leaveOrder(slot: number): void {
    if (this.#availabilities[slot] !== availability.ready) return;
    (this.#tierOf?.[slot] ?? (this.#firstMade as Tier)).order.remove(slot);
  }

  #firstDeprioritized(): number {
    while (this.#deprioritized.length > 0) {
      const slot = this.#deprioritized[0] as number;
      if (this.availabilityOf(slot) === availability.deprioritized) return slot;
      this.#deprioritized.shift();
    }
    return -1;
  }

  #tier(priority: number): Tier {
    let tier = this.#tiers.find((candidate) => candidate.priority === priority);
    if (tier === undefined) {
      tier = { priority, order: this.#strategy.createOrder(this.#context) };
      this.countsBusy = tier.order.busyChanged !== undefined;
      if (this.#tiers.length === 0) this.#firstMade = tier;
      else this.#tierOf ??= new Array(Math.max(this.#availabilities.length, this.#pool.accountCount));
      this.#tiers = [...this.#tiers, tier].sort((a, b) => a.priority - b.priority);
    }
    return tier;
  }

  #note(slot: number, now: Availability): void {
    if (slot >= this.#availabilities.length) {
      const larger = new Uint8Array(Math.max(slot + 1, this.#availabilities.length * 2));
      larger.set(this.#availabilities);
      this.#availabilities = larger;
    }
    const before = this.#availabilities[slot] as number;
    if (before === now) return;
    this.#counts[before] = (this.#counts[before] as number) - 1;
    this.#counts[now] = (this.#counts[now] as number) + 1;
    this.#availabilities[slot] = now;
  }
}
