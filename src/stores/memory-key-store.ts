import { InvalidOptionsError } from "../errors.ts";
import type { Unsubscribe } from "../limits/store.ts";
import type { KeyChangeAnswer, KeyChanges, KeyRecord, KeyRecords, KeyStore } from "../pool/keys/key-store.ts";

export interface MemoryKeyStoreOptions {
  /** Keep the secrets operators give, so that rotators on this store can use each other's keys. @default false */
  readonly storeSecrets?: boolean | undefined;
}

/**
 * Operators' changes to keys, for rotators of one process: each sees what the others' operators change. Ends with the process.
 *
 * @example
 * const keyStore = new MemoryKeyStore({ storeSecrets: true });
 * const quick = new KeyRotator({ keys, keyStore });
 * const patient = new KeyRotator({ keys, keyStore });
 */
export class MemoryKeyStore implements KeyStore {
  readonly storesSecrets: boolean;
  readonly #records = new Map<string, KeyRecord>();
  readonly #listeners = new Set<(version: string) => void>();
  #revision = 0;
  #owner: string | undefined;

  /** @throws InvalidOptionsError when `storeSecrets` is neither true nor false. */
  constructor({ storeSecrets = false }: MemoryKeyStoreOptions = {}) {
    if (typeof storeSecrets !== "boolean") {
      const message = `Expected \`storeSecrets\` to be true or false, got a value of type ${typeof storeSecrets}`;
      throw new InvalidOptionsError("storeSecrets", message);
    }
    this.storesSecrets = storeSecrets;
  }

  claim(owner: string): string {
    this.#owner ??= owner;
    return this.#owner;
  }

  load(): KeyRecords {
    return { version: String(this.#revision), records: [...this.#records.values()] };
  }

  apply({ put, drop }: KeyChanges, expectedVersion: string): KeyChangeAnswer {
    if (expectedVersion !== String(this.#revision)) return { applied: false, version: String(this.#revision) };
    for (const id of drop) this.#records.delete(id);
    for (const record of put) this.#records.set(record.id, keepable(record, this.storesSecrets));
    const version = String(++this.#revision);
    for (const listener of [...this.#listeners]) {
      try {
        listener(version);
      } catch {
        // The change is made, whoever cannot hear of it.
      }
    }
    return { applied: true, version };
  }

  watch(listener: (version: string) => void): Unsubscribe {
    // Each call is a listener of its own, also with the same function.
    const own = (version: string): void => listener(version);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }
}

/** A copy that nobody changes, without what may not be kept. */
export function keepable(record: KeyRecord, storesSecrets: boolean): KeyRecord {
  const { given, ...rest } = record;
  const copy = structuredClone(storesSecrets && given !== undefined ? { ...rest, given } : rest);
  return deeplyFrozen(copy);
}

function deeplyFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const part of Object.values(value)) deeplyFrozen(part);
  return Object.freeze(value);
}
