import { describe, expect, it } from "vitest";
import { whenAborted } from "../../../src/fetch/bodies/abort-watch.ts";
import { chatUrl, limited, ok, rig } from "../fixture.ts";

describe("untilAborted", () => {
  it("rejects at once with the caller's reason through a fetch that does not know of signals", async () => {
    const { fetch, rotator } = rig(() => new Promise(() => {}));
    const controller = new AbortController();
    const reason = new Error("stop");
    const call = fetch(chatUrl, { signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(rotator.inFlight).toBe(0);
  });

  it("cancels the answer that comes later", async () => {
    let answer = (_response: Response): void => {};
    const { fetch } = rig(() => new Promise((resolve) => (answer = resolve)));
    const controller = new AbortController();
    const call = fetch(chatUrl, { signal: controller.signal });
    await Promise.resolve();
    controller.abort();
    await expect(call).rejects.toBe(controller.signal.reason);
    const cancelled = new Promise((resolve) => answer(new Response(new ReadableStream({ cancel: resolve }))));
    await cancelled;
  });

  it("does so on the way of a redirect, and when the time of an attempt is up", async () => {
    const controller = new AbortController();
    const { fetch, sent, clock } = rig((_sent, number) =>
      number === 1 ? new Response(null, { status: 307, headers: { location: "/on" } }) : new Promise(() => {}),
    );
    const call = fetch(chatUrl, { signal: controller.signal });
    await expect.poll(() => sent.length).toBe(2);
    controller.abort();
    await expect(call).rejects.toBe(controller.signal.reason);
    const bounded = rig(() => new Promise(() => {}), { attemptTimeoutMs: 50, retries: 0, keyCount: 1, clock });
    const late = expect(bounded.fetch(chatUrl)).rejects.toThrow("attemptTimeoutMs");
    await clock.advance(50);
    await late;
  });

  it("hands answers and failures on as they come", async () => {
    const { signal } = new AbortController();
    const { fetch, keysUsed } = rig((_sent, number) => (number === 1 ? limited() : ok()));
    expect((await fetch(chatUrl, { signal })).status).toBe(200);
    expect(keysUsed()).toEqual([0, 1]);
    const failure = new RangeError("own");
    await expect(rig(() => Promise.reject(failure), { retries: 0 }).fetch(chatUrl, { signal })).rejects.toBe(failure);
  });
});

describe("whenAborted", () => {
  it("listens once to a signal of many calls, and not at all when they are over", () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const ends = Array.from({ length: 20 }, () => whenAborted(signal, () => {}));
    expect(listeners).toBe(1);
    for (const end of ends) end();
    expect(listeners).toBe(0);
    whenAborted(signal, () => {});
    expect(listeners).toBe(1);
  });

  it("tells everybody, and at once when it is over already", () => {
    const controller = new AbortController();
    const told: number[] = [];
    whenAborted(controller.signal, () => told.push(1));
    whenAborted(controller.signal, () => told.push(2))();
    whenAborted(controller.signal, () => told.push(3));
    controller.abort();
    whenAborted(controller.signal, () => told.push(4));
    expect(told).toEqual([1, 3, 4]);
  });
});
