import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../src/index.ts";
import { limitedFor, rateLimited } from "../../src/testing/index.ts";
import { chat, newSecret, startEmulator } from "../testing/emulator/fixture.ts";

const restMs = 2_000;

describe("a key that is refused for two seconds", () => {
  it("costs no request and sees none until its time is over", async () => {
    const keys = [newSecret(), newSecret(), newSecret()];
    const limited = keys[1] as string;
    const script = limitedFor(restMs, rateLimited({ retryAfterSeconds: restMs / 1_000 }));
    const emulator = await startEmulator({
      keys: keys.map((secret) => (secret === limited ? { secret, script } : secret)),
    });
    const fetch = createRotatingFetch({ keys, baseURL: emulator.baseURL });
    const statuses = new Set<number>();
    const refusedOnce = () => emulator.arrivalsOf(limited)[0];
    const isOver = (): boolean => {
      const first = refusedOnce();
      return first !== undefined && performance.now() - first.at > restMs + 500;
    };
    while (!isOver()) {
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => fetch(`${emulator.baseURL}/chat/completions`, chat("rotating"))),
      );
      for (const answer of answers) {
        statuses.add(answer.status);
        await answer.text();
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(statuses).toEqual(new Set([200]));
    const [first, next] = emulator.arrivalsOf(limited);
    expect(first?.status).toBe(429);
    expect(next?.status).toBe(200);
    expect((next?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(restMs);
    expect(emulator.arrivals.filter(({ status }) => status === 429)).toHaveLength(1);
    const others = keys.filter((key) => key !== limited).map((key) => emulator.arrivalsOf(key).length);
    expect(Math.min(...others)).toBeGreaterThan(40);
  });
});
