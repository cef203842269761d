import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { CacheOptions, CacheRequest } from "../../../src/index.ts";
import { expectNoSecrets } from "../../../src/testing/index.ts";
import { newSecret } from "../../testing/emulator/fixture.ts";
import { chatUrl, hang, ok, origin, post } from "../fixture.ts";
import { byBody, cachingRig, deferred, reasonOf, watched } from "./caching-rig.ts";

describe("cache.key", () => {
  it("is asked with what makes up the request, without credentials", async () => {
    const asked: CacheRequest[] = [];
    const client = newSecret();
    const { fetch } = cachingRig(ok, { key: (request) => void asked.push(request) });
    await fetch.with({ tags: { user: "7" } })(chatUrl, {
      ...post('{"model":"small"}'),
      headers: { authorization: `Bearer ${client}`, "x-api-key": client, cookie: client, "x-own": "1" },
    });
    expect(asked).toEqual([
      {
        url: chatUrl,
        method: "POST",
        headers: expect.any(Headers),
        body: '{"model":"small"}',
        model: "small",
        tags: { user: "7" },
      },
    ]);
    expect(Object.fromEntries(asked[0]?.headers ?? [])).toEqual({ "x-own": "1" });
    expectNoSecrets(inspect(asked, { depth: null }), [client]);
  });

  it.each<[string, () => [string | Request, RequestInit?]]>([
    ["bytes", () => [chatUrl, post(new TextEncoder().encode('{"model":"m"}'))]],
    ["a Request", () => [new Request(chatUrl, post())]],
    ["a stream", () => [chatUrl, { ...post(new Blob(['{"model":"m"}']).stream()), duplex: "half" } as RequestInit]],
  ])("gets the body as text when it comes as %s", async (_kind, args) => {
    const bodies: unknown[] = [];
    const { fetch, sent, flush } = cachingRig(ok, {
      key: ({ body, model }) => {
        bodies.push([body, model]);
        return body;
      },
    });
    await fetch(...args());
    await flush();
    await fetch(...args());
    const expected = ['{"model":"m"}', "m"];
    expect(bodies).toEqual([expected, expected]);
    expect(sent).toHaveLength(1);
  });

  it.each([
    ["undefined", undefined],
    ["an empty string", ""],
  ])("leaves the call uncached with %s", async (_kind, key) => {
    const { fetch, sent, cache, failures } = cachingRig(ok, { key: () => key });
    await fetch(chatUrl, post());
    await fetch(chatUrl, post());
    expect([sent.length, cache.size, cache.hits, cache.misses, failures.length]).toEqual([2, 0, 0, 0, 0]);
  });

  it("may take its time", async () => {
    const { fetch, sent, flush } = cachingRig(ok, { key: async (request) => byBody(request) });
    await fetch(chatUrl, post());
    await flush();
    await fetch(chatUrl, post());
    expect(sent).toHaveLength(1);
  });

  it.each<[string, CacheOptions["key"], RegExp]>([
    [
      "throws",
      () => {
        throw new Error("no key today");
      },
      /^no key today$/,
    ],
    ["rejects", () => Promise.reject(new Error("no key today")), /^no key today$/],
    ["answers a number", () => 7 as never, /^Expected `cache\.key\(\)` to be a string, .* got `7` \(number\)$/],
  ])("is reported when it %s, and the call goes on uncached", async (_how, key, message) => {
    const { fetch, sent, cache, failures } = cachingRig(ok, { key });
    expect(await (await fetch(chatUrl, post())).json()).toEqual({ fine: true });
    expect(failures).toEqual([
      { part: "cache", error: expect.objectContaining({ message: expect.stringMatching(message) }) },
    ]);
    expect([sent.length, cache.size]).toEqual([1, 0]);
  });

  it("holds up no caller who aborts, nor one whose time is over", async () => {
    const { fetch, sent, clock, failures } = cachingRig(
      ok,
      { key: () => new Promise(() => {}) },
      { totalTimeoutMs: 5000 },
    );
    const controller = new AbortController();
    const aborted = reasonOf(fetch(chatUrl, { ...post(), signal: controller.signal }));
    const late = reasonOf(fetch(chatUrl, post()));
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    await clock.advance(5000);
    expect(await late).toMatchObject({ name: "TimeoutError", message: expect.stringContaining("`totalTimeoutMs`") });
    expect([sent.length, failures.length, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it("takes its time out of the call's", async () => {
    const { promise, resolve } = deferred<string>();
    const { fetch, clock } = cachingRig(hang, { key: () => promise }, { totalTimeoutMs: 5000 });
    const call = watched(reasonOf(fetch(chatUrl, post())));
    await clock.advance(3000);
    resolve("a");
    await clock.advance(1999);
    expect(call.settled).toBe(false);
    await clock.advance(1);
    expect(await call.promise).toMatchObject({ message: expect.stringContaining("`totalTimeoutMs`") });
  });
});

describe("a request whose answer is never cached", () => {
  it.each<[string, RequestInit]>([
    ["asks for a stream", post('{"model":"m", "stream" : true}')],
    ["accepts only a stream", { ...post(), headers: { accept: "text/event-stream" } }],
    ["changes something", { ...post(), method: "PUT" }],
    ["asks for headers alone", { method: "HEAD" }],
    ["asks for a part", { headers: { range: "bytes=0-9" } }],
    ["has a body that is no text", post(new Uint8Array([255, 254]))],
    ["has a form for body", post(new FormData())],
    ["has a blob for body", post(new Blob(["a"]))],
    ["wants a fresh answer by header", { ...post(), headers: { "cache-control": "no-cache" } }],
    ["wants a fresh answer by fetch's option", { ...post(), cache: "no-store" }],
  ])("%s", async (_how, init) => {
    const asked: unknown[] = [];
    const { fetch, sent } = cachingRig(ok, { key: (request) => String(asked.push(request)) });
    for (let call = 0; call < 2; call++) expect((await fetch(chatUrl, init)).status).toBe(200);
    expect([asked.length, sent.length]).toEqual([0, 2]);
  });

  it("names a stream in its path, where the provider does that", async () => {
    const request = { streamInPath: ":stream" };
    const { fetch, sent } = cachingRig(
      ok,
      {},
      {
        provider: {
          name: "own",
          origins: [origin],
          credential: { header: "authorization", scheme: "Bearer" },
          request,
        },
      },
    );
    for (const path of ["a:stream", "a:stream", "a", "a"]) await (await fetch(`${origin}/${path}`, post())).text();
    expect(sent).toHaveLength(3);
  });

  it("has a stream for body that is too long to be kept", async () => {
    const { fetch, sent } = cachingRig(ok, { key: () => "a" }, { maxReplayBytes: 2 });
    const init = () => ({ ...post(new Blob(["long"]).stream()), duplex: "half" }) as RequestInit;
    await fetch(chatUrl, init());
    await fetch(chatUrl, init());
    expect(sent).toHaveLength(2);
  });

  it("goes to another origin", async () => {
    const asked: unknown[] = [];
    const { fetch } = cachingRig(ok, { key: (request) => String(asked.push(request)) });
    await fetch("https://elsewhere.example.test/x");
    expect(asked).toEqual([]);
  });

  it("has headers no request can have, which are repeated nowhere", async () => {
    const { fetch, failures } = cachingRig(ok);
    const bad = { "x-own": "a\nb" };
    await fetch(chatUrl, { ...post(), headers: bad }).catch(() => undefined);
    expect(failures).toEqual([]);
  });
});
