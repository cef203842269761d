import type { PoolLimits } from "../../limits/pool-limits.ts";
import type { ReserveOptions } from "../../limits/store.ts";
import type { Awaitable, Clock } from "../../types.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Lease, LeaseOwner } from "../lease.ts";
import { availability } from "../ready/availability.ts";
import type { CircuitBreakers } from "../ready/circuit-breakers.ts";
import type { NotNow } from "../ready/not-now.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { AcquireRequest, ResolvedRotatorOptions } from "../rotator-options.ts";
import type { Choice } from "./choice.ts";
import type { Grants } from "./grants.ts";
import type { Refusals } from "./refusals.ts";
import type { TokenAmounts } from "./token-amounts.ts";

/** Finds a key for a request: asks the ready set who is next, and the store whether it may be used. */
export interface Asker {
  /**
   * A lease, or why nobody can serve now.
   * @param isLast it cannot be kept waiting for what has just come back from a cooldown
   */
  pick(readySet: ReadySet, request: AcquireRequest, isLast?: boolean): Awaitable<Lease | NotNow>;
}

export interface AskerParts {
  readonly options: ResolvedRotatorOptions;
  readonly pool: KeyPool;
  readonly tracker: PoolLimits;
  readonly choice: Choice;
  readonly breakers: CircuitBreakers;
  readonly refusals: Refusals;
  readonly grants: Grants;
  /** To whom leases are given back. */
  readonly owner: LeaseOwner;
  readonly tokens: TokenAmounts;
  readonly questions: Questions;
}

/** How a store is asked. */
export class Questions {
  readonly request: ReserveOptions;
  readonly probe: ReserveOptions;

  constructor(leaseMs: number) {
    this.request = { leaseMs, purpose: "request" };
    this.probe = { leaseMs, purpose: "probe" };
  }
}

/** A wall clock this far off its course was set, or slept; milliseconds. */
const clockJumpMs = 1000;
/** How often groups that wait for a release are looked at without one; milliseconds. */
const lookAtBlockedMs = 1000;

/** Looks for what may have changed without a word, where a ready set has nobody. */
export class SecondLook {
  readonly #clock: Clock;
  readonly #tracker: PoolLimits;
  /** How far the wall clock was from the monotonic one when that was last looked at. */
  #drift: number;

  constructor({ options, tracker }: Pick<AskerParts, "options" | "tracker">) {
    const { clock } = options;
    this.#clock = clock;
    this.#tracker = tracker;
    this.#drift = clock.wall() - clock.monotonic();
  }

  /** Is anybody to be asked again? */
  at(readySet: ReadySet): boolean {
    return this.#wakesBlocked(readySet) || (this.#tracker.hasCalendars && this.#wakesAll(readySet));
  }

  /** Permits that nobody gives back are given up by the store after a time, which it may tell nobody. */
  #wakesBlocked(readySet: ReadySet): boolean {
    if (readySet.count(availability.blocked) === 0) return false;
    const now = this.#clock.monotonic();
    if (now - readySet.blockedSeenAt < lookAtBlockedMs) return false;
    readySet.blockedSeenAt = now;
    readySet.wakeBlocked();
    return true;
  }

  /** Calendar limits were parked by the monotonic clock: after the wall clock jumped (set anew, or the machine slept) all are asked. */
  #wakesAll(readySet: ReadySet): boolean {
    const drift = this.#clock.wall() - this.#clock.monotonic();
    if (Math.abs(drift - this.#drift) < clockJumpMs) return false;
    this.#drift = drift;
    readySet.wakeAll();
    return true;
  }
}
