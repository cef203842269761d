import { describe, expect, it } from "vitest";
import { chatUrl, networkError, post, refusal } from "../fixture.ts";
import { cachingRig, chunksOf, openAnswer, reasonOf } from "./caching-rig.ts";

describe("an answer that is not kept", () => {
  it.each<[string, () => Response]>([
    ["is a refusal", () => refusal(400)],
    ["is another success than 200", () => Response.json({}, { status: 201 })],
    ["is a part", () => new Response("a", { headers: { "content-range": "bytes 0-0/2" } })],
    ["is a stream of events", () => new Response("data: a", { headers: { "content-type": "text/event-stream" } })],
    ["is a stream of lines", () => new Response("{}", { headers: { "content-type": "application/x-ndjson" } })],
    ["must not be kept", () => new Response("a", { headers: { "cache-control": "private, No-Store" } })],
    ["tells of an error in spite of its status", () => Response.json({ error: { message: "overloaded" } })],
    ["is longer than maxEntryBytes", () => new Response("x".repeat(101))],
    ["says that it is longer", () => new Response("x".repeat(101), { headers: { "content-length": "101" } })],
  ])("%s", async (_how, answer) => {
    const { fetch, sent, cache, flush } = cachingRig(answer, { maxEntryBytes: 100 });
    const bodies: string[] = [];
    for (let call = 0; call < 2; call++) {
      bodies.push(await (await fetch(chatUrl, post())).text());
      await flush();
    }
    expect(bodies).toEqual(Array(2).fill(await answer().text()));
    expect([sent.length, cache.size]).toEqual([2, 0]);
  });

  it("breaks off", async () => {
    const answer = openAnswer();
    const { fetch, cache, flush } = cachingRig(() => answer.response);
    const text = (await fetch(chatUrl, post())).text();
    answer.push("half");
    await flush();
    answer.break(networkError("ECONNRESET"));
    expect(await reasonOf(text)).toMatchObject({ message: "fetch failed" });
    expect(cache.size).toBe(0);
  });

  it("is given up by its caller", async () => {
    const answer = openAnswer();
    const { fetch, rotator, cache, flush } = cachingRig(() => answer.response, {}, { limits: [{ concurrency: 1 }] });
    const response = await fetch(chatUrl, post());
    answer.push("half");
    await flush();
    await response.body?.cancel("enough");
    expect(answer.cancelled()).toEqual(["enough"]);
    expect([cache.size, rotator.inFlight]).toEqual([0, 0]);
  });

  it("is made here for an exhausted pool, whatever its status", async () => {
    const { fetch, cache, flush } = cachingRig(
      () => refusal(401, "invalid_api_key"),
      {},
      {
        onExhausted: () => Response.json({ made: true }),
        maxWaitMs: 0,
        keyCount: 1,
      },
    );
    expect(await (await fetch(chatUrl, post())).json()).toEqual({ made: true });
    await flush();
    expect(cache.size).toBe(0);
  });

  it("passes at the caller's pace from the cap on", async () => {
    let pulls = 0;
    const endless = new ReadableStream<Uint8Array>(
      { pull: (controller) => controller.enqueue(new Uint8Array(10).fill(++pulls)) },
      { highWaterMark: 0 },
    );
    const { fetch, cache, flush } = cachingRig(() => new Response(endless), { maxEntryBytes: 50 });
    const next = chunksOf(await fetch(chatUrl, post()));
    await flush();
    expect(pulls).toBe(6);
    const seen: unknown[] = [];
    for (let read = 0; read < 9; read++) seen.push((await next())?.[0]);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await flush();
    expect([pulls, cache.size]).toEqual([9, 0]);
  });

  it("still has its caller's signal", async () => {
    const answer = openAnswer({ headers: { "content-type": "text/event-stream" } });
    const { fetch } = cachingRig(() => answer.response);
    const controller = new AbortController();
    const response = await fetch(chatUrl, { ...post(), signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await reasonOf(response.text())).toBe(reason);
    expect(answer.cancelled()).toEqual([reason]);
  });

  it("is handed over as it came where nothing has to be seen of it", async () => {
    const answer = new Response("data: a", { headers: { "content-type": "text/event-stream" } });
    const { fetch } = cachingRig(() => answer);
    expect(await fetch(chatUrl, post())).toBe(answer);
  });

  it("is kept without the cookie it sets, which only the first caller gets", async () => {
    const { fetch, flush } = cachingRig(() => Response.json({}, { headers: { "set-cookie": "a=b" } }));
    const first = await fetch(chatUrl, post());
    await flush();
    const second = await fetch(chatUrl, post());
    expect([first.headers.get("set-cookie"), second.headers.get("set-cookie")]).toEqual(["a=b", null]);
  });

  it("leaves alone a JSON answer whose error field is empty", async () => {
    const { fetch, cache, flush } = cachingRig(() => Response.json({ error: null, output: [] }));
    await fetch(chatUrl, post());
    await flush();
    expect(cache.size).toBe(1);
  });
});
