import { describe, expect, it } from "vitest";
import { AllKeysExhaustedError, RotatorClosedError } from "../../../src/errors.ts";
import type { Lease } from "../../../src/pool/lease.ts";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import { newSecret } from "../../support/test-keys.ts";
import { named, RotatorWorld, rateLimit, settled, storeKinds, watch } from "./fixture.ts";

describe.each(storeKinds)("KeyRotator waiting inside over $name", ({ makeStore }) => {
  const resting = async (restMs: number, options = {}): Promise<RotatorWorld> => {
    const world = new RotatorWorld(makeStore, named("a"), options);
    await world.failKey("a", rateLimit(restMs));
    return world;
  };

  it("gives the key as soon as its cooldown is over, and tells how long that took", async () => {
    const world = await resting(1000);
    const waiting = watch(world.take());
    await world.advance(990);
    expect([waiting.isDone, world.rotator.waiting]).toEqual([false, 1]);
    await world.advance(150);
    expect(waiting.value?.keyId).toBe("a");
    expect(waiting.value?.waitedMs).toBeGreaterThanOrEqual(990);
    await world.succeed(waiting.value as Lease);
    expect([world.rotator.waiting, world.clock.pendingTimers]).toEqual([0, 0]);
  });

  it("does not wait when the rest outlasts the wait", async () => {
    const world = await resting(20_000, { maxWaitMs: 10_000 });
    const error = await world.exhausted({});
    expect(error.retryAfterMs).toBeGreaterThan(19_000);
    expect([world.rotator.waiting, world.clock.pendingTimers]).toEqual([0, 0]);
  });

  it("waits no longer than a request's own maxWaitMs or deadline", async () => {
    const world = await resting(5000);
    await world.exhausted({ maxWaitMs: 0 });
    await world.exhausted({ maxWaitMs: 3000 });
    await world.exhausted({ deadline: world.clock.wall() + 3000 });
    await world.exhausted({ deadline: world.clock.wall() - 1 });
    const patient = watch(world.take({ deadline: world.clock.wall() + 6000 }));
    await world.advance(5300);
    expect(patient.value?.keyId).toBe("a");
  });

  it("serves who came first first", async () => {
    const world = new RotatorWorld(makeStore, named("a"), { limits: [{ requests: 1, per: "second" }] });
    await world.ids(1);
    const order: number[] = [];
    const waiting = Array.from({ length: 5 }, async (_, place) => {
      const lease = await world.take();
      order.push(place);
      lease.settle({ outcome: "success" });
    });
    for (let step = 0; step < 60; step++) await world.advance(100);
    await Promise.all(waiting);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  it("lets a request that comes later not overtake those who wait", async () => {
    const world = await resting(1000);
    const first = watch(world.take());
    await world.advance(900);
    const second = watch(world.take());
    await settled();
    expect(world.rotator.waiting).toBe(2);
    await world.advance(250);
    expect([first.isDone, second.isDone]).toEqual([true, false]);
    await world.succeed(first.value as Lease);
    await settled();
    expect(second.isDone).toBe(true);
    expect((first.value?.waitedMs as number) > (second.value?.waitedMs as number)).toBe(true);
  });

  it("ends a wait with the signal's own reason and leaves nothing behind", async () => {
    const world = await resting(5000);
    const controller = new AbortController();
    const reason = new Error("the user closed the tab");
    const waiting = watch(world.take({ signal: controller.signal }));
    await settled();
    expect(world.rotator.waiting).toBe(1);
    controller.abort(reason);
    await settled();
    expect(waiting.error).toBe(reason);
    expect([world.rotator.waiting, world.rotator.inFlight, world.clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it("does not begin to wait with a signal that is aborted already", async () => {
    const world = await resting(5000);
    const reason = new Error("too late");
    const waiting = watch(world.take({ signal: AbortSignal.abort(reason) }));
    await settled();
    expect([waiting.error, world.rotator.waiting, world.clock.pendingTimers]).toEqual([reason, 0, 0]);
  });

  it("refuses those who wait when it is closed, and everybody afterwards", async () => {
    const world = await resting(5000);
    const waiting = [watch(world.take()), watch(world.take())];
    await settled();
    await world.rotator.close();
    await settled();
    for (const { error } of waiting) expect(error).toBeInstanceOf(RotatorClosedError);
    expect([world.rotator.waiting, world.clock.pendingTimers]).toEqual([0, 0]);
    await expect(world.take()).rejects.toBeInstanceOf(RotatorClosedError);
    await expect(world.rotator.reload()).rejects.toBeInstanceOf(RotatorClosedError);
    await world.rotator.close();
  });

  it("lets requests under way end before it is closed, for as long as it may", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    const lease = await world.take();
    const quick = watch(world.rotator.close({ drainMs: 5000 }));
    await world.advance(1000);
    expect(quick.isDone).toBe(false);
    await world.succeed(lease);
    expect([quick.isDone, world.clock.pendingTimers]).toEqual([true, 0]);

    const other = new RotatorWorld(makeStore, named("a"));
    await other.take();
    const slow = watch(other.rotator.close({ drainMs: 5000 }));
    await other.advance(5000);
    expect([slow.isDone, other.clock.pendingTimers]).toEqual([true, 0]);
  });

  it("lets no more wait than it may hold", async () => {
    const world = await resting(5000, { maxWaiting: 2 });
    const waiting = [watch(world.take()), watch(world.take()), watch(world.take())];
    await settled();
    const refused = waiting.filter(({ isDone }) => isDone);
    expect(refused.map(({ error }) => error instanceof AllKeysExhaustedError)).toEqual([true]);
    await world.rotator.close();
  });

  it("tells who listens that a request waits", async () => {
    const world = await resting(1000);
    const told: unknown[] = [];
    world.rotator.on("request-queued", (event) => told.push(event));
    const waiting = watch(world.take({ requestId: "r-1" }));
    await world.advance(1200);
    expect([told, waiting.isDone]).toEqual([[{ requestId: "r-1", waiting: 1 }], true]);
  });

  it("ends the wait of a call that is given up by whoever is told of it", async () => {
    const world = await resting(5000);
    const controller = new AbortController();
    const reason = new Error("not for so long");
    world.rotator.on("request-queued", () => controller.abort(reason));
    await expect(world.take({ signal: controller.signal })).rejects.toBe(reason);
    expect([world.rotator.waiting, world.clock.pendingTimers]).toEqual([0, 0]);
  });

  it("serves at once whom the listener that is told of it helps", async () => {
    const world = await resting(5000);
    world.rotator.on("request-queued", () => world.rotator.enable("a"));
    const waiting = watch(world.take());
    await settled();
    expect([waiting.value?.keyId, world.rotator.waiting]).toEqual(["a", 0]);
  });

  it("leaves nobody waiting in a pool that is closed by whoever is told of it", async () => {
    const world = await resting(5000);
    world.rotator.on("request-queued", () => void world.rotator.close());
    await expect(world.take()).rejects.toThrow(RotatorClosedError);
    expect(world.rotator.waiting).toBe(0);
  });

  it("serves those who wait when a key is added", async () => {
    const world = await resting(5000);
    const waiting = watch(world.take());
    await settled();
    world.rotator.add({ id: "b", secret: newSecret() });
    await settled();
    expect(waiting.value?.keyId).toBe("b");
    await world.succeed(waiting.value as Lease);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it("serves those who wait when an operator ends a cooldown", async () => {
    const world = new RotatorWorld(makeStore, named("a"));
    await world.rotator.cooldown("a", 5000);
    await world.exhausted();
    const waiting = watch(world.take());
    await settled();
    expect(waiting.isDone).toBe(false);
    world.rotator.enable("a");
    await settled();
    expect(waiting.value?.keyId).toBe("a");
    await world.succeed(waiting.value as Lease);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it("serves everybody at the pace of a declared limit", async () => {
    const limits = [{ requests: 2, per: "second" as const }];
    const world = new RotatorWorld(makeStore, named("a", "b"), { limits, maxWaitMs: 60_000 });
    const servedAt: number[] = [];
    const waiting = Array.from({ length: 20 }, async () => {
      const lease = await world.take();
      servedAt.push(world.clock.monotonic());
      lease.settle({ outcome: "success" });
    });
    for (let step = 0; step < 300; step++) {
      await settled();
      await world.clock.advance(20);
    }
    await Promise.all(waiting);
    const tookMs = Math.max(...servedAt) - Math.min(...servedAt);
    expect(tookMs).toBeGreaterThanOrEqual(4000);
    expect(tookMs).toBeLessThan(4600);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it("settles every request, whatever is aborted, refused and closed meanwhile", async () => {
    const random = seededRandom(11);
    const limits = [{ requests: 3, per: "second" as const }];
    const world = new RotatorWorld(makeStore, named("a", "b", "c"), { limits, maxWaitMs: 3000 });
    const requests = Array.from({ length: 80 }, () => {
      const controller = new AbortController();
      if (random() < 0.3) world.clock.timer(() => controller.abort(new Error("changed my mind")), random() * 2000);
      return watch(
        world.take({ signal: controller.signal }).then((lease) => {
          const outcome = random() < 0.2 ? "failure" : "success";
          lease.settle(outcome === "failure" ? { outcome, classification: rateLimit(300) } : { outcome });
        }),
      );
    });
    for (let step = 0; step < 80; step++) await world.advance(50);
    expect(requests.filter(({ isDone }) => !isDone)).toHaveLength(0);
    await world.rotator.close();
    expect([world.rotator.waiting, world.rotator.inFlight, world.clock.pendingTimers]).toEqual([0, 0, 0]);
  });
});
