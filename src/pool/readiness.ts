import type { PoolLimits } from "../limits/pool-limits.ts";
import { isModelScope, nameInScope } from "../limits/scopes.ts";
import { isListening, isShared } from "../limits/store.ts";
import type { ScopeId } from "../types.ts";
import type { EventHub } from "./events.ts";
import type { PoolStanding } from "./exhaustion.ts";
import type { Account, KeyPool } from "./keys/key-pool.ts";
import type { Lease } from "./lease.ts";
import { OriginRests } from "./ready/origin-cooldowns.ts";
import { Parking } from "./ready/parking.ts";
import { type Lane, standing } from "./ready/ready-set.ts";
import { Lanes } from "./ready/ready-sets.ts";
import { Rechecks } from "./ready/rechecks.ts";
import type { ResolvedRotatorOptions } from "./rotator-options.ts";
import { LeaseRenewal } from "./shared/lease-renewal.ts";
import { SharedRests } from "./shared/shared-rests.ts";
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

/** How the accounts stand for a model with a lane of its own. */
export interface ModelStanding {
  /** The model, or one of those that share their limits. */
  readonly model: string;
  readonly ready: number;
  readonly limited: number;
  readonly refused: number;
  /** Milliseconds until the next resting account is due for it; `null` when none rests. */
  readonly nextReadyInMs: number | null;
}

/** Who is ready, who rests, who waits, and what is under way. It gives out nothing itself. */
export class Readiness {
  readonly #options: ResolvedRotatorOptions;
  readonly #pool: KeyPool;
  #inFlight = 0;
  readonly origins: OriginRests;
  readonly rechecks = new Rechecks();
  readonly parking: Parking;
  /** What processes that share the store know of rests. */
  readonly shared: SharedRests | undefined;
  readonly renewal: LeaseRenewal | undefined;
  readonly queue: WaitQueue<Lease>;
  lanes: Lanes;
  strategy: OrderingStrategy;

