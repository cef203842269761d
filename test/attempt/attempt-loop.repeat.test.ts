import { describe, expect, it } from "vitest";
import {
  type Answering,
  chatUrl,
  hang,
  networkError,
  ok,
  post,
  type RigOptions,
  refusal,
  rig,
} from "../fetch/fixture.ts";

const firstFails =
  (fail: Answering): Answering =>
  (sent, number) =>
    number === 1 ? fail(sent, number) : ok();

/** Runs a call to its end on the fake clock, and tells how often it was sent. */
async function run(answer: Answering, init: RequestInit, options: RigOptions = {}) {
  const all = rig(answer, options);
  const call = all.fetch(chatUrl, init).then(
    (response) => response.status,
    (error: unknown) => error,
  );
  await all.clock.advance(60_000);
  return { ...all, result: await call, tries: all.sent.length };
}

const get: RequestInit = { method: "GET" };

describe("AttemptLoop: repeating", () => {
  it("pauses after a 503 and tries the same key again", async () => {
    const { fetch, clock, keysUsed } = rig(firstFails(() => refusal(503)));
    const call = fetch(chatUrl, post());
    await clock.advance(499);
    expect(keysUsed()).toEqual([0]);
    await clock.advance(1);
    expect((await call).status).toBe(200);
    expect(keysUsed()).toEqual([0, 0]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("repeats `retries` times with growing pauses, then asks another account once", async () => {
    const { fetch, clock, keysUsed } = rig(() => refusal(503), { keyCount: 5 });
    const call = fetch(chatUrl, post());
    const tries: number[] = [];
    for (const ms of [0, 499, 1, 999, 1]) {
      await clock.advance(ms);
      tries.push(keysUsed().length);
    }
    expect(tries).toEqual([1, 1, 2, 2, 4]);
    expect((await call).status).toBe(503);
    expect(keysUsed()).toEqual([0, 0, 0, 1]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("asks another account without a pause when `retries` is 0", async () => {
    const { fetch, clock, keysUsed } = rig(
      firstFails(() => refusal(503)),
      { retries: 0 },
    );
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(keysUsed()).toEqual([0, 1]);
    expect(clock.monotonic()).toBe(0);
  });

  it("gives the last answer when there is no other account", async () => {
    const { result, tries } = await run(() => refusal(503), post(), { keyCount: 1 });
    expect([result, tries]).toEqual([503, 3]);
  });

  it("waits as long as the provider asks before it repeats", async () => {
    const { fetch, clock, sent } = rig(firstFails(() => refusal(503, null, { "retry-after": "3" })));
    const call = fetch(chatUrl, post());
    await clock.advance(2_999);
    expect(sent).toHaveLength(1);
    await clock.advance(1);
    expect((await call).status).toBe(200);
  });

  it("does not sit out a pause longer than `maxWaitMs`", async () => {
    const { fetch, clock, keysUsed } = rig(firstFails(() => refusal(503, null, { "retry-after": "3600" })));
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(keysUsed()).toEqual([0, 1]);
    expect(clock.monotonic()).toBe(0);
  });

  it("blames no key for what the provider did", async () => {
    const { rotator } = await run(() => refusal(500), get, { keyCount: 3 });
    expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(["ready", "ready", "ready"]);
  });

  it.each([
    ["a POST after 503", post(), () => refusal(503), {}, 2],
    ["a POST after 529", post(), () => refusal(529), {}, 2],
    ["a POST after a refused connection", post(), () => Promise.reject(networkError("ECONNREFUSED")), {}, 2],
    ["a GET after 500", get, () => refusal(500), {}, 2],
    ["a GET after 504", get, () => refusal(504), {}, 2],
    ["a GET after a reset", get, () => Promise.reject(networkError("ECONNRESET")), {}, 2],
    ["a DELETE after 502", { method: "DELETE" }, () => refusal(502), {}, 2],
    ["a lower-case put after 502", { method: "put" }, () => refusal(502), {}, 2],
    ["a POST with an idempotency key after 504", keyed(), () => refusal(504), {}, 2],
    ["a POST after 504 with `retryUnsafe`", post(), () => refusal(504), { retryUnsafe: true }, 2],
    ["a POST after a reset with `retryUnsafe`", post(), () => reset(), { retryUnsafe: true }, 2],
    ["a POST after 500 from OpenAI", post(), () => refusal(500), { provider: "openai" }, 2],
    ["a POST after 502 from OpenAI", post(), () => refusal(502), { provider: "openai" }, 2],
  ] as const)("repeats %s", async (_what, init, fail, options, expected) => {
    const { result, tries } = await run(firstFails(fail), init, options);
    expect([result, tries]).toEqual([200, expected]);
  });

  it.each([
    ["500", () => refusal(500), {}, 500],
    ["502", () => refusal(502), {}, 502],
    ["504", () => refusal(504), {}, 504],
    ["408", () => refusal(408), {}, 408],
    ["524", () => refusal(524), {}, 524],
    ["504 from OpenAI", () => refusal(504), { provider: "openai" }, 504],
  ] as const)("sends a POST that was answered %s only once", async (_what, fail, options, status) => {
    const { result, tries, keysUsed } = await run(firstFails(fail), post(), options);
    expect([result, tries]).toEqual([status, 1]);
    expect(keysUsed()).toEqual([0]);
  });

  it("sends a POST whose connection broke only once, and rethrows the error as it came", async () => {
    const error = networkError("ECONNRESET");
    const { result, tries } = await run(() => Promise.reject(error), post());
    expect([result, tries]).toEqual([error, 1]);
  });

  it("sends a POST that timed out only once", async () => {
    const { result, tries } = await run(firstFails(hang), post(), { attemptTimeoutMs: 1_000 });
    expect(result).toMatchObject({ name: "TimeoutError" });
    expect(tries).toBe(1);
  });

  it("rethrows the last network error as it came when every try fails", async () => {
    const errors: Error[] = [];
    const fail = (): Promise<Response> => {
      errors.push(networkError("ECONNREFUSED"));
      return Promise.reject(errors.at(-1));
    };
    const { result, keysUsed } = await run(fail, post(), { keyCount: 3 });
    expect(keysUsed()).toEqual([0, 0, 0, 1]);
    expect(result).toBe(errors.at(-1));
  });

  it("gives quota back when nothing was sent, and keeps it when something may have been", async () => {
    const limits = [{ requests: 10, per: "hour" }] as const;
    const refused = await run(
      firstFails(() => Promise.reject(networkError("ECONNREFUSED"))),
      post(),
      { limits },
    );
    expect((await refused.rotator.snapshot()).keys[0]?.limits[0]?.used).toBe(1);
    const broken = await run(
      firstFails(() => reset()),
      post(),
      { limits },
    );
    expect((await broken.rotator.snapshot()).keys[0]?.limits[0]?.used).toBe(1);
    const answered = await run(
      firstFails(() => refusal(503)),
      post(),
      { limits },
    );
    expect((await answered.rotator.snapshot()).keys[0]?.limits[0]?.used).toBe(2);
  });

  it("fails over when a repeat finds the key limited", async () => {
    const { result, keysUsed } = await run((_sent, number) => [refusal(503), refusal(429)][number - 1] ?? ok(), post());
    expect(result).toBe(200);
    expect(keysUsed()).toEqual([0, 0, 1]);
  });
});

function keyed(): RequestInit {
  return { ...post(), headers: { "Idempotency-Key": "once" } };
}

function reset(): Promise<Response> {
  return Promise.reject(networkError("ECONNRESET"));
}
