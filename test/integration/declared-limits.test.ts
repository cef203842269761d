import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../src/index.ts";
import { chat, newSecret, startEmulator } from "../testing/emulator/fixture.ts";

const windowMs = 1_000;
const limits = [{ requests: 20, per: windowMs }] as const;

async function threeKeys(options: { readonly maxWaitMs?: number } = {}) {
  const keys = [newSecret(), newSecret(), newSecret()];
  const emulator = await startEmulator({ keys, limits });
  const fetch = createRotatingFetch({ keys, baseURL: emulator.baseURL, limits, ...options });
  const send = async () => {
    const response = await fetch(`${emulator.baseURL}/chat/completions`, chat("rotating"));
    await response.text();
    return response;
  };
  return { keys, emulator, fetch, send };
}

describe("declared limits against a strict provider", () => {
  it("serves 200 requests at once with three keys of 20 per second, and the provider never has to refuse", async () => {
    const { keys, emulator, fetch, send } = await threeKeys();
    // Connections are opened first, without a key: a busy machine may need longer for that than any guard allows for.
    await Promise.all(Array.from({ length: 200 }, async () => (await globalThis.fetch(emulator.url)).text()));
    emulator.clear();
    const answers = await Promise.all(Array.from({ length: 200 }, send));
    expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200));
    expect([emulator.refusals().length, emulator.arrivals.length]).toEqual([0, 200]);
    expect(emulator.maxInAnyWindow(windowMs)).toBeLessThanOrEqual(60);
    for (const key of keys) expect(emulator.maxInAnyWindow(windowMs, key)).toBe(20);
    expect([fetch.rotator.inFlight, fetch.rotator.waiting]).toEqual([0, 0]);
  });

  it("tells those who cannot be served in time when to come back, and sends nothing for them", async () => {
    const { emulator, fetch, send } = await threeKeys({ maxWaitMs: 200 });
    const answers = await Promise.all(Array.from({ length: 200 }, send));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(60);
    expect(refused).toHaveLength(140);
    expect([emulator.arrivals.length, emulator.refusals().length]).toEqual([60, 0]);
    for (const { headers } of refused) {
      expect(headers.get("x-should-retry")).toBe("false");
      expect(Number(headers.get("retry-after-ms"))).toBeGreaterThan(0);
      expect(Number(headers.get("retry-after"))).toBeLessThanOrEqual(2);
    }
    expect([fetch.rotator.inFlight, fetch.rotator.waiting]).toEqual([0, 0]);
  });
});
