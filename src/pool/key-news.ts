import type { KeyChange } from "./keys/key-registry.ts";
import { KeySwitches } from "./keys/key-switches.ts";
import { secretUnknown } from "./keys/pooled-key.ts";
import type { PoolPort } from "./pool-port.ts";

/** Has requests, observers and listeners know of what changes about keys. */
export class KeyNews {
  readonly #port: PoolPort;

  constructor(port: PoolPort) {
    this.#port = port;
  }

  makeSwitches(): KeySwitches {
    const port = this.#port;
    return new KeySwitches({
      pool: port.registry.pool,
      rejoin: (account) => port.readiness.rejoin(account),
      begin: (key) => {
        port.features.credentials.forget(key.id);
        port.settlement.cooldowns.endAll(key);
      },
      tell: ({ id }, reason) => {
        if (reason === undefined) port.emit("key-enabled", { keyId: id });
        else port.emit("key-disabled", { keyId: id, reason });
      },
    });
  }

  /** Observers hear of the keys there are, and of those that come and go. */
  watchKeys(): void {
    const { observers, features, registry } = this.#port;
    const { pool } = registry;
    pool.watcher = (what, key) => {
      if (what === "keyAdded") features.meet(pool.providers);
      observers.onKey(what, key);
    };
    if (observers.keyAdded === undefined) return;
    for (const key of pool.keys.values()) observers.onKey("keyAdded", key.shown);
  }

  /** Keys that serve nobody until they are given again. */
  tellUnknown(): void {
    const { registry, events } = this.#port;
    if (registry.overrides?.isKept !== true) return;
    for (const { id, secret } of registry.pool.keys.values()) {
      if (!secret.isKnown) events.emit("key-disabled", { keyId: id, reason: secretUnknown });
    }
  }

  tell(changes: readonly (KeyChange | undefined)[]): void {
    const { readiness, events } = this.#port;
    for (const change of changes) {
      if (change === undefined) continue;
      const { id, kind, isReplaced, changed, touched } = change;
      for (const account of touched) readiness.rejoin(account);
      if (kind === "added") events.emit("key-added", { keyId: id });
      if (kind === "removed") events.emit("key-removed", { keyId: id });
      if (isReplaced) this.#tellReplaced(id);
      if (changed.length > 0) events.emit("key-updated", { keyId: id, changed });
      this.#switch(change);
    }
  }

  #tellReplaced(id: string): void {
    const { registry, readiness, events } = this.#port;
    const key = registry.pool.keys.get(id);
    if (key !== undefined) readiness.wake(key.account.slot);
    events.emit("key-replaced", { keyId: id });
  }

  #switch({ id, switchTo }: KeyChange): void {
    const { registry, switches } = this.#port;
    const key = registry.pool.keys.get(id);
    if (key === undefined) return;
    if (switchTo === true) switches.on(key);
    if (switchTo === false) switches.off(key, key.troubles.offReason ?? "operator");
  }
}
