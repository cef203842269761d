import type { LeaseFacts, LeaseRefusal, LeaseResult, Observer, PoolObserver } from "../../ports.ts";
import type { Clock } from "../../types.ts";
import type { KeyPool } from "./key-pool.ts";
import type { KeySecret } from "./key-secret.ts";
import type { PooledKey } from "./pooled-key.ts";

/** When nobody says how long a refused secret cools down, it is tried again after so long, milliseconds. */
const unknownCooldownMs = 30_000;

/** A key's secret was replaced, and the one before may still be needed. */
interface Overlap {
  readonly old: KeySecret;
  readonly fresh: KeySecret;
  /** Monotonic time at which the old one is given up. */
  readonly until: number;
  readonly cancel: () => void;
  /** Monotonic time from which the new one is tried again. */
  retryAt: number;
}

/** What is told of cooldowns. */
interface Cooled {
  readonly scope: string;
  readonly forMs: number;
}

export interface SecretOverlapParts {
  readonly clock: Clock;
  readonly pool: Pick<KeyPool, "keys">;
  readonly events: {
    on(event: "key-cooled", listener: (cooled: Cooled) => void): void;
    off(event: "key-cooled", listener: (cooled: Cooled) => void): void;
    emit(event: "key-reverted", told: { readonly keyId: string }): void;
  };
  readonly attach: (observer: Observer) => () => void;
  readonly wake: (slot: number) => void;
}

/** Keeps replaced secrets for a time: a provider may not know the new one yet. Looks at answers only meanwhile. */
export class SecretOverlaps implements PoolObserver {
  readonly #parts: SecretOverlapParts;
  readonly #overlaps = new Map<string, Overlap>();
  #stopLooking: (() => void) | undefined;

  constructor(parts: SecretOverlapParts) {
    this.#parts = parts;
  }

  /** The key's present secret is new. */
  begin(key: PooledKey, old: KeySecret, forMs: number): void {
    const { id } = key;
    const { clock, events } = this.#parts;
    this.#drop(id);
    const ended = (): void => {
      if (this.#overlaps.get(id) === overlap) this.#end(id);
    };
    const cancel = clock.timer(ended, forMs, true);
    const overlap: Overlap = { old, fresh: key.secret, until: clock.monotonic() + forMs, cancel, retryAt: 0 };
    this.#overlaps.set(id, overlap);
    if (this.#stopLooking !== undefined) return;
    const detach = this.#parts.attach(this);
    events.on("key-cooled", this.#cooled);
    this.#stopLooking = () => {
      detach();
      events.off("key-cooled", this.#cooled);
    };
  }

  keyRemoved({ id }: { readonly id: string }): void {
    this.#drop(id);
  }

  /** A refused credential: goes on with the other one. */
  refused({ keyId, isOutdated }: LeaseFacts, { classification }: LeaseRefusal): void {
    const overlap = this.#current(keyId);
    const key = this.#parts.pool.keys.get(keyId);
    if (overlap === undefined || key === undefined || classification.kind !== "invalid_key" || isOutdated) return;
    if (key.secret !== overlap.fresh) {
      // Neither is taken any more: the new one is what the operator wants.
      this.#end(keyId);
      return;
    }
    const now = this.#parts.clock.monotonic();
    if (overlap.retryAt <= now) overlap.retryAt = now + unknownCooldownMs;
    this.#use(key, overlap.old);
    this.#parts.events.emit("key-reverted", { keyId });
  }

  /** The key serves. While it does so with the old secret, the new one has its turn when its cooldown is over. */
  ended({ keyId }: LeaseFacts, { outcome }: LeaseResult): void {
    if (outcome !== "success") return;
    const overlap = this.#current(keyId);
    const key = this.#parts.pool.keys.get(keyId);
    if (overlap === undefined || key === undefined || key.secret === overlap.fresh) return;
    if (this.#parts.clock.monotonic() >= overlap.retryAt) this.#use(key, overlap.fresh);
  }

  /** How long the store lets a refused credential cool down: tried before, it would keep the key from serving. */
  readonly #cooled = ({ scope, forMs }: Cooled): void => {
    for (const overlap of this.#overlaps.values()) {
      if (scope !== `credential:${overlap.fresh.fingerprint}`) continue;
      overlap.retryAt = this.#parts.clock.monotonic() + forMs;
    }
  };

  /** Ends one whose time is over, where no timer did, and one whose key has a third secret by now. */
  #current(id: string): Overlap | undefined {
    const overlap = this.#overlaps.get(id);
    if (overlap === undefined) return undefined;
    const secret = this.#parts.pool.keys.get(id)?.secret;
    if (secret !== overlap.fresh && secret !== overlap.old) this.#drop(id);
    else if (this.#parts.clock.monotonic() >= overlap.until) this.#end(id);
    return this.#overlaps.get(id);
  }

  #end(id: string): void {
    const overlap = this.#overlaps.get(id);
    const key = this.#parts.pool.keys.get(id);
    this.#drop(id);
    if (overlap !== undefined && key?.secret === overlap.old) this.#use(key, overlap.fresh);
  }

  #drop(id: string): void {
    this.#overlaps.get(id)?.cancel();
    if (!this.#overlaps.delete(id) || this.#overlaps.size > 0) return;
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }

  #use(key: PooledKey, secret: KeySecret): void {
    key.sendWith(secret);
    key.endCooldown();
    this.#parts.wake(key.account.slot);
  }
}
