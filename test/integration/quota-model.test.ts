import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../src/index.ts";
import { unlessHeldUp } from "../support/own-time.ts";
import { chat, newSecret, startEmulator } from "../testing/emulator/fixture.ts";

/** A hundred take two seconds. */
const requests = Number(process.env["QUOTA_MODEL_REQUESTS"] ?? 500);
const windowMs = 2000;
/** A machine that runs other tests beside this one stalls for longer than 40 ms; where it does not, this costs nothing. */
const guardMs = 250;
/** Requests, requests under way, and tokens: what is reserved for 20 requests at once would not fit, what they use does. */
const limits = [{ requests: 20, per: windowMs }, { concurrency: 3 }, { tokens: 600, per: windowMs }] as const;

describe("the quota model against a strict provider", () => {
  it(
    `serves ${requests} requests at once with five keys, never refused, within 15 % of the shortest time`,
    {
      timeout: 3 * Math.max(60_000, requests * 60),
    },
    () => unlessHeldUp(guardMs / 2, serveAll),
  );

  async function serveAll(): Promise<void> {
    const keys = Array.from({ length: 5 }, newSecret);
    const emulator = await startEmulator({ keys, limits, completionTokens: 8 });
    const fetch = createRotatingFetch({
      provider: "openai",
      keys,
      baseURL: emulator.baseURL,
      limits,
      maxWaitMs: 60_000,
      guardMs,
    });
    const startedAt = performance.now();
    const send = async (): Promise<number> => {
      const response = await fetch(`${emulator.baseURL}/chat/completions`, chat("rotating", { max_tokens: 25 }));
      await response.text();
      return response.status;
    };
    const statuses = await Promise.all(Array.from({ length: requests }, send));
    const tookMs = performance.now() - startedAt;

    expect(statuses.filter((status) => status === 200)).toHaveLength(requests);
    expect([emulator.refusals().length, emulator.arrivals.length]).toEqual([0, requests]);
    for (const secret of keys) {
      expect(emulator.maxInAnyWindow(windowMs, secret)).toBeLessThanOrEqual(20);
      expect(emulator.maxInAnyWindow(windowMs, { secret, dimension: "tokens" })).toBeLessThanOrEqual(600);
      expect(emulator.peakConcurrency(secret)).toBeLessThanOrEqual(3);
    }
    expect([fetch.rotator.inFlight, fetch.rotator.waiting]).toEqual([0, 0]);
    // A hundred fit into a window: of a thousand, the last hundred can begin nine windows after the first.
    const shortestMs = (requests / (keys.length * 20) - 1) * windowMs;
    expect(tookMs).toBeGreaterThan(shortestMs);
    expect(tookMs / shortestMs).toBeLessThan(1.15);
  }
});
