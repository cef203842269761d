import type { Clock } from "../../types.ts";
import type { EventHub } from "../events.ts";
import type { Lease } from "../lease.ts";
import type { KeyPool, PooledKey } from "./key-pool.ts";
import type { KeySecret } from "./key-secret.ts";

/** When nobody says how long a refused secret rests, it is tried again after so long, milliseconds. */
const unknownRestMs = 30_000;

/** A key's secret was replaced, and the one before may still be needed. */
export interface SecretOverlap {
  readonly old: KeySecret;
  readonly fresh: KeySecret;
  /** Monotonic time at which the old one is given up. */
  readonly until: number;
  readonly cancel: () => void;
  /** Monotonic time from which the new one is tried again. */
  retryAt: number;
}

/** Keeps replaced secrets for a time: a provider may not know the new one yet. */
export class SecretOverlaps {
  readonly #clock: Clock;
  readonly #events: EventHub;
  readonly #pool: Pick<KeyPool, "keys">;
  readonly #wake: (slot: number) => void;

  constructor(clock: Clock, events: EventHub, pool: Pick<KeyPool, "keys">, wake: (slot: number) => void) {
    this.#clock = clock;
    this.#events = events;
    this.#pool = pool;
    this.#wake = wake;
  }

  /** The key's present secret is new. */
  begin(key: PooledKey, old: KeySecret, forMs: number): void {
    const { id } = key;
    const ended = (): void => {
      const now = this.#pool.keys.get(id);
      if (now?.overlap === overlap) this.#end(now);
    };
    const until = this.#clock.monotonic() + forMs;
    const cancel = this.#clock.timer(ended, forMs, true);
    const overlap: SecretOverlap = { old, fresh: key.secret, until, cancel, retryAt: 0 };
    key.overlap = overlap;
  }

  /** Nothing is left of it when a key leaves or has its secret replaced again. */
  drop(key: PooledKey): void {
    key.overlap?.cancel();
    key.overlap = undefined;
  }

  /** A credential was refused. Tells whether that is settled by going on with the other one. */
  refused({ key: leased, secretUsed }: Lease): boolean {
    // It may have moved to another account meanwhile.
    const key = this.#pool.keys.get(leased.id) ?? leased;
    const overlap = this.#current(key);
    if (overlap === undefined || secretUsed !== key.secret) return false;
    if (secretUsed !== overlap.fresh) {
      // Neither is taken any more: the new one is what the operator wants.
      this.#end(key);
      return true;
    }
    const now = this.#clock.monotonic();
    if (overlap.retryAt <= now) overlap.retryAt = now + unknownRestMs;
    this.#use(key, overlap.old);
    this.#events.emit("key-reverted", { keyId: key.id });
    return true;
  }

  /** How long the store lets a refused credential rest: tried before, it would keep the key from serving. */
  rested(key: PooledKey, fingerprint: string, forMs: number): void {
    const { overlap } = key;
    if (overlap?.fresh.fingerprint === fingerprint) overlap.retryAt = this.#clock.monotonic() + forMs;
  }

  /** The key serves. While it does so with the old secret, the new one has its turn when its rest is over. */
  succeeded(key: PooledKey, now: number): void {
    const overlap = this.#current(key);
    if (overlap !== undefined && key.secret !== overlap.fresh && now >= overlap.retryAt) this.#use(key, overlap.fresh);
  }

  /** Ends one whose time is over, where no timer did. */
  #current(key: PooledKey): SecretOverlap | undefined {
    if (key.overlap !== undefined && this.#clock.monotonic() >= key.overlap.until) this.#end(key);
    return key.overlap;
  }

  #end(key: PooledKey): void {
    const { overlap } = key;
    if (overlap === undefined) return;
    this.drop(key);
    if (key.secret !== overlap.fresh) this.#use(key, overlap.fresh);
  }

  #use(key: PooledKey, secret: KeySecret): void {
    key.take(key.config, secret);
    key.restUntil = 0;
    key.credentialRefused = false;
    key.refusals = 0;
    this.#wake(key.account.slot);
  }
}
