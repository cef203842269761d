import type { PoolLimits } from "../limits/pool-limits.ts";
import { isModelScope, nameInScope } from "../limits/scopes.ts";
import { isListening, isShared } from "../limits/store.ts";
import type { ScopeId } from "../types.ts";
import type { EventHub } from "./events.ts";
import type { PoolAvailability } from "./exhaustion.ts";
import type { KeyPool } from "./keys/key-pool.ts";
import type { Account } from "./keys/pooled-key.ts";
import type { Lease } from "./lease.ts";
import { availability } from "./ready/availability.ts";
import { CircuitBreakers } from "./ready/circuit-breakers.ts";
import type { ReadySet } from "./ready/ready-set.ts";
import { ReadySets } from "./ready/ready-sets.ts";
import type { ResolvedRotatorOptions } from "./rotator-options.ts";
import { LeaseRenewal } from "./shared/lease-renewal.ts";
import { SharedCooldowns } from "./shared/shared-cooldowns.ts";
import { modelTarget } from "./shared/targets.ts";
import type { OrderingStrategy } from "./strategies/strategy.ts";
import { WaitQueue } from "./waiting/wait-queue.ts";

/** How often a store is asked for what only a release elsewhere can free; milliseconds. */
const pollMs = 50;
const pollJitterMs = 200;
/** How much rarer where it tells of what is given back; milliseconds. */
const untoldMs = 950;

export interface ReadinessParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly pool: KeyPool;
  readonly tracker: PoolLimits;
}

/** How the accounts stand for a model with a ready set of its own. */
export interface ModelStanding {
  /** The model, or one of those that share their limits. */
  readonly model: string;
  readonly ready: number;
  readonly limited: number;
  readonly refused: number;
  /** Milliseconds until the next account that cools down is due for it; `null` when none does. */
  readonly nextReadyInMs: number | null;
}

/** Who is ready, who cools down, who waits, and what is under way. It gives out nothing itself. */
export class Readiness {
  readonly #options: ResolvedRotatorOptions;
  readonly #pool: KeyPool;
  #inFlight = 0;
  readonly breakers: CircuitBreakers;
  /** What processes that share the store know of cooldowns. */
  readonly shared: SharedCooldowns | undefined;
  readonly renewal: LeaseRenewal | undefined;
  readonly queue: WaitQueue<Lease>;
  readySets: ReadySets;
  strategy: OrderingStrategy;

  constructor(parts: ReadinessParts) {
    const { options, pool } = parts;
    const { clock, random, store, strategy } = options;
    this.#options = options;
    this.#pool = pool;
    this.strategy = strategy;
    this.breakers = new CircuitBreakers(clock, random, options.egress);
    this.shared = isShared(store) ? new SharedCooldowns(parts, this) : undefined;
    const failed = (error: unknown): void => parts.events.emit("internal-error", { part: "store", error });
    this.renewal = isShared(store) ? new LeaseRenewal(store, options, failed) : undefined;
    this.queue = new WaitQueue(clock, this);
    this.readySets = this.#makeReadySets();
  }

  /** Requests that hold a key. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** A request holds a key of this account. */
  begin(account: Account): number {
    account.inFlight++;
    this.renewal?.onBegin();
    return ++this.#inFlight;
  }

  /** And gives it back. */
  end(account: Account): void {
    account.inFlight--;
    this.#inFlight--;
    this.renewal?.onEnd();
  }

  /** Chooses by another strategy from now on. */
  useStrategy(strategy: OrderingStrategy): void {
    this.strategy = strategy;
    this.readySets.useStrategy(strategy);
  }

  /** Begins anew with the keys there are now. */
  rebuild(): void {
    this.readySets = this.#makeReadySets();
  }

  /** Takes over that an account's keys changed. */
  rejoin(account: Account): void {
    this.breakers.onLeft(account);
    if (account.keys.length === 0) this.readySets.leaveAll(account.slot);
    else this.readySets.joinAll(account);
    this.shared?.onAccount(account);
    this.serveAll();
  }

  /** An account comes last: it serves where nobody else can. Until then, or until one of its requests ends. */
  deprioritize({ slot }: Account, until?: number): void {
    const { general, onlyGeneral } = this.readySets;
    if (onlyGeneral) general.deprioritize(slot, until);
    else for (const readySet of this.readySets) readySet.deprioritize(slot, until);
  }

  /** Something may have changed for an account: it is asked again, and those who wait are served. */
  wake(slot: number): void {
    this.readySets.wakeAll(slot);
    this.serveAll();
  }

  serveAll(): void {
    this.queue.serveAll();
  }

  /**
   * A request of this account has ended: what it had may serve a waiter.
   * @param mayFit was anything given back that the account may be parked for?
   */
  onReleased(account: Account, mayFit: boolean): void {
    if (mayFit) this.readySets.wakeAll(account.slot);
    const { general, onlyGeneral } = this.readySets;
    if (onlyGeneral && general.waiting === 0) general.onReleased(account);
    else this.#serveAfter(account, onlyGeneral ? [general] : this.readySets);
  }

