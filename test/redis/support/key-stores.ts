import { randomBytes, randomUUID } from "node:crypto";
import { KeyRotator, type RotatorOptions } from "rotating-fetch";
import { RedisKeyStore, type RedisKeyStoreOptions } from "rotating-fetch/redis";
import type { KeyChanges, KeyRecord, KeyStore } from "../../../src/pool/keys/key-store.ts";
import type { OpenClient } from "./clients.ts";

export const newSecret = (): string => `test-${randomBytes(16).toString("hex")}`;

export function recordOf(id: string, secret?: string): KeyRecord {
  const plain: KeyRecord = {
    id,
    fingerprint: null,
    ordinal: 1,
    addedBy: "operator",
    removed: false,
    batch: null,
    settings: {},
  };
  return secret === undefined ? plain : { ...plain, given: { secret } };
}

export const put = (...records: readonly KeyRecord[]): KeyChanges => ({ put: records, drop: [] });

/** Makes a change as somebody who may be slower than others: until it is made. */
export async function persist(store: KeyStore, changes: KeyChanges): Promise<string> {
  for (;;) {
    const { version } = await store.load();
    const answer = await store.apply(changes, version);
    if (answer.applied) return answer.version;
  }
}

/** Stores and rotators of one test, each with a client of its own, as processes have. */
export class KeyStoreWorld {
  readonly pool = randomUUID();
  readonly #open: () => OpenClient | Promise<OpenClient>;
  readonly #ends: (() => unknown)[] = [];

  constructor(open: () => OpenClient | Promise<OpenClient>) {
    this.#open = open;
  }

  async store(options: Partial<RedisKeyStoreOptions> = {}): Promise<RedisKeyStore> {
    const { client, end } = await this.#open();
    this.#ends.push(end);
    return new RedisKeyStore({ client, pool: this.pool, ...options });
  }

  async rotator(keys: RotatorOptions["keys"], options: Partial<RedisKeyStoreOptions> = {}): Promise<KeyRotator> {
    const rotator = new KeyRotator({ keys, keyStore: await this.store(options) });
    this.#ends.unshift(() => rotator.close().catch(() => {}));
    await rotator.snapshot();
    return rotator;
  }

  /** The version that is told after a change, and the end of listening. */
  watch(store: RedisKeyStore): string[] {
    const told: string[] = [];
    this.#ends.unshift(store.watch((version) => told.push(version)));
    return told;
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0)) await end();
  }
}
