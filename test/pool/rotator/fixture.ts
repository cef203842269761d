import { AllKeysExhaustedError } from "../../../src/errors.ts";
import { MemoryStore } from "../../../src/limits/memory/memory-store.ts";
import type { Store } from "../../../src/limits/store.ts";
import { KeyRotator } from "../../../src/named/key-rotator.ts";
import type { RotatorOptions } from "../../../src/named/options.ts";
import type { KeyConfig } from "../../../src/pool/keys/key-config.ts";
import type { Lease } from "../../../src/pool/lease.ts";
import type { AcquireRequest } from "../../../src/pool/rotator-options.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { NastyStore } from "../../../src/testing/nasty-store.ts";
import { nextMacrotask } from "../../../src/testing/next-macrotask.ts";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import type { Classification, Clock, Random } from "../../../src/types.ts";
import { newSecret } from "../../support/test-keys.ts";

export interface StoreKind {
  readonly name: string;
  readonly makeStore: (clock: Clock, random: Random) => Store;
}

/** Every behaviour of the rotator is asked for on both: what holds on the second holds over a network. */
export const storeKinds: readonly StoreKind[] = [
  { name: "MemoryStore", makeStore: (clock, random) => new MemoryStore({ clock, random }) },
  { name: "NastyStore", makeStore: (clock, random) => new NastyStore({ clock, random }) },
];

/** Keys with the given ids and secrets of this run. */
export function named(...ids: readonly string[]): (KeyConfig & { secret: string })[] {
  return ids.map((id) => ({ id, secret: newSecret() }));
}

export function judged(details: Partial<Classification>): Classification {
  return {
    kind: "rate_limit",
    scope: "key",
    sharedBy: "account",
    window: null,
    dimension: null,
    retryAfterMs: null,
    retryable: true,
    failover: true,
    disableKey: false,
    strength: "certain",
    ...details,
  };
}

export const rateLimit = (retryAfterMs: number | null = null): Classification => judged({ retryAfterMs });
export const invalidKey = judged({ kind: "invalid_key", sharedBy: "key", retryable: false });

/** Waits until everything that needs no clock has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await nextMacrotask();
}

export type WorldOptions = Partial<Omit<RotatorOptions, "keys" | "store" | "clock">> & {
  readonly store?: Store;
  readonly clock?: FakeClock;
};

/** A rotator with a clock and a store of its own. */
export class RotatorWorld {
  readonly clock: FakeClock;
  readonly store: Store;
  readonly rotator: KeyRotator;

  constructor(makeStore: StoreKind["makeStore"], keys: RotatorOptions["keys"], options: WorldOptions = {}) {
    this.clock = options.clock ?? new FakeClock({ monotonic: 1_000_000 });
    const random = options.random ?? seededRandom(7);
    this.store = options.store ?? makeStore(this.clock, random);
    this.rotator = new KeyRotator({ ...options, keys, clock: this.clock, random, store: this.store });
  }

  /** A lease that is ready now or after waiting inside. */
  async take(request?: AcquireRequest): Promise<Lease> {
    return this.rotator.acquire(request);
  }

  /** The ids of the keys that so many requests in a row are given; each succeeds at once. */
  async ids(count: number, request?: AcquireRequest): Promise<string[]> {
    const ids: string[] = [];
    for (let place = 0; place < count; place++) {
      const lease = await this.take(request);
      ids.push(lease.keyId);
      await this.succeed(lease);
    }
    return ids;
  }

  async succeed(lease: Lease): Promise<void> {
    lease.settle({ outcome: "success" });
    await settled();
  }

  /** A millisecond later the request is refused so. */
  async fail(lease: Lease, classification: Classification = rateLimit()): Promise<void> {
    this.clock.advanceSync(1);
    lease.settle({ outcome: "failure", classification });
    await settled();
  }

  /** Takes the wanted key and has it refused. */
  async failKey(id: string, classification?: Classification, request: AcquireRequest = {}): Promise<void> {
    const lease = await this.take({ ...request, prefer: id });
    if (lease.keyId !== id) throw new Error(`Expected key ${id}, got ${lease.keyId}`);
    await this.fail(lease, classification);
  }

  /** The error of a request that nobody can serve. */
  async exhausted(request: AcquireRequest = { maxWaitMs: 0 }): Promise<AllKeysExhaustedError> {
    const answer = await this.take(request).catch((error: unknown) => error);
    if (answer instanceof AllKeysExhaustedError) return answer;
    throw new Error("Expected the request to find no key");
  }

  async advance(ms: number): Promise<void> {
    await settled();
    await this.clock.advance(ms);
    await settled();
  }
}

/** What has become of a promise, without waiting for it. */
export function watch<T>(promise: Promise<T>): { value: T | undefined; error: unknown; isDone: boolean } {
  const state: { value: T | undefined; error: unknown; isDone: boolean } = {
    value: undefined,
    error: undefined,
    isDone: false,
  };
  promise.then(
    (value) => Object.assign(state, { value, isDone: true }),
    (error: unknown) => Object.assign(state, { error, isDone: true }),
  );
  return state;
}
