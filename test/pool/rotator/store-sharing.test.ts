import { describe, expect, it } from "vitest";
import { AllKeysExhaustedError } from "../../../src/errors.ts";
import { MemoryStore } from "../../../src/limits/memory/memory-store.ts";
import type { SharingChange, StoreSharing } from "../../../src/limits/sharing.ts";
import type {
  Candidate,
  Refusal,
  Reservation,
  ReserveOptions,
  SharedStore,
  Store,
  Unsubscribe,
} from "../../../src/limits/store.ts";
import { KeyRotator } from "../../../src/named/key-rotator.ts";
import type { RotatorOptions } from "../../../src/named/options.ts";
import type { Lease } from "../../../src/pool/lease.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { named, settled } from "./fixture.ts";

/** A store of several processes that may be away, and tells. */
class TellingStore implements SharedStore {
  readonly candidatesPerReserve: number;
  readonly #inner: MemoryStore;
  readonly #listeners = new Set<(change: SharingChange) => void>();
  state: StoreSharing["state"] = "unknown";
  isClosed = false;

  constructor(inner: MemoryStore, candidatesPerReserve: number) {
    this.#inner = inner;
    this.candidatesPerReserve = candidatesPerReserve;
  }

  tell(change: SharingChange): void {
    if (change.type === "degraded") this.state = "alone";
    else if (change.type === "shared") this.state = "shared";
    for (const listener of this.#listeners) listener(change);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  async reserve(candidates: readonly Candidate[], options: ReserveOptions): Promise<Reservation | Refusal> {
    if (this.state !== "alone") return this.#inner.reserve(candidates, options);
    const until = 250;
    const blocked = candidates.map((_candidate, index) => ({ index, by: "store", until, reason: "store unavailable" }));
    return { granted: false, now: 0, blocked };
  }

  async settle(...given: Parameters<Store["settle"]>): Promise<ReturnType<MemoryStore["settle"]>> {
    return this.#inner.settle(...given);
  }

  async cooldown(...given: Parameters<Store["cooldown"]>): Promise<ReturnType<MemoryStore["cooldown"]>> {
    return this.#inner.cooldown(...given);
  }

  async read(...asked: Parameters<Store["read"]>): Promise<ReturnType<MemoryStore["read"]>> {
    return this.#inner.read(...asked);
  }

  async renew(): Promise<void> {}

  watch(): Unsubscribe {
    return () => {};
  }

  sharing(): StoreSharing {
    return { state: this.state, since: 5, instances: 3, rank: 1, listening: false };
  }

  onSharing(listener: (change: SharingChange) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

const lost: SharingChange = { type: "degraded", cause: "connect ECONNREFUSED", instances: 3 };

interface World {
  readonly clock: FakeClock;
  readonly store: TellingStore;
  readonly rotator: KeyRotator;
}

function world(options: Partial<RotatorOptions> = {}, candidatesPerReserve = 16): World {
  const clock = new FakeClock({ monotonic: 1_000_000 });
  const store = new TellingStore(new MemoryStore({ clock }), candidatesPerReserve);
  const rotator = new KeyRotator({ keys: named("a", "b"), clock, store, random: () => 0, ...options });
  return { clock, store, rotator };
}

async function refusalOf(got: Lease | Promise<Lease>): Promise<AllKeysExhaustedError> {
  const error = await Promise.resolve(got).catch((thrown: unknown) => thrown);
  if (AllKeysExhaustedError.isInstance(error)) return error;
  throw new Error("It was not refused for want of keys");
}

describe("KeyRotator with a store that tells of its sharing", () => {
  it("tells of a store that is lost, back, deaf and forgetful, to listeners and the logger", () => {
    const logged: [string, string, object | undefined][] = [];
    const log =
      (level: string) =>
      (message: string, details?: object): void =>
        void logged.push([level, message, details]);
    const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
    const { store, rotator } = world({ logger });
    const heard: object[] = [];
    rotator.on("store-degraded", (event) => heard.push(event));
    rotator.on("store-shared", (event) => heard.push(event));
    store.tell(lost);
    store.tell({ type: "shared", aloneForMs: 900 });
    store.tell({ type: "data-lost", instances: 3 });
    store.tell({ type: "unsubscribed", cause: "NOPERM" });
    const alone = { cause: "connect ECONNREFUSED", instances: 3 };
    expect(heard).toEqual([alone, { aloneForMs: 900 }]);
    expect(logged).toEqual([
      ["warn", "store-degraded", alone],
      ["info", "store-shared", { aloneForMs: 900 }],
      ["warn", "store-data-lost", { instances: 3 }],
      ["warn", "store-unsubscribed", { cause: "NOPERM" }],
    ]);
  });

  it("has the store's standing in its snapshot, and nothing of one that does not tell", async () => {
    const { store, rotator } = world();
    store.tell(lost);
    expect((await rotator.snapshot()).store).toEqual(store.sharing());
    expect("store" in (await new KeyRotator({ keys: named("a") }).snapshot())).toBe(false);
  });

  for (const candidates of [1, 16]) {
    it(`answers 503 and says that it was the store where that alone refuses (${candidates} at a time)`, async () => {
      const { store, rotator } = world({ maxWaitMs: 0 }, candidates);
      store.tell(lost);
      const error = await refusalOf(rotator.acquire());
      expect(error).toMatchObject({ status: 503, retryAfterMs: 1000, reasons: { limited: 0, store: 2 } });
      expect(error.message).toContain("2 kept back, as the store cannot be asked");
      expect(await refusalOf(rotator.acquire({ account: "a" }))).toMatchObject({ status: 503, reasons: { store: 1 } });
      const { keys } = await rotator.explain();
      expect(keys.map(({ reason, by }) => [reason, by])).toEqual([
        ["store unavailable", "store"],
        ["store unavailable", "store"],
      ]);
    });
  }

  it("answers 429 as ever once the store is back and the limits are used up", async () => {
    const { store, rotator } = world({ maxWaitMs: 0, limits: [{ requests: 2, scope: "ip" }] });
    store.tell(lost);
    await refusalOf(rotator.acquire());
    store.tell({ type: "shared", aloneForMs: 1 });
    for (let count = 0; count < 2; count++) await rotator.acquire();
    const { status, reasons } = await refusalOf(rotator.acquire());
    expect([status, reasons]).toEqual([429, { limited: 2, credential: 0, disabled: 0, unsuitable: 0 }]);
  });

  it("blames accounts in cooldown before the store", async () => {
    const { store, rotator } = world({ maxWaitMs: 0 });
    await rotator.cooldown("a", 60_000);
    store.tell(lost);
    expect(await refusalOf(rotator.acquire())).toMatchObject({ status: 429, reasons: { limited: 1, store: 1 } });
  });

  it("serves at once those who wait, any or for one account, when the store is back", async () => {
    const { store, rotator, clock } = world({ maxWaitMs: 60_000 });
    store.tell(lost);
    const waiting = [rotator.acquire(), rotator.acquire({ account: "b" }), rotator.acquire({ maxWaitMs: 100 })];
    await settled();
    expect(rotator.waiting).toBe(3);
    const before = clock.monotonic();
    store.tell({ type: "shared", aloneForMs: 10 });
    expect((await Promise.all(waiting)).map(({ keyId }) => keyId)).toContain("b");
    expect(clock.monotonic()).toBe(before);
  });

  for (const account of [undefined, "b"]) {
    it(`asks again by itself where nobody tells that the store is back (account: ${account})`, async () => {
      const { store, rotator, clock } = world({ maxWaitMs: 60_000 });
      store.tell(lost);
      const waiting = rotator.acquire({ account });
      await settled();
      for (let count = 0; count < 4; count++) await clock.advance(250);
      expect(rotator.waiting).toBe(1);
      store.state = "shared";
      await clock.advance(300);
      expect((await waiting).waitedMs).toBeLessThanOrEqual(1300);
    });
  }

  it("listens no longer once it is closed", async () => {
    const { store, rotator } = world();
    expect(store.listeners).toBe(1);
    await rotator.close();
    expect(store.listeners).toBe(0);
  });
});
