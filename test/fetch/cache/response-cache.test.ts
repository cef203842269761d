import { describe, expect, it } from "vitest";
import { createRotatingFetch, KeyRotator } from "../../../src/index.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { newSecret } from "../../testing/emulator/fixture.ts";
import { chatUrl, ok, origin, post, rig } from "../fixture.ts";
import { byBody, cachingRig, chunksOf, numbered, openAnswer } from "./caching-rig.ts";

describe("createRotatingFetch with `cache`", () => {
  it("has no cache and keeps nothing without the option", async () => {
    const { fetch, sent } = rig(numbered);
    await (await fetch(chatUrl, post())).text();
    await (await fetch(chatUrl, post())).text();
    expect(fetch.cache).toBeUndefined();
    expect(sent).toHaveLength(2);
  });

  it("gives the kept answer to an equal request, without a key and without counting", async () => {
    const { fetch, rotator, clock, sent, cache, flush } = cachingRig(
      () =>
        new Response('{"fine":true}', {
          statusText: "Very well",
          headers: { "content-type": "application/json", "x-own": "1", "content-encoding": "gzip" },
        }),
      {},
      { limits: [{ requests: 1 }], maxWaitMs: 0, keyCount: 1 },
    );
    await fetch(chatUrl, post());
    await flush();
    await clock.advance(2500);
    const again = await fetch(chatUrl, post());
    expect([again.status, again.statusText, await again.text()]).toEqual([200, "Very well", '{"fine":true}']);
    expect(Object.fromEntries(again.headers)).toEqual({
      "content-type": "application/json",
      "x-own": "1",
      "x-rotating-fetch": "cached",
      age: "2",
    });
    expect(sent).toHaveLength(1);
    expect((await rotator.snapshot()).keys[0]).toMatchObject({ used: 1, limits: [{ used: 1 }] });
    expect([cache.size, cache.hits, cache.misses]).toEqual([1, 1, 1]);
  });

  it("tells the address of the answer", async () => {
    const answered = Object.defineProperty(ok(), "url", { value: chatUrl });
    const { fetch, flush } = cachingRig(() => answered);
    const first = await fetch(chatUrl, post());
    await flush();
    expect([first.url, (await fetch(chatUrl, post())).url]).toEqual([chatUrl, chatUrl]);
  });

  it("gives every caller bytes of its own", async () => {
    const { fetch, flush } = cachingRig(ok);
    const spoil = async (): Promise<void> => {
      const next = chunksOf(await fetch(chatUrl, post()));
      for (let chunk = await next(); chunk !== undefined; chunk = await next()) chunk.fill(0);
    };
    await spoil();
    await flush();
    await spoil();
    expect(await (await fetch(chatUrl, post())).json()).toEqual({ fine: true });
  });

  it("keeps the answer also when the first caller never reads it", async () => {
    const { fetch, sent, flush } = cachingRig(ok);
    await fetch(chatUrl, post());
    await flush();
    expect(await (await fetch(chatUrl, post())).json()).toEqual({ fine: true });
    expect(sent).toHaveLength(1);
  });

  it("hands the first caller what comes before the answer is complete", async () => {
    const answer = openAnswer();
    const { fetch, cache } = cachingRig(() => answer.response);
    const next = chunksOf(await fetch(chatUrl, post()));
    answer.push("{");
    expect(new TextDecoder().decode(await next())).toBe("{");
    expect(cache.size).toBe(0);
    answer.push("}");
    answer.end();
    expect(new TextDecoder().decode(await next())).toBe("}");
    expect([await next(), cache.size]).toEqual([undefined, 1]);
  });

  it("forgets an answer after ttlMs, by the clock it was given", async () => {
    const { fetch, clock, sent, cache, flush } = cachingRig(ok, { ttlMs: 5000 });
    await fetch(chatUrl, post());
    await flush();
    await clock.advance(5000);
    await fetch(chatUrl, post());
    expect(sent).toHaveLength(1);
    await clock.advance(1);
    expect([cache.size, cache.bytes]).toEqual([0, 0]);
    await fetch(chatUrl, post());
    expect(sent).toHaveLength(2);
  });

  it("keeps answers for good with an endless ttlMs", async () => {
    const { fetch, clock, sent, flush } = cachingRig(ok, { ttlMs: Number.POSITIVE_INFINITY });
    await fetch(chatUrl, post());
    await flush();
    await clock.advance(1e12);
    await fetch(chatUrl, post());
    expect(sent).toHaveLength(1);
  });

  it("lets go of the answer unused for longest beyond maxBytes", async () => {
    const { fetch, sent, cache, flush } = cachingRig(() => new Response("x".repeat(1000)), { maxBytes: 4000 });
    const ask = async (name: string): Promise<void> => {
      await fetch(chatUrl, post(name));
      await flush();
    };
    for (const name of ["a", "b", "a", "c", "a", "b"]) await ask(name);
    expect(sent.map(({ init }) => init.body)).toEqual(["a", "b", "c", "b"]);
    expect(cache.size).toBe(2);
    expect(cache.bytes).toBeGreaterThan(2000);
    expect(cache.bytes).toBeLessThanOrEqual(4000);
  });

  it("forgets everything on clear(), also what is on its way", async () => {
    const answer = openAnswer();
    const { fetch, sent, cache, flush } = cachingRig((_sent, number) => (number === 1 ? answer.response : ok()));
    const first = await fetch(chatUrl, post());
    const second = fetch(chatUrl, post());
    await flush();
    cache.clear();
    answer.push("old");
    answer.end();
    expect(await first.text()).toBe("old");
    expect(await (await second).text()).toBe("old");
    expect(cache.size).toBe(0);
    await fetch(chatUrl, post());
    await flush();
    expect([sent.length, cache.size, cache.hits, cache.misses]).toEqual([2, 1, 1, 2]);
    cache.clear();
    expect([cache.size, cache.bytes]).toEqual([0, 0]);
  });

  it("is one cache for a fetch and all made of it with other call options", async () => {
    const { fetch, sent, flush } = cachingRig(ok);
    await fetch(chatUrl, post());
    await flush();
    const tagged = fetch.with({ tags: { a: "b" } });
    expect((await tagged(chatUrl, post())).headers.get("x-rotating-fetch")).toBe("cached");
    expect(tagged.cache).toBe(fetch.cache);
    expect(sent).toHaveLength(1);
  });

  it("works beside a shared rotator", async () => {
    const rotator = new KeyRotator({ keys: [newSecret()], clock: new FakeClock() });
    let sent = 0;
    const send = async (): Promise<Response> => {
      sent++;
      return ok();
    };
    const cache = { key: byBody, ttlMs: 1000 };
    const fetch = createRotatingFetch({ rotator, baseURL: origin, cache, fetch: send });
    for (let call = 0; call < 2; call++) await (await fetch(chatUrl, post())).text();
    expect([sent, fetch.cache?.hits]).toEqual([1, 1]);
  });

  it("refuses a call that was aborted before, though its answer is kept", async () => {
    const { fetch, flush } = cachingRig(ok);
    await fetch(chatUrl, post());
    await flush();
    const reason = new Error("enough");
    await expect(fetch(chatUrl, { ...post(), signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
