import type { PoolLimits } from "../../limits/pool-limits.ts";
import type { Reservation } from "../../limits/store.ts";
import type { Awaitable } from "../../types.ts";
import type { EventHub } from "../events.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";
import type { Lease, LeaseOwner } from "../lease.ts";
import { availability } from "../ready/availability.ts";
import type { CircuitBreakers } from "../ready/circuit-breakers.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { ReadySets } from "../ready/ready-sets.ts";
import type { ResolvedRotatorOptions } from "../rotator-options.ts";
import { isEnding, untilEnded } from "../waiting/bounded-wait.ts";
import { CountingDelay } from "./counting-delay.ts";

/** Keys that cannot be used because the function that fetches their secret failed. */
export interface SecretFailure {
  readonly cause: unknown;
  readonly accounts: number;
}

export interface GrantsParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly pool: KeyPool;
  readonly limits: Pick<PoolLimits, "hasLimits">;
  /** To whom leases are given back. */
  readonly owner: LeaseOwner;
  readonly host: GrantsHost;
}

/** Who counts what is under way. */
interface GrantsHost {
  readonly readySets: ReadySets;
  readonly breakers: CircuitBreakers;
  /** Returns how many requests hold a key now. */
  begin(account: Account): number;
  /** The account comes last until one of its requests ends. */
  deprioritize(account: Account): void;
}

/** Makes what a store reserved a lease of one key, and counts it. */
export class Grants {
  readonly #parts: GrantsParts;
  /** Are the store's times on our own clock? Spares reading it twice. */
  readonly #sameClock: boolean;
  readonly #delays: CountingDelay;
  /** Keys whose secret could not be fetched, with what was thrown. */
  readonly #secretFailures = new Map<PooledKey, unknown>();

  constructor(parts: GrantsParts) {
    const { clock, store } = parts.options;
    this.#parts = parts;
    this.#sameClock = store.clock === clock;
    this.#delays = new CountingDelay(clock);
  }

  /**
   * @param reservation the lease itself, where the store filled it
   * @returns `undefined`: its secret cannot be had, so another key is to be asked for
   */
  grant(readySet: ReadySet, key: PooledKey, reservation: Reservation, lease: Lease): Awaitable<Lease | undefined> {
    const { host, limits, options, owner } = this.#parts;
    const { account } = key;
    const now = this.#sameClock ? reservation.reservedAt : options.clock.monotonic();
    // Only now: of the candidates proposed at once, one is used.
    if (account.only === undefined) account.cursor = (account.keys.indexOf(key) + 1) % account.keys.length;
    key.use(now);
    const inFlight = host.begin(account);
    const isFull = host.breakers.size > 0 && host.breakers.onGranted(key, lease.request.model, now);
    const readyInMs = reservation === lease ? lease.readyInMs : reservation.readyAt - reservation.reservedAt;
    if (account.only !== undefined && readyInMs > 0) {
      readySet.park(account.slot, now + readyInMs, availability.limited);
    } else if (isFull) host.deprioritize(account);
    if (readySet.countsBusy) for (const each of host.readySets) each.onBusyChanged(account.slot);
    lease.begin(key, reservation, now, limits.hasLimits ? this.#delays.allowanceFor(inFlight, now) : undefined);
    if (owner.observers.granted !== undefined) owner.onGranted(lease);
    return key.isDynamic ? this.#withSecret(lease, readySet, key.secret.fingerprint) : lease;
  }

  async #withSecret(lease: Lease, readySet: ReadySet, known: string | undefined): Promise<Lease | undefined> {
    const { key, request } = lease;
    const { options, events } = this.#parts;
    try {
      const secret = await untilEnded(key.secret.read(), request, options.clock);
      if (this.#secretFailures.size > 0) this.#secretFailures.delete(key);
      if (known === undefined && key.secret.fingerprint === key.troubles.refusedFingerprint) {
        // The very one that was refused: now that it is known, the store says how long it cools down.
        lease.settle({ outcome: "aborted", sent: "no" });
        return undefined;
      }
      return lease.hold(secret);
    } catch (error) {
      lease.settle({ outcome: "aborted", sent: "no" });
      // It may still come: the key is not to blame for a caller who could not wait.
      if (isEnding(error, request)) throw error;
      events.emit("internal-error", { part: "secret", keyId: key.id, error });
      this.#secretFailures.set(key, error);
      const until = options.clock.monotonic() + options.cooldownMs;
      key.coolDown(until, key.troubles.isCredentialRefused, until);
      readySet.park(key.account.slot, until, availability.limited);
      return undefined;
    }
  }

  /** The latest failure of a key's secret function that still keeps a key from serving. */
  secretFailure(): SecretFailure | undefined {
    const accounts = new Set<Account>();
    let cause: unknown;
    for (const [key, error] of this.#secretFailures) {
      if (this.#parts.pool.keys.get(key.id) !== key) this.#secretFailures.delete(key);
      else {
        cause = error;
        accounts.add(key.account);
      }
    }
    return accounts.size === 0 ? undefined : { cause, accounts: accounts.size };
  }
}