  constructor(parts: ReadinessParts) {
    const { options, pool } = parts;
    const { clock, random, store, strategy } = options;
    this.#options = options;
    this.#pool = pool;
    this.strategy = strategy;
    this.origins = new OriginRests(clock);
    this.parking = new Parking(random, this.rechecks);
    this.shared = isShared(store) ? new SharedRests(parts, this) : undefined;
    const failed = (error: unknown): void => parts.events.emit("internal-error", { part: "store", error });
    this.renewal = isShared(store) ? new LeaseRenewal(store, options, failed) : undefined;
    this.queue = new WaitQueue(clock, (lane) => this.#pollMs(lane));
    this.lanes = this.#makeLanes();
  }

  /** Requests that hold a key. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** A request holds a key of this account. */
  begin(account: Account): number {
    account.inFlight++;
    this.renewal?.begun();
    return ++this.#inFlight;
  }

  /** And gives it back. */
  end(account: Account): void {
    account.inFlight--;
    this.#inFlight--;
    this.renewal?.ended();
  }

  /** Does the order change when a request ends? */
  get countsBusy(): boolean {
    return this.lanes.general.countsBusy;
  }

  /** Chooses by another strategy from now on. */
  useStrategy(strategy: OrderingStrategy): void {
    this.strategy = strategy;
    this.lanes.useStrategy(strategy);
  }

  /** Begins anew with the keys there are now. */
  rebuild(): void {
    this.lanes = this.#makeLanes();
  }

  /** Takes over that an account's keys changed. */
  rejoin(account: Account): void {
    if (account.keys.length === 0) this.lanes.leaveAll(account.slot);
    else this.lanes.joinAll(account);
    this.shared?.joined(account);
    this.serveAll();
  }

  /** An account comes last for a time: it serves where nobody else can. */
  holdBack({ slot }: Account, until: number): void {
    for (const lane of this.lanes) lane.hold(slot, until);
  }

  /** Something may have changed for an account: it is asked again, and those who wait are served. */
  wake(slot: number): void {
    this.lanes.wakeAll(slot);
    this.serveAll();
  }

  serveAll(): void {
    this.queue.serveAll();
  }

  /** A request of this account has ended: what it held may serve a waiter. */
  released(account: Account): void {
    if (this.lanes.onlyGeneral) {
      this.#releasedIn(this.lanes.general, account);
      return;
    }
    for (const lane of this.lanes) this.#releasedIn(lane, account);
  }

  #releasedIn(lane: Lane, account: Account): void {
    const { slot } = account;
    const now = lane.standingOf(slot);
    // One that comes last until a certain time does so whatever ends.
    const isHeld = now === standing.held && lane.wakeAtOf(slot) === Number.POSITIVE_INFINITY;
    if (isHeld || now === standing.stuck) lane.wake(slot);
    else lane.freeKeys(account);
    if (this.#pool.countsTogether && lane.waiting > 0) lane.wakeOneStuck();
    if (lane.countsBusy) lane.busyChanged(slot);
    if (lane.waiting > 0) this.queue.serve(lane);
  }

  /** A store told that something was freed elsewhere, or that it can be asked again. */
  freed(): void {
    for (const lane of this.lanes) {
      lane.wakeStuck();
      this.queue.serve(lane);
    }
  }

  /** How the accounts stand for models with a lane of their own. */
  modelStandings(): readonly ModelStanding[] {
    const standings: ModelStanding[] = [];
    for (const lane of this.lanes) {
      if (lane.model === undefined) continue;
      const { ready, limited, refused, wakeInMs } = this.standing(lane);
      standings.push({ model: lane.model, ready, limited, refused, nextReadyInMs: wakeInMs });
    }
    return standings;
  }

  standing(lane: Lane = this.lanes.general, roomAt = Number.POSITIVE_INFINITY): PoolStanding {
    const ready = lane.count(standing.ready) + lane.count(standing.held);
    const freeAt = Math.min(lane.nextFreeAt(), lane.count(standing.ready) > 0 ? roomAt : Number.POSITIVE_INFINITY);
    const isLimited = freeAt !== Number.POSITIVE_INFINITY || ready + lane.count(standing.stuck) > 0;
    const absent = this.#absentFrom(lane);
    const disabled = Math.min(absent, this.#absentFrom(this.lanes.general));
    return {
      accounts: this.#pool.accountCount,
      ready,
      limited: lane.count(standing.limited) + lane.count(standing.stuck),
      refused: lane.count(standing.refused),
      disabled,
      unsuitable: absent - disabled,
      wakeInMs: this.#until(isLimited ? freeAt : lane.nextWakeAt()),
      isLimited,
    };
  }

  /** Of a request that belongs to one account, only that one counts. */
  standingFor(lane: Lane, account: string | undefined, roomAt: number): PoolStanding {
    const own = account === undefined ? undefined : this.#pool.accountOf(account);
    if (own === undefined) return this.standing(lane, roomAt);
    const is = (...standings: number[]): number => Number(standings.includes(lane.standingOf(own.slot)));
    const freeAt = lane.standingOf(own.slot) === standing.ready ? roomAt : lane.freeAtOf(own.slot);
    const isLimited = freeAt !== Number.POSITIVE_INFINITY || is(standing.ready, standing.held, standing.stuck) > 0;
    return {
      accounts: 1,
      ready: is(standing.ready, standing.held),
      limited: is(standing.limited, standing.stuck),
      refused: is(standing.refused),
      disabled: is(standing.absent),
      unsuitable: 0,
      wakeInMs: this.#until(isLimited ? freeAt : lane.wakeAtOf(own.slot)),
      isLimited,
      only: own.name,
    };
  }

  #makeLanes(): Lanes {
    const { clock, random } = this.#options;
    const context = { groups: this.#pool, clock, random };
    const teach = (lane: Lane): void => this.shared?.teach(lane);
    return new Lanes(this.#pool, this.strategy, context, teach, () => this.#coolingModels());
  }

  /** A store inside this process may have counted before, or for another pool. */
  *#coolingModels(): Generator<string> {
    for (const scope of this.#options.store.cooling?.() ?? []) {
      const model = this.#noteModel(scope);
      if (model !== undefined) yield model;
    }
  }

  /** Another pool over a store inside this process put this scope into cooldown. */
  cooled(scope: ScopeId): void {
    const model = this.#noteModel(scope);
    if (model !== undefined) this.lanes.separate(model);
  }

  #noteModel(scope: ScopeId): string | undefined {
    if (!isModelScope(scope)) return undefined;
    const target = modelTarget(this.#pool, nameInScope(scope));
    if (target?.model !== undefined) target.account?.noteModel(target.model);
    return target?.model;
  }

  /** When to look for what nobody tells of; `undefined`: there is nothing to look for. */
  #pollMs(lane: Lane): number | undefined {
    if (lane.count(standing.stuck) === 0 && this.shared?.look() !== true) return undefined;
    const { random, store } = this.#options;
    // A store that tells of releases is asked only because leases may end, which nobody tells.
    return (isListening(store) ? untoldMs : 0) + pollMs + random() * pollJitterMs;
  }

  /** Milliseconds; `null` where no time is known. */
  #until(at: number): number | null {
    return at === Number.POSITIVE_INFINITY ? null : Math.max(0, at - this.#options.clock.monotonic());
  }

  #absentFrom(lane: Lane): number {
    const { absent: _, ...present } = standing;
    return Object.values(present).reduce((left, each) => left - lane.count(each), this.#pool.accountCount);
  }
}
