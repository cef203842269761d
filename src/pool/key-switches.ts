import type { ProviderReading } from "../judgement/provider-reading.ts";
import type { EventHub } from "./events.ts";
import type { KeyChange, KeyRegistry } from "./keys/key-registry.ts";
import { type PooledKey, secretUnknown } from "./keys/pooled-key.ts";
import type { Observers } from "./observing/observers.ts";
import type { Readiness } from "./readiness.ts";
import type { Settlement } from "./settlement.ts";

/** The parts of a pool that know keys. */
export interface KeyParts {
  readonly registry: KeyRegistry;
  readonly readiness: Readiness;
  readonly settlement: Settlement;
  readonly observers: Observers;
  readonly events: EventHub;
  readonly features: {
    readonly credentials: { forget(id: string): void };
    meet(providers: readonly ProviderReading[]): void;
  };
}

/** Switches keys off and on, and has requests, observers and listeners know of that and of all else that changes about keys. */
export class KeySwitches {
  readonly #pool: KeyParts;

  constructor(pool: KeyParts) {
    this.#pool = pool;
  }

  off(key: PooledKey, reason: string, givenUp = false): void {
    const before = key.enabled;
    key.switchOff(reason, givenUp);
    this.#rejoin(key);
    if (before) this.#pool.events.emit("key-disabled", { keyId: key.id, reason });
  }

  /** A key that is back in service begins with a clean record. */
  on(key: PooledKey): void {
    const { features, settlement, events } = this.#pool;
    const before = key.enabled;
    key.switchOn();
    features.credentials.forget(key.id);
    settlement.cooldowns.endAll(key);
    this.#rejoin(key);
    if (!before) events.emit("key-enabled", { keyId: key.id });
  }

  /** Its credential is dead. One that is fetched may be another tomorrow. */
  giveUp(id: string): void {
    const key = this.#keyOf(id);
    if (key !== undefined && !key.isDynamic) this.off(key, "credential refused", true);
  }

  /** Observers hear of the keys there are, and of those that come and go. */
  watch(): void {
    const { observers, features, registry } = this.#pool;
    const { pool } = registry;
    pool.watcher = (what, key) => {
      if (what === "keyAdded") features.meet(pool.providers);
      observers.onKey(what, key);
    };
    if (observers.keyAdded === undefined) return;
    for (const key of pool.keys.values()) observers.onKey("keyAdded", key.shown);
  }

  /** Tells of keys that serve nobody until they are given again. */
  tellUnknown(): void {
    const { registry, events } = this.#pool;
    if (registry.overrides?.kept.isKept !== true) return;
    for (const { id, secret } of registry.pool.keys.values()) {
      if (!secret.isKnown) events.emit("key-disabled", { keyId: id, reason: secretUnknown });
    }
  }

  tell(changes: readonly (KeyChange | undefined)[]): void {
    for (const change of changes) if (change !== undefined) this.#tell(change);
  }

  #tell({ id, kind, isReplaced, changed, touched, switchTo }: KeyChange): void {
    const { readiness, events } = this.#pool;
    const key = this.#keyOf(id);
    for (const account of touched) readiness.rejoin(account);
    if (kind === "added") events.emit("key-added", { keyId: id });
    if (kind === "removed") events.emit("key-removed", { keyId: id });
    if (isReplaced) {
      if (key !== undefined) readiness.wake(key.account.slot);
      events.emit("key-replaced", { keyId: id });
    }
    if (changed.length > 0) events.emit("key-updated", { keyId: id, changed });
    if (key === undefined || switchTo === undefined) return;
    if (switchTo) this.on(key);
    else this.off(key, key.troubles.offReason ?? "operator");
  }

  #rejoin({ account }: PooledKey): void {
    account.refresh();
    this.#pool.readiness.rejoin(account);
  }

  #keyOf(id: string): PooledKey | undefined {
    return this.#pool.registry.pool.keys.get(id);
  }
}
