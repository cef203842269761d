import { describe, expect, it } from "vitest";
import { createRotatingFetch, type RotatingFetchOptions } from "../../src/index.ts";
import type { Script } from "../../src/testing/index.ts";
import { chat, newSecret, startEmulator } from "../testing/emulator/fixture.ts";

async function setUp(script: Script, options: Partial<RotatingFetchOptions> = {}) {
  const keys = [newSecret(), newSecret()];
  const emulator = await startEmulator({
    keys: keys.map((secret) => ({ secret, script })),
    reply: "word ".repeat(500),
    chunkDelayMs: 5,
  });
  const limits = [{ requests: 100, per: "hour" }] as const;
  const fetch = createRotatingFetch({ keys, baseURL: emulator.baseURL, limits, retries: 0, ...options });
  const used = async (): Promise<number> => {
    const { keys: all } = await fetch.rotator.snapshot();
    return all.reduce((sum, key) => sum + (key.limits[0]?.used ?? 0), 0);
  };
  return { emulator, fetch, used, url: `${emulator.baseURL}/chat/completions` };
}

describe("connections that fail", () => {
  it("give quota back when they were refused, and the error is the platform's own", async () => {
    const { emulator, fetch, used, url } = await setUp([]);
    await emulator.refuseConnections();
    await expect(fetch(url, chat("rotating"))).rejects.toMatchObject({
      name: "TypeError",
      message: "fetch failed",
      cause: { code: "ECONNREFUSED" },
    });
    expect([await used(), fetch.rotator.inFlight]).toEqual([0, 0]);
  });

  it("are not tried again for a POST that may have been executed, but for a GET they are", async () => {
    const { emulator, fetch, url, used } = await setUp([{ cut: "before-headers" }]);
    await expect(fetch(url, chat("rotating"))).rejects.toThrow("fetch failed");
    expect([emulator.arrivals.length, await used()]).toEqual([1, 1]);
    expect((await fetch(`${emulator.baseURL}/models`)).status).toBe(200);
  });

  it("break the body the caller is reading, and nothing is sent again", async () => {
    const { emulator, fetch, url } = await setUp([{ cut: { afterChunks: 3 } }]);
    const response = await fetch(url, chat("rotating", { stream: true }));
    await expect(response.text()).rejects.toThrow("terminated");
    expect([response.status, emulator.arrivals.length, fetch.rotator.inFlight]).toEqual([200, 1, 0]);
  });

  it.each(["round_robin", "least_busy"] as const)(
    "end at the provider when the caller aborts or cancels in the middle (%s)",
    async (strategy) => {
      const { emulator, fetch, url } = await setUp([], { strategy });
      const reason = new Error("enough");
      const abort = new AbortController();
      const first = await fetch(url, { ...chat("rotating", { stream: true }), signal: abort.signal });
      const second = await fetch(url, chat("rotating", { stream: true }));
      const reader = first.body?.getReader();
      await reader?.read();
      expect(fetch.rotator.inFlight).toBe(strategy === "least_busy" ? 2 : 0);
      abort.abort(reason);
      const drained = (async () => {
        for (;;) if ((await reader?.read())?.done !== false) return;
      })();
      await expect(drained).rejects.toBe(reason);
      await second.body?.cancel();
      await expect.poll(() => emulator.openRequests).toBe(0);
      expect(emulator.arrivals.map(({ aborted }) => aborted)).toEqual([true, true]);
      expect(fetch.rotator.inFlight).toBe(0);
    },
  );
});
