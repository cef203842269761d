import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../src/index.ts";
import { limitedFor, rateLimited } from "../../src/testing/index.ts";
import { collectUnhandled } from "../support/unhandled.ts";
import { chat, newSecret, startEmulator } from "../testing/emulator/fixture.ts";

async function oneKey(retryAfterSeconds: number) {
  const secret = newSecret();
  const script = limitedFor(retryAfterSeconds * 1_000, rateLimited({ retryAfterSeconds }));
  const emulator = await startEmulator({ keys: { [secret]: { script } } });
  const fetch = createRotatingFetch({ keys: [secret], baseURL: emulator.baseURL });
  const send = async (signal?: AbortSignal): Promise<number> => {
    const init = signal === undefined ? chat("rotating") : { ...chat("rotating"), signal };
    const response = await fetch(`${emulator.baseURL}/chat/completions`, init);
    await response.text();
    return response.status;
  };
  return { emulator, rotator: fetch.rotator, send };
}

describe("one key that says Retry-After", () => {
  it("serves 50 requests at once by letting them wait inside", async () => {
    const { emulator, rotator, send } = await oneKey(1);
    const statuses = await Promise.all(Array.from({ length: 50 }, () => send()));
    expect(statuses).toEqual(Array(50).fill(200));
    const firstServed = emulator.arrivals.find(({ status }) => status === 200);
    expect((firstServed?.at ?? 0) - (emulator.arrivals[0]?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
    expect([rotator.waiting, rotator.inFlight]).toEqual([0, 0]);
  });

  it("lets half of them leave while they wait, serves the others and keeps nothing of those who left", async () => {
    const unhandled = collectUnhandled();
    // Long enough for all of them to be refused, also on a busy machine.
    const { emulator, rotator, send } = await oneKey(3);
    const reason = new Error("no longer needed");
    const leaving = new AbortController();
    const calls = Array.from({ length: 50 }, (_, place) =>
      send(place % 2 === 0 ? leaving.signal : undefined).catch((error: unknown) => error),
    );
    await expect.poll(() => rotator.waiting, { timeout: 2_900 }).toBe(50);
    leaving.abort(reason);
    await Promise.all(calls.filter((_, place) => place % 2 === 0));
    expect(rotator.waiting).toBe(25);
    expect(await Promise.all(calls)).toEqual(
      Array.from({ length: 50 }, (_, place) => (place % 2 === 0 ? reason : 200)),
    );
    expect([rotator.waiting, rotator.inFlight]).toEqual([0, 0]);
    await expect.poll(() => emulator.openRequests).toBe(0);
    expect(emulator.arrivals.filter(({ status }) => status === 200)).toHaveLength(25);
    expect(unhandled).toEqual([]);
  });
});
