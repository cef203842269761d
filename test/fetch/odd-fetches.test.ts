import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { origin, post, rig } from "./fixture.ts";

const one = { keyCount: 1, limits: [{ concurrency: 1 }], maxWaitMs: 0 } as const;

/** A signal as packages have it that are older than the platform's. */
class OtherSignal extends EventTarget {
  aborted = false;
  reason: unknown = undefined;

  abort(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    this.dispatchEvent(new Event("abort"));
  }
}

/** A response of a package that is older than the platform's. */
function olderAnswer(status: number, text = ""): Response {
  const headers = new Headers({ "content-type": "application/json" });
  return { status, statusText: "", headers, url: "", body: Readable.from([Buffer.from(text)]) } as never;
}

describe("createRotatingFetch", () => {
  it.each([
    ["nothing", () => undefined],
    ["a promise of nothing", async () => undefined],
    [
      "a response whose body somebody reads",
      async () => {
        const response = new Response("used");
        response.body?.getReader();
        return response;
      },
    ],
  ])("gives the key back when somebody else's fetch answers with %s", async (_what, fetch) => {
    const pool = rig(() => new Response(), { ...one, fetch: fetch as never });
    await expect(pool.fetch(`${origin}/a`, post())).rejects.toThrow(TypeError);
    expect(pool.rotator.inFlight).toBe(0);
  });

  it("takes an answer that comes without a promise", async () => {
    const pool = rig(() => new Response(), { ...one, fetch: (() => new Response("at once")) as never });
    expect(await (await pool.fetch(`${origin}/a`)).text()).toBe("at once");
  });

  it.each([
    ["counts to its end", { limits: [{ concurrency: 1 }] }],
    ["looks for errors in it", { provider: "openrouter" as const }],
    ["bounds its silence", { idleTimeoutMs: 1_000 }],
    ["does none of that", {}],
  ])("takes answers with streams of Node, as older packages bring them, where it %s", async (_why, options) => {
    const texts = ['{"error":{"code":"rate_limit_exceeded"}}', '{"fine":true}'];
    const answer = (_sent: unknown, number: number): Response =>
      olderAnswer(number === 1 ? 429 : 200, texts[number - 1]);
    const pool = rig(answer, { keyCount: 2, ...options });
    const response = await pool.fetch(`${origin}/a`, post());
    let text = "";
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) text += Buffer.from(chunk);
    expect([response.status, text, pool.keysUsed()]).toEqual([200, '{"fine":true}', [0, 1]]);
    expect([pool.rotator.inFlight, pool.clock.pendingTimers]).toEqual([0, 0]);
  });

  it("heeds a signal of another class under a bound of time as well", async () => {
    const signal = new OtherSignal();
    const pool = rig(() => new Promise(() => undefined), { ...one, attemptTimeoutMs: 1_000 });
    const answer = pool.fetch(`${origin}/a`, { ...post(), signal: signal as never });
    await expect.poll(() => pool.sent.length).toBe(1);
    const reason = new Error("given up");
    signal.abort(reason);
    await expect(answer).rejects.toBe(reason);
    expect([pool.rotator.inFlight, pool.clock.pendingTimers]).toEqual([0, 0]);
  });
});
