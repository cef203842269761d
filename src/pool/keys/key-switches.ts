import type { KeyPool } from "./key-pool.ts";
import type { Account, PooledKey } from "./pooled-key.ts";

export interface KeySwitchParts {
  readonly pool: KeyPool;
  readonly rejoin: (account: Account) => void;
  /** A key that is back in service begins with a clean record. */
  readonly begin: (key: PooledKey) => void;
  readonly tell: (key: PooledKey, reason: string | undefined) => void;
}

/** Switches keys off and on, and has requests and listeners know. */
export class KeySwitches {
  readonly #parts: KeySwitchParts;

  constructor(parts: KeySwitchParts) {
    this.#parts = parts;
  }

  off(key: PooledKey, reason: string, givenUp = false): void {
    const before = key.enabled;
    key.switchOff(reason, givenUp);
    key.account.refresh();
    this.#parts.rejoin(key.account);
    if (before) this.#parts.tell(key, reason);
  }

  on(key: PooledKey): void {
    const before = key.enabled;
    key.switchOn();
    key.account.refresh();
    this.#parts.begin(key);
    this.#parts.rejoin(key.account);
    if (!before) this.#parts.tell(key, undefined);
  }

  /** Its credential is dead. One that is fetched may be another tomorrow. */
  giveUp(id: string): void {
    const key = this.#parts.pool.keys.get(id);
    if (key !== undefined && !key.isDynamic) this.off(key, "credential refused", true);
  }
}