  #serveAfter(account: Account, readySets: Iterable<ReadySet>): void {
    for (const readySet of readySets) {
      readySet.onReleased(account);
      if (readySet.waiting === 0) continue;
      if (this.#pool.countsTogether || this.breakers.ofAddresses > 0) readySet.wakeBlocked(this.breakers.mostWoken);
      this.queue.serve(readySet);
    }
  }

  /** A store told that something was freed elsewhere, or that it can be asked again. */
  onFreed(): void {
    for (const readySet of this.readySets) {
      readySet.wakeBlocked();
      this.queue.serve(readySet);
    }
  }

  /** How the accounts stand for models with a ready set of their own. */
  availabilityOfModels(): readonly ModelStanding[] {
    const models: ModelStanding[] = [];
    for (const readySet of this.readySets) {
      if (readySet.model === undefined || readySet.only !== undefined) continue;
      const { ready, limited, refused, wakeInMs } = this.availability(readySet);
      models.push({ model: readySet.model, ready, limited, refused, nextReadyInMs: wakeInMs });
    }
    return models;
  }

  availability(readySet: ReadySet = this.readySets.general, roomAt = Number.POSITIVE_INFINITY): PoolAvailability {
    const ready = readySet.count(availability.ready) + readySet.count(availability.deprioritized);
    const freeAt = Math.min(
      readySet.wakes.nextFreeAt(),
      readySet.count(availability.ready) > 0 ? roomAt : Number.POSITIVE_INFINITY,
    );
    const isLimited = freeAt !== Number.POSITIVE_INFINITY || ready + readySet.count(availability.blocked) > 0;
    const absent = this.#absentFrom(readySet);
    const disabled = Math.min(absent, this.#absentFrom(this.readySets.general));
    return {
      accounts: this.#pool.accountCount,
      ready,
      limited: readySet.count(availability.limited) + readySet.count(availability.blocked),
      refused: readySet.count(availability.refused),
      disabled,
      unsuitable: absent - disabled,
      wakeInMs: this.#until(isLimited ? freeAt : readySet.wakes.nextAt),
      isLimited,
    };
  }

  /** Of a request that belongs to one account, only that one counts. */
  availabilityFor(readySet: ReadySet, account: string | undefined, roomAt: number): PoolAvailability {
    const own = account === undefined ? undefined : this.#pool.accountOf(account);
    if (own === undefined) return this.availability(readySet, roomAt);
    const is = (...models: number[]): number => Number(models.includes(readySet.availabilityOf(own.slot)));
    const freeAt =
      readySet.availabilityOf(own.slot) === availability.ready ? roomAt : readySet.wakes.freeAtOf(own.slot);
    const isLimited =
      freeAt !== Number.POSITIVE_INFINITY ||
      is(availability.ready, availability.deprioritized, availability.blocked) > 0;
    return {
      accounts: 1,
      ready: is(availability.ready, availability.deprioritized),
      limited: is(availability.limited, availability.blocked),
      refused: is(availability.refused),
      disabled: is(availability.absent),
      unsuitable: 0,
      wakeInMs: this.#until(isLimited ? freeAt : readySet.wakes.timeOf(own.slot)),
      isLimited,
      only: own.name,
    };
  }

  #makeReadySets(): ReadySets {
    const { clock, random } = this.#options;
    const context = { groups: this.#pool, clock, random };
    const teach = (readySet: ReadySet): void => this.shared?.applyTo(readySet);
    return new ReadySets(this.#pool, this.strategy, context, teach, () => this.#coolingModels());
  }

  /** A store inside this process may have counted before, or for another pool. */
  *#coolingModels(): Generator<string> {
    const accounts = (): readonly string[] => Array.from(this.#pool.accounts, ({ id }) => id);
    for (const scope of this.#options.store.cooling?.(accounts) ?? []) {
      const model = this.#noteModel(scope);
      if (model !== undefined) yield model;
    }
  }

  /** Another pool over a store inside this process put this scope into cooldown. */
  onCooled(scope: ScopeId): void {
    const model = this.#noteModel(scope);
    if (model !== undefined) this.readySets.separate(model);
  }

  #noteModel(scope: ScopeId): string | undefined {
    if (!isModelScope(scope)) return undefined;
    const target = modelTarget(this.#pool, nameInScope(scope));
    if (target?.model !== undefined) target.account?.noteModel(target.model);
    return target?.model;
  }

  /** When to look for what nobody tells of; `undefined`: there is nothing to look for. */
  pollMs(readySet: ReadySet): number | undefined {
    if (readySet.count(availability.blocked) === 0 && this.shared?.look() !== true) return undefined;
    const { random, store } = this.#options;
    const isListened = this.shared === undefined ? store.watch !== undefined : isListening(store);
    // A store that tells of releases is asked only because leases may end, which nobody tells.
    return (isListened ? untoldMs : 0) + pollMs + random() * pollJitterMs;
  }

  /** Milliseconds; `null` where no time is known. */
  #until(at: number): number | null {
    return at === Number.POSITIVE_INFINITY ? null : Math.max(0, at - this.#options.clock.monotonic());
  }

  #absentFrom(readySet: ReadySet): number {
    const { absent: _, ...present } = availability;
    return Object.values(present).reduce((left, each) => left - readySet.count(each), this.#pool.accountCount);
  }
}
