import { describe, expect, it } from "vitest";
import type { RotatorOptions } from "../../../src/named/options.ts";
import type { Lease } from "../../../src/pool/lease.ts";
import type { AcquireRequest } from "../../../src/pool/rotator-options.ts";
import type { Usage } from "../../../src/types.ts";
import { named, RotatorWorld, type StoreKind, settled, storeKinds, watch } from "./fixture.ts";

describe.each(storeKinds)("KeyRotator with limits of every kind over $name", ({ makeStore }) => {
  const worldOf = (keys: RotatorOptions["keys"], options: ConstructorParameters<typeof RotatorWorld>[2] = {}) =>
    new RotatorWorld(makeStore as StoreKind["makeStore"], keys, options);
  const now = { maxWaitMs: 0 };

  async function use(world: RotatorWorld, request: AcquireRequest, usage?: Usage): Promise<string> {
    const lease = await world.take({ ...now, ...request });
    lease.settle({ outcome: "success", usage });
    await settled();
    return lease.keyId;
  }

  /** In steps, so that a store that takes its time can be asked on the way. */
  async function pass(world: RotatorWorld, ms: number): Promise<void> {
    const steps = 100;
    for (let step = 0; step < steps; step++) {
      await world.clock.advance(ms / steps);
      await settled();
    }
  }

  async function used(world: RotatorWorld): Promise<number[]> {
    return (await world.rotator.snapshot()).keys.flatMap(({ limits }) => limits.map((limit) => limit.used));
  }

  describe("tokens", () => {
    it("are reserved as estimated and corrected by what the answer tells", async () => {
      const world = worldOf(named("a"), { limits: [{ tokens: 1000 }, { inputTokens: 800 }, { outputTokens: 500 }] });
      const lease = await world.take({ ...now, tokens: { input: 300, output: 200 } });
      expect(await used(world)).toEqual([500, 300, 200]);
      lease.settle({ outcome: "success", usage: { inputTokens: 280, outputTokens: 20 } });
      await settled();
      expect(await used(world)).toEqual([300, 280, 20]);
    });

    it("keep the estimate where the answer tells nothing, and are given back only by a request that never left", async () => {
      const world = worldOf(named("a"), { limits: [{ tokens: 1000 }] });
      await use(world, { tokens: { input: 100, output: 100 } });
      expect(await used(world)).toEqual([200]);
      const unsent = await world.take({ ...now, tokens: { input: 100, output: 100 } });
      unsent.settle({ outcome: "failure", sent: "no" });
      await settled();
      expect(await used(world)).toEqual([200]);
      const lost = await world.take({ ...now, tokens: { input: 50, output: 0 } });
      lost.settle({ outcome: "failure", sent: "unknown" });
      await settled();
      expect(await used(world)).toEqual([250]);
    });

    it("are refused when they do not fit, and waited for until they do", async () => {
      const world = worldOf(named("a"), { limits: [{ tokens: 1000, per: 10_000 }], maxWaitMs: 60_000 });
      await use(world, { tokens: { input: 900, output: 0 } });
      const large = watch(world.take({ tokens: { input: 500, output: 0 } }));
      await settled();
      expect(large.isDone).toBe(false);
      await world.clock.advance(9000);
      await settled();
      expect(large.isDone).toBe(false);
      await world.clock.advance(1500);
      await settled();
      expect(large.value?.keyId).toBe("a");
    });

    it("of a small request go before those of a large one, eight times at most", async () => {
      const world = worldOf(named("a"), { limits: [{ tokens: 1000, per: 60_000 }], maxWaitMs: 120_000 });
      await use(world, { tokens: { input: 800, output: 0 } });
      const large = watch(world.take({ tokens: { input: 900, output: 0 } }));
      await settled();
      const small = Array.from({ length: 12 }, () => watch(world.take({ tokens: { input: 10, output: 0 } })));
      await settled();
      expect(small.filter(({ isDone }) => isDone)).toHaveLength(8);
      expect(large.isDone).toBe(false);
      await pass(world, 62_000);
      expect(large.isDone).toBe(true);
      await pass(world, 62_000);
      expect(small.every(({ isDone }) => isDone)).toBe(true);
    });

    it("serve those who wait as soon as an answer used less than was reserved", async () => {
      const world = worldOf(named("a"), { limits: [{ tokens: 1000 }], maxWaitMs: 50_000 });
      const first = await world.take({ tokens: { input: 100, output: 900 } });
      const second = watch(world.take({ tokens: { input: 100, output: 400 } }));
      await settled();
      expect(second.isDone).toBe(false);
      await world.clock.advance(1000);
      first.settle({ outcome: "success", usage: { inputTokens: 100, outputTokens: 5, totalTokens: 105 } });
      await settled();
      expect(second.value?.keyId).toBe("a");
    });

    it("go to an account with room when the next in order has too little", async () => {
      const world = worldOf(named("a", "b"), { limits: [{ tokens: 1000 }], strategy: "fill_first" });
      expect(await use(world, { tokens: { input: 700, output: 0 } })).toBe("a");
      expect(await use(world, { tokens: { input: 700, output: 0 } })).toBe("b");
      expect(await use(world, { tokens: { input: 100, output: 0 } })).toBe("a");
    });

    it("beyond all a limit holds are served alone, in an empty window", async () => {
      const world = worldOf(named("a"), { limits: [{ tokens: 1000, per: 10_000 }], maxWaitMs: 60_000 });
      await use(world, { tokens: { input: 10, output: 0 } });
      const huge = watch(world.take({ tokens: { input: 5000, output: 0 } }));
      await settled();
      expect(huge.isDone).toBe(false);
      await world.clock.advance(10_300);
      await settled();
      expect(huge.isDone).toBe(true);
    });

    it("charge what was used beyond the estimate to what follows", async () => {
      const world = worldOf(named("a"), { limits: [{ tokens: 1000, per: 10_000 }] });
      await use(world, { tokens: { input: 100, output: 0 } }, { totalTokens: 1900 });
      await world.exhausted({ ...now, tokens: { input: 1, output: 0 } });
      const long = watch(world.take({ maxWaitMs: 60_000, tokens: { input: 100, output: 0 } }));
      await world.clock.advance(10_500);
      await settled();
      expect(long.isDone).toBe(true);
      await world.clock.advance(30_000);
      long.value?.settle({ outcome: "success", usage: { totalTokens: 1100 } });
      await settled();
      // Longer ago than its window, and still: what nobody had reserved counts from when it became known.
      await world.exhausted({ ...now, tokens: { input: 200, output: 0 } });
    });

    it("ask the request's function once, and not where no limit counts tokens", async () => {
      let asked = 0;
      const tokens = (): { input: number } => {
        asked++;
        return { input: 5 };
      };
      await use(worldOf(named("a"), { limits: [{ requests: 5 }] }), { tokens });
      expect(asked).toBe(0);
      const world = worldOf(named("a", "b"), { limits: [{ tokens: 5000 }] });
      await use(world, { tokens });
      expect(asked).toBe(1);
      expect((await used(world)).reduce((sum, each) => sum + each)).toBe(2005);
    });
  });

  describe("requests under way", () => {
    it("are no more than allowed, for a key and for an account", async () => {
      const keys = named("a", "b", "c").map((key, place) => ({ ...key, account: place < 2 ? "team" : "solo" }));
      const world = worldOf(keys, { limits: [{ concurrency: 3 }, { concurrency: 2, scope: "key", id: "each" }] });
      const leases: Lease[] = [];
      for (let count = 0; count < 5; count++) leases.push(await world.take(now));
      const count = (id: string): number => leases.filter(({ keyId }) => keyId === id).length;
      expect([count("a") + count("b"), count("c")]).toEqual([3, 2]);
      expect(Math.max(count("a"), count("b"))).toBeLessThanOrEqual(2);
      await world.exhausted(now);
    });

    it("hand their place to those who wait, first come first", async () => {
      const world = worldOf(named("a"), { limits: [{ concurrency: 1 }] });
      const first = await world.take();
      const waiting = [1, 2].map(() => watch(world.take()));
      await settled();
      first.settle({ outcome: "success" });
      await settled();
      expect(waiting.map(({ isDone }) => isDone)).toEqual([true, false]);
      waiting[0]?.value?.settle({ outcome: "success" });
      await settled();
      expect(waiting[1]?.isDone).toBe(true);
    });

    it("hold the place of a request that was given up until its provider can know", async () => {
      const world = worldOf(named("a"), { limits: [{ concurrency: 1 }], guardMs: 40 });
      const first = await world.take();
      const next = watch(world.take());
      first.settle({ outcome: "aborted" });
      await settled();
      expect(next.isDone).toBe(false);
      await pass(world, 45);
      expect(next.isDone).toBe(true);
    });

    it("are kept for as long as they are in use, whatever `leaseMs` says", async () => {
      const world = worldOf(named("a"), { limits: [{ concurrency: 1 }], leaseMs: 5000, maxWaitMs: 20_000 });
      const slow = await world.take();
      const next = watch(world.take());
      await pass(world, 15_000);
      expect(next.isDone).toBe(false);
      slow.settle({ outcome: "success" });
      await settled();
      expect(next.isDone).toBe(true);
    });

    it("are counted over all keys for an address", async () => {
      const world = worldOf(named("a", "b", "c"), { limits: [{ concurrency: 2, scope: "ip" }] });
      const first = await world.take();
      await world.take();
      await world.exhausted(now);
      const next = watch(world.take());
      await settled();
      first.settle({ outcome: "success" });
      await settled();
      expect(next.isDone).toBe(true);
    });
  });

  describe("a limit on the address", () => {
    const limits = [{ requests: 3, per: 10_000, scope: "ip" }] as const;

    it("counts the requests of all keys, and says at once when it is used up and until when", async () => {
      const world = worldOf(named("a", "b", "c", "d"), { limits });
      for (let count = 0; count < 3; count++) await use(world, {});
      const error = await world.exhausted({ maxWaitMs: 5000 });
      expect(error.retryAfterMs).toBeGreaterThanOrEqual(10_000);
    });

    it("is waited for, and hands on what becomes free", async () => {
      const world = worldOf(named("a", "b", "c", "d"), { limits, maxWaitMs: 30_000 });
      for (let count = 0; count < 3; count++) await use(world, {});
      const waiting = [1, 2, 3, 4].map(() => watch(world.take()));
      await pass(world, 10_500);
      expect(waiting.filter(({ isDone }) => isDone)).toHaveLength(3);
      expect(waiting.filter(({ error }) => error !== undefined)).toHaveLength(0);
    });
  });

  describe("models", () => {
    it("of a group share one counter, and others are not counted", async () => {
      const world = worldOf(named("a"), { limits: [{ requests: 2, per: "day", models: "*:free" }] });
      expect(await use(world, { model: "x:free" })).toBe("a");
      expect(await use(world, { model: "y:free" })).toBe("a");
      await world.exhausted({ ...now, model: "z:free" });
      expect(await use(world, { model: "paid" })).toBe("a");
      expect(await use(world, {})).toBe("a");
    });

    it("counted apart have a counter each", async () => {
      const world = worldOf(named("a"), { limits: [{ requests: 1, perModel: true }] });
      for (const model of ["x", "y"]) {
        await use(world, { model });
        await world.exhausted({ ...now, model });
      }
      expect(await use(world, {})).toBe("a");
      const limits = (await world.rotator.snapshot()).keys[0]?.limits.map(({ model, left }) => [model, left]);
      expect(limits).toEqual([
        ["x", 0],
        ["y", 0],
      ]);
    });

    it("at a limit of one key leave that key to other models, and its account's other keys to them", async () => {
      const keys = named("a", "b").map((key) => ({ ...key, account: "team" }));
      const world = worldOf(keys, { limits: [{ requests: 1, scope: "key", models: "x" }] });
      expect(new Set([await use(world, { model: "x" }), await use(world, { model: "x" })])).toEqual(
        new Set(["a", "b"]),
      );
      await world.exhausted({ ...now, model: "x" });
      const others = [await use(world, { model: "y" }), await use(world, { model: "y" })];
      expect(new Set(others)).toEqual(new Set(["a", "b"]));
    });

    it("of a group and all together are both held", async () => {
      const world = worldOf(named("a"), { limits: [{ requests: 3 }, { requests: 2, models: "x" }] });
      await use(world, { model: "x" });
      await use(world, { model: "x" });
      await world.exhausted({ ...now, model: "x" });
      await use(world, { model: "y" });
      await world.exhausted({ ...now, model: "y" });
    });
  });

  describe("a window that begins with its first request", () => {
    it("is over its length after that, whatever came later", async () => {
      const world = worldOf(named("a"), { limits: [{ requests: 3, per: 10_000, window: "anchored" }], guardMs: 10 });
      await use(world, {});
      await world.clock.advance(5000);
      await use(world, {});
      await use(world, {});
      await world.exhausted(now);
      await world.clock.advance(5100);
      for (let count = 0; count < 3; count++) await use(world, {});
      await world.exhausted(now);
    });
  });

  describe("waiting", () => {
    it("serves lower numbers first, then first come first", async () => {
      const world = worldOf(named("a"), { limits: [{ concurrency: 1 }] });
      let lease = await world.take();
      const order: string[] = [];
      const waiting = ["late 5", "first 0", "second 0", "urgent -1"].map((name) =>
        world.take({ priority: Number(name.split(" ")[1]) }).then((got) => {
          order.push(name);
          lease = got;
        }),
      );
      await settled();
      for (let count = 0; count < waiting.length; count++) {
        lease.settle({ outcome: "success" });
        await settled();
      }
      expect(order).toEqual(["urgent -1", "first 0", "second 0", "late 5"]);
    });

    it("loses nobody when keys come and go meanwhile", async () => {
      const world = worldOf(named("a", "b"), { limits: [{ concurrency: 1 }], maxWaitMs: 5000 });
      const { rotator } = world;
      await world.take();
      await world.take();
      const waiting = Array.from({ length: 6 }, () => watch(world.take()));
      await settled();
      rotator.disable("a");
      const [c, d] = named("c", "d");
      rotator.add(c as { secret: string });
      await settled();
      expect(waiting.filter(({ isDone }) => isDone)).toHaveLength(1);
      rotator.remove("b");
      rotator.add(d as { secret: string });
      await settled();
      expect(waiting.filter(({ isDone }) => isDone)).toHaveLength(2);
      await world.clock.advance(6000);
      await settled();
      expect(waiting.every(({ isDone }) => isDone)).toBe(true);
      expect(rotator.waiting).toBe(0);
    });
  });

  describe("affinity", () => {
    it("keeps a conversation on one account while others are spread over all", async () => {
      const world = worldOf(named("a", "b", "c", "d"));
      const homes = new Map<string, Set<string>>();
      for (let round = 0; round < 4; round++) {
        for (let session = 0; session < 20; session++) {
          const affinity = `session ${session}`;
          const home = homes.get(affinity) ?? new Set();
          home.add(await use(world, { affinity }));
          homes.set(affinity, home);
        }
      }
      expect([...homes.values()].every(({ size }) => size === 1)).toBe(true);
      expect(new Set([...homes.values()].flatMap((home) => [...home])).size).toBe(4);
    });

    it("begins on the same account in every process", async () => {
      const keys = named("a", "b", "c", "d");
      const first = worldOf(keys);
      const second = worldOf(keys);
      for (let session = 0; session < 10; session++) {
        const affinity = String(session);
        expect(await use(first, { affinity })).toBe(await use(second, { affinity }));
      }
    });

    it("moves only the conversations of an account that is gone", async () => {
      const keys = named("a", "b", "c", "d");
      const before = worldOf(keys);
      const after = worldOf(keys.slice(1));
      for (let session = 0; session < 20; session++) {
        const affinity = String(session);
        const home = await use(before, { affinity });
        const next = await use(after, { affinity });
        if (home !== "a") expect(next).toBe(home);
      }
    });

    it("lets another account serve when its own cannot, and stays there", async () => {
      const world = worldOf(named("a", "b"), { limits: [{ requests: 2, per: "second" }] });
      const affinity = "chat";
      const home = await use(world, { affinity });
      await use(world, { affinity });
      const other = await use(world, { affinity });
      expect(other).not.toBe(home);
      await world.clock.advance(3000);
      expect(await use(world, { affinity })).toBe(other);
    });

    it("waits for its own account as long as `stickyWaitMs` says", async () => {
      const world = worldOf(named("a", "b"), { limits: [{ requests: 1, per: "second" }], stickyWaitMs: 2000 });
      const affinity = "chat";
      const home = await use(world, { affinity });
      const next = watch(world.take({ affinity }));
      await settled();
      expect(next.isDone).toBe(false);
      await world.clock.advance(1500);
      await settled();
      expect(next.value?.keyId).toBe(home);
    });

    it("spreads new conversations when an account has much more under way than the others", async () => {
      const world = worldOf(named("a", "b", "c", "d"));
      const counts = new Map<string, number>();
      for (let session = 0; session < 80; session++) {
        const { keyId } = await world.take({ affinity: `s${session}` });
        counts.set(keyId, (counts.get(keyId) ?? 0) + 1);
      }
      expect(Math.max(...counts.values())).toBeLessThanOrEqual(80 / 4 + 80 / 4);
      expect(counts.size).toBe(4);
    });
  });

  it("gives only the account a request is about, and waits for it", async () => {
    const world = worldOf(named("a", "b"), { limits: [{ requests: 1, per: "second" }], maxWaitMs: 5000 });
    await use(world, { account: "b" });
    const next = watch(world.take({ account: "b" }));
    const other = await world.take();
    expect(other.keyId).toBe("a");
    await world.clock.advance(1500);
    await settled();
    expect(next.value?.keyId).toBe("b");
    await world.exhausted({ ...now, account: "b" });
    expect(await use(world, { account: "nobody" })).toBe("a");
  });
});
