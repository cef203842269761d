import { describe, expect, it } from "vitest";
import { chatUrl, hang, limited, ok, post, refusal, rig, type Sent } from "../fetch/fixture.ts";
import { collectUnhandled } from "../support/unhandled.ts";

const reason = new Error("the caller's own reason");

describe("AttemptLoop: the caller's abort", () => {
  it("rejects with the signal's reason when aborted before, without a request or a used slot", async () => {
    const { fetch, rotator, sent, clock } = rig(hang, { limits: [{ requests: 1, per: "hour" }] });
    const call = fetch(chatUrl, { ...post(), signal: AbortSignal.abort(reason) });
    await expect(call).rejects.toBe(reason);
    expect([sent.length, rotator.inFlight, clock.pendingTimers]).toEqual([0, 0, 0]);
    expect((await rotator.snapshot()).keys[0]?.limits[0]?.used).toBe(0);
  });

  it("ends a request that is under way", async () => {
    const { fetch, rotator, clock, sent } = rig(hang, { attemptTimeoutMs: 5_000, totalTimeoutMs: 9_000 });
    const abort = new AbortController();
    const call = fetch(chatUrl, { ...post(), signal: abort.signal });
    expect(rotator.inFlight).toBe(1);
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect([sent.length, rotator.inFlight, rotator.waiting, clock.pendingTimers]).toEqual([1, 0, 0, 0]);
    expect((await rotator.snapshot()).keys.every(({ state }) => state === "ready")).toBe(true);
  });

  it("ends a wait for a key, and leaves nothing behind", async () => {
    const unhandled = collectUnhandled();
    const { fetch, rotator, clock } = rig((_sent, number) => (number === 1 ? limited({ "retry-after": "2" }) : ok()), {
      keyCount: 1,
    });
    const abort = new AbortController();
    const call = fetch(chatUrl, { ...post(), signal: abort.signal });
    await clock.advance(1_000);
    expect(rotator.waiting).toBe(1);
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect([rotator.waiting, rotator.inFlight, clock.pendingTimers]).toEqual([0, 0, 0]);
    await clock.advance(5_000);
    expect(unhandled).toEqual([]);
  });

  it("ends a pause before a repeat", async () => {
    const { fetch, rotator, clock, sent } = rig(() => refusal(503));
    const abort = new AbortController();
    const call = fetch(chatUrl, { ...post(), signal: abort.signal });
    await clock.advance(100);
    expect(clock.pendingTimers).toBe(1);
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    await clock.advance(10_000);
    expect([sent.length, rotator.inFlight, clock.pendingTimers]).toEqual([1, 0, 0]);
  });

  it("ends the reading of a refusal's body", async () => {
    const cancelled: unknown[] = [];
    const stuck = ({ init }: Sent): Response => {
      const body = new ReadableStream({
        start(controller) {
          init.signal?.addEventListener("abort", () => {
            cancelled.push(init.signal?.reason);
            controller.error(init.signal?.reason);
          });
        },
      });
      return new Response(body, { status: 429 });
    };
    const { fetch, rotator, clock, sent } = rig(stuck);
    const abort = new AbortController();
    const call = fetch(chatUrl, { ...post(), signal: abort.signal });
    await clock.advance(0);
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(cancelled).toEqual([reason]);
    expect([sent.length, rotator.inFlight, clock.pendingTimers]).toEqual([1, 0, 0]);
  });

  it("leaves an answer's body to the caller's signal once it is handed over", async () => {
    const { fetch, rotator, clock } = rig(
      ({ init }) => {
        const body = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("first"));
            init.signal?.addEventListener("abort", () => controller.error(init.signal?.reason));
          },
        });
        return new Response(body);
      },
      { attemptTimeoutMs: 1_000, totalTimeoutMs: 1_000 },
    );
    const abort = new AbortController();
    const response = await fetch(chatUrl, { ...post(), signal: abort.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await clock.advance(60_000);
    expect(clock.pendingTimers).toBe(0);
    abort.abort(reason);
    await expect(reader.read()).rejects.toBe(reason);
    expect(rotator.inFlight).toBe(0);
  });
});

describe("AttemptLoop: bounds in time", () => {
  it("gives an attempt up after `attemptTimeoutMs` and repeats what may be repeated", async () => {
    const { fetch, clock, keysUsed } = rig((sent, number) => (number === 1 ? hang(sent) : ok()), {
      attemptTimeoutMs: 1_000,
    });
    const call = fetch(chatUrl);
    await clock.advance(1_000);
    expect(keysUsed()).toEqual([0]);
    await clock.advance(500);
    expect((await call).status).toBe(200);
    expect(keysUsed()).toEqual([0, 0]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("ends the whole call after `totalTimeoutMs` with a TimeoutError", async () => {
    const { fetch, rotator, clock } = rig(hang, { totalTimeoutMs: 3_000, attemptTimeoutMs: 1_000, keyCount: 4 });
    const call = fetch(chatUrl).catch((error: unknown) => [error, clock.monotonic()]);
    await clock.advance(10_000);
    const [error, endedAt] = (await call) as [Error, number];
    expect(error.name).toBe("TimeoutError");
    expect(error.message).toContain("totalTimeoutMs");
    expect(endedAt).toBeLessThanOrEqual(3_000);
    expect([rotator.inFlight, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("ends a call at its deadline", async () => {
    const { fetch, clock } = rig(hang);
    const call = fetch
      .with({ deadline: clock.wall() + 700 })(chatUrl, post())
      .catch((error: Error) => error.name);
    await clock.advance(699);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1);
    expect(await call).toBe("TimeoutError");
    expect(clock.pendingTimers).toBe(0);
  });

  it("does not wait for a key beyond the deadline, and says so at once", async () => {
    const { fetch, clock, sent } = rig(() => limited({ "retry-after": "2" }), { keyCount: 1, random: () => 0 });
    const response = await fetch.with({ deadline: clock.wall() + 1_000 })(chatUrl, post());
    expect([response.status, response.headers.get("retry-after"), sent.length]).toEqual([429, "2", 1]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("does not let a refusal whose body never ends hold a bounded call", async () => {
    const stuck = ({ init }: Sent): Response => {
      const body = new ReadableStream({
        start: (controller) => init.signal?.addEventListener("abort", () => controller.error(init.signal?.reason)),
      });
      return new Response(body, { status: 429 });
    };
    const { fetch, clock, keysUsed } = rig((sent, number) => (number === 1 ? stuck(sent) : ok()), {
      attemptTimeoutMs: 1_000,
    });
    const call = fetch(chatUrl, post());
    await clock.advance(1_000);
    expect(keysUsed()).toEqual([0, 1]);
    expect((await call).status).toBe(200);
    expect(clock.pendingTimers).toBe(0);
  });
});
