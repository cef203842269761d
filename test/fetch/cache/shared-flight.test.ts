import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../../src/index.ts";
import { chat, newSecret, startEmulator } from "../../testing/emulator/fixture.ts";
import { chatUrl, hang, networkError, ok, post, refusal } from "../fixture.ts";
import { byBody, cachingRig, deferred, openAnswer, reasonOf, watched } from "./caching-rig.ts";

describe("equal requests at the same time", () => {
  it("share one request, and the others get copies when it is complete", async () => {
    const answer = openAnswer();
    const { fetch, sent, cache, flush } = cachingRig(() => answer.response);
    const first = fetch(chatUrl, post());
    const others = [1, 2, 3].map(() => watched(fetch(chatUrl, post())));
    answer.push('{"a"');
    await flush();
    expect(others.map(({ settled }) => settled)).toEqual([false, false, false]);
    answer.push(":1}");
    answer.end();
    for (const { promise } of others) {
      const response = await promise;
      expect([response.headers.get("x-rotating-fetch"), response.headers.get("age")]).toEqual(["cached", "0"]);
      expect(await response.json()).toEqual({ a: 1 });
    }
    expect(await (await first).json()).toEqual({ a: 1 });
    expect([sent.length, cache.size, cache.hits, cache.misses]).toEqual([1, 1, 3, 1]);
  });

  it("do not depend on how the first caller reads", async () => {
    const { fetch, sent } = cachingRig(() => new Response("x".repeat(1000)));
    const [, second] = await Promise.all([fetch(chatUrl, post()), fetch(chatUrl, post())]);
    expect(await second.text()).toHaveLength(1000);
    expect(sent).toHaveLength(1);
  });

  it.each<[string, (number: number) => Response | Promise<Response>]>([
    ["fails", (number) => (number === 1 ? Promise.reject(networkError("EPIPE")) : ok())],
    ["is refused", (number) => (number === 1 ? refusal(400) : ok())],
    ["cannot be kept", () => Response.json({}, { headers: { "cache-control": "no-store" } })],
    ["is too long", () => new Response("x".repeat(101))],
  ])("go their own ways when the first %s", async (_how, answer) => {
    const { fetch, sent, cache } = cachingRig(
      (_sent, number) => answer(number),
      { maxEntryBytes: 100 },
      { retries: 0, keyCount: 4 },
    );
    const calls = [1, 2, 3].map(async () => (await fetch(chatUrl, { ...post() })).text());
    const [, second, third] = await Promise.allSettled(calls);
    expect([second?.status, third?.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(sent.length).toBeGreaterThanOrEqual(3);
    expect([cache.hits, cache.misses]).toEqual([0, 3]);
  });

  it("go their own ways when the first breaks off in its body", async () => {
    const answer = openAnswer();
    const { fetch, sent, flush } = cachingRig((_sent, number) => (number === 1 ? answer.response : ok()));
    const first = reasonOf(fetch(chatUrl, post()).then((response) => response.text()));
    const second = fetch(chatUrl, post());
    await flush();
    answer.break(networkError("ECONNRESET"));
    expect(await (await second).json()).toEqual({ fine: true });
    expect(await first).toMatchObject({ message: "fetch failed" });
    expect(sent).toHaveLength(2);
  });

  it("go on when the first caller aborts before the answer came", async () => {
    const { promise, resolve } = deferred<Response>();
    const { fetch, sent, cache, flush } = cachingRig(() => promise);
    const controller = new AbortController();
    const first = reasonOf(fetch(chatUrl, { ...post(), signal: controller.signal }));
    const second = fetch(chatUrl, post());
    await flush();
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await first).toBe(reason);
    expect(sent[0]?.init.signal?.aborted).toBe(false);
    resolve(ok());
    expect(await (await second).json()).toEqual({ fine: true });
    expect([sent.length, cache.size]).toEqual([1, 1]);
  });

  it.each(["abort", "cancel"])("go on when the first caller leaves in the body, by %s", async (how) => {
    const answer = openAnswer();
    const { fetch, sent, flush } = cachingRig(() => answer.response);
    const controller = new AbortController();
    const first = await fetch(chatUrl, { ...post(), signal: controller.signal });
    const second = fetch(chatUrl, post());
    answer.push("a");
    await flush();
    const reason = new Error("enough");
    if (how === "abort") {
      controller.abort(reason);
      expect(await reasonOf(first.text())).toBe(reason);
    } else await first.body?.cancel(reason);
    answer.push("b");
    answer.end();
    expect(await (await second).text()).toBe("ab");
    expect([answer.cancelled(), sent.length]).toEqual([[], 1]);
  });

  it("free a waiting caller who aborts, and nobody else", async () => {
    const answer = openAnswer();
    const { fetch, flush } = cachingRig(() => answer.response);
    const controller = new AbortController();
    const first = await fetch(chatUrl, post());
    const second = reasonOf(fetch(chatUrl, { ...post(), signal: controller.signal }));
    const third = fetch(chatUrl, post());
    await flush();
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await second).toBe(reason);
    answer.push("a");
    answer.end();
    expect([await first.text(), await (await third).text()]).toEqual(["a", "a"]);
  });

  it("free the connection once nobody waits any more", async () => {
    const answer = openAnswer();
    const { fetch, rotator, cache, sent, flush } = cachingRig(
      (_sent, number) => (number === 1 ? answer.response : ok()),
      {},
      {
        limits: [{ concurrency: 1 }],
      },
    );
    const controller = new AbortController();
    const first = await fetch(chatUrl, post());
    const second = reasonOf(fetch(chatUrl, { ...post(), signal: controller.signal }));
    await flush();
    await first.body?.cancel("not mine");
    expect(answer.cancelled()).toEqual([]);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await second).toBe(reason);
    await flush();
    expect(answer.cancelled()).toEqual([reason]);
    expect([cache.size, rotator.inFlight]).toEqual([0, 0]);
    await fetch(chatUrl, post());
    expect(sent).toHaveLength(2);
  });

  it("abort the request once nobody waits for its answer", async () => {
    const { fetch, rotator, sent, flush } = cachingRig(hang);
    const controllers = [new AbortController(), new AbortController()];
    const calls = controllers.map(({ signal }) => reasonOf(fetch(chatUrl, { ...post(), signal })));
    await flush();
    controllers[0]?.abort("first");
    await flush();
    expect(sent[0]?.init.signal?.aborted).toBe(false);
    controllers[1]?.abort("second");
    expect(await Promise.all(calls)).toEqual(["first", "second"]);
    await flush();
    expect([sent[0]?.init.signal?.reason, rotator.inFlight]).toEqual(["second", 0]);
  });

  it("free the connection when the answer grows too long and its caller is gone", async () => {
    const answer = openAnswer();
    const { fetch, sent, flush } = cachingRig((_sent, number) => (number === 1 ? answer.response : ok()), {
      maxEntryBytes: 10,
    });
    const first = await fetch(chatUrl, post());
    const second = fetch(chatUrl, post());
    await flush();
    await first.body?.cancel();
    answer.push("x".repeat(11));
    expect(await (await second).json()).toEqual({ fine: true });
    expect([answer.cancelled().length, sent.length]).toEqual([1, 2]);
  });

  it("wait no longer than their own time, the way on included", async () => {
    const answer = openAnswer();
    const { fetch, clock } = cachingRig(
      (request, number) => (number === 1 ? answer.response : hang(request)),
      {},
      {
        totalTimeoutMs: 5000,
      },
    );
    const first = await fetch(chatUrl, post());
    const second = watched(reasonOf(fetch(chatUrl, post())));
    await clock.advance(2000);
    const third = watched(reasonOf(fetch(chatUrl, post())));
    await clock.advance(3000);
    expect(await second.promise).toMatchObject({ name: "TimeoutError" });
    answer.break(new Error("gone"));
    await reasonOf(first.text());
    await clock.advance(1999);
    expect(third.settled).toBe(false);
    await clock.advance(1);
    expect(await third.promise).toMatchObject({
      name: "TimeoutError",
      message: expect.stringContaining("`totalTimeoutMs`"),
    });
  });

  it("leave no listener on a signal that lives long", async () => {
    const { signal } = new AbortController();
    const { fetch, flush } = cachingRig((_sent, number) => (number === 1 ? ok() : refusal(400)));
    await Promise.all([1, 2].map(() => fetch(chatUrl, { ...post(), signal })));
    await (await fetch(chatUrl, { ...post("other"), signal })).text();
    await flush();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("share it also over a connection, whose end is the last caller's to bring", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret] });
    const fetch = createRotatingFetch({
      keys: [secret],
      baseURL: emulator.baseURL,
      cache: { key: byBody, ttlMs: 60_000 },
    });
    const url = `${emulator.baseURL}/chat/completions`;
    const controller = new AbortController();
    const first = reasonOf(fetch(url, { ...chat(secret), signal: controller.signal }));
    const second = fetch(url, chat(secret));
    const third = fetch(url, chat(secret));
    controller.abort("enough");
    expect(await first).toBe("enough");
    const texts = await Promise.all([second, third].map(async (call) => (await call).text()));
    expect(texts[0]).toContain("choices");
    expect(texts[1]).toBe(texts[0]);
    expect((await fetch(url, chat(secret))).url).toBe(url);
    expect(emulator.arrivals).toHaveLength(1);
  });
});
