import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { type CallFacts, createRotatingFetch, defineProvider, type RotatingFetchOptions } from "../../src/index.ts";
import { expectNoSecrets, rateLimited } from "../../src/testing/index.ts";
import { newSecret, startEmulator } from "../testing/emulator/fixture.ts";
import { chatUrl, hang, limited, networkError, ok, origin, type RigOptions, rig } from "./fixture.ts";

const headerOrQuery = { name: "both", origins: [origin], credential: { header: "x-goog-api-key", query: "key" } };
const queryOnly = defineProvider({ name: "mine", origins: [origin], credential: { query: "token" } });

/** Where a call goes and what credentials it has in headers; the key is called SECRET. */
async function arriving(url: string, headers: HeadersInit = {}, options: RigOptions = {}) {
  const { fetch, sent, secrets } = rig(ok, { keyCount: 1, provider: headerOrQuery, ...options });
  await fetch(url, { headers });
  const [request] = sent;
  const shown = (text = ""): string => text.replace(secrets[0] as string, "SECRET");
  const fields = Object.fromEntries([...(request?.headers ?? [])].map(([name, value]) => [name, shown(value)]));
  return [shown(request?.url), fields] as const;
}

describe("placeInUrl", () => {
  it.each([
    ["?key=rotating", "?key=SECRET"],
    ["?a=%7e&key=rotating&b=1 2&c", "?a=%7e&key=SECRET&b=1 2&c"],
    ["?key=rotating#part?key=1", "?key=SECRET#part?key=1"],
    ["?key", "?key=SECRET"],
    ["?k%65y=rotating&alt=sse", "?key=SECRET&alt=sse"],
    ["?k\tey=rotating", "?key=SECRET"],
    ["?key=first&a=1&key=environment", "?key=SECRET&a=1"],
    ["?&&key=rotating&", "?&&key=SECRET&"],
  ])("replaces the credential where the client put it, and nothing else: %s", async (given, expected) => {
    expect(await arriving(`${chatUrl}${given}`)).toEqual([`${chatUrl}${expected}`, {}]);
  });

  it.each(["", "?alt=sse", "?keys=1&Key=2&a=key", "#?key=1"])(
    "uses the header where the client put none in the URL: %s",
    async (rest) => {
      expect(await arriving(`${chatUrl}${rest}`)).toEqual([`${chatUrl}${rest}`, { "x-goog-api-key": "SECRET" }]);
    },
  );

  it.each([
    ["?key=environment", ""],
    ["?a=1&key=environment", "?a=1"],
    ["?key=environment&a=1&key=2#x", "?a=1#x"],
  ])("takes the header of a client that sends both, and leaves the parameter out: %s", async (given, rest) => {
    expect(await arriving(`${chatUrl}${given}`, { authorization: "Bearer rotating" })).toEqual([
      `${chatUrl}${rest}`,
      { authorization: "Bearer SECRET" },
    ]);
  });

  it("leaves a parameter of that name alone where the provider takes no key in it", async () => {
    const [url, headers] = await arriving(`${chatUrl}?key=page-2`, {}, { provider: "openai" });
    expect([url, headers]).toEqual([`${chatUrl}?key=page-2`, { authorization: "Bearer SECRET" }]);
  });

  it.each([
    ["", "?token=SECRET"],
    ["?", "?token=SECRET"],
    ["?a=1#b", "?a=1&token=SECRET#b"],
    ["?token=rotating&a=1", "?token=SECRET&a=1"],
  ])("always uses the URL of a provider without a header: %s", async (given, expected) => {
    const headers = { authorization: "Bearer environment", "X-Api-Key": "environment", "x-own": "1" };
    expect(await arriving(`${chatUrl}${given}`, headers, { provider: queryOnly })).toEqual([
      `${chatUrl}${expected}`,
      { "x-own": "1" },
    ]);
  });

  it("writes a secret so that it stays one value", async () => {
    const secret = `${newSecret()}&a=b#c+d/e=`;
    const { fetch, sent } = rig(ok, { provider: queryOnly, keys: [secret] });
    await fetch(chatUrl);
    expect(new URL(sent[0]?.url ?? "").searchParams.get("token") === secret).toBe(true);
  });

  it("goes with a key's own endpoint and parameters", async () => {
    const key = { secret: newSecret(), baseURL: "https://eu.example.test/v1", query: { version: "7" } };
    const { fetch, sent } = rig(ok, { provider: headerOrQuery, keys: [key] });
    await fetch(`${chatUrl}?key=rotating`);
    const url = new URL(sent[0]?.url ?? "");
    expect([url.origin, url.searchParams.get("version")]).toEqual(["https://eu.example.test", "7"]);
    expect(url.searchParams.get("key") === key.secret).toBe(true);
  });

  it("is accepted by a provider that reads the URL, on every try with another key", async () => {
    const keys = [newSecret(), newSecret()];
    const emulator = await startEmulator({
      keys: [{ secret: keys[0] as string, script: [rateLimited()] }, keys[1] as string],
      credential: { query: "key" },
    });
    const fetch = createRotatingFetch({ keys, provider: "gemini", baseURL: emulator.url });
    const url = `${emulator.url}/echo?alt=json&key=rotating`;
    const response = await fetch(url);
    expect([response.status, response.url]).toEqual([200, url]);
    expect(emulator.arrivals.map(({ secret }) => keys.indexOf(secret ?? ""))).toEqual([0, 1]);
  });
});

describe("a secret in the URL", () => {
  it("is not told by the response, however the URL is written", async () => {
    const asked: [string, string][] = [
      ["HTTPS://api.example.test:443/a b?key=x#part", "https://api.example.test/a%20b?key=x"],
      [`${chatUrl}?key=x`, `${chatUrl}?key=x`],
    ];
    for (const [url, asFetchTells] of asked) {
      const told = ({ url: sent }: { url: string }): Response => {
        const answered = new URL(sent);
        answered.hash = "";
        return Object.defineProperty(ok(), "url", { value: answered.href, configurable: true });
      };
      const { fetch, secrets } = rig(told, { provider: headerOrQuery });
      const response = await fetch(url);
      expect(response.url).toBe(asFetchTells);
      expectNoSecrets(response.url, secrets);
    }
  });

  it("is not told by an inner fetch that followed a redirect", async () => {
    const followed = ({ url }: { url: string }): Response =>
      Object.defineProperty(ok(), "url", { value: `${url}&landed=1`, configurable: true });
    const { fetch, secrets } = rig(followed, { provider: headerOrQuery });
    const { url } = await fetch(`${chatUrl}?key=x`);
    expect(url).toContain("landed=1");
    expectNoSecrets(url, secrets);
  });

  it("is not told by errors, which some runtimes put the URL in", async () => {
    const failing = ({ url }: { url: string }): Promise<Response> => {
      const cause = Object.assign(new Error(`error sending request for url (${url})`), { code: "ECONNREFUSED" });
      return Promise.reject(Object.assign(new TypeError(`fetch failed: ${url}`, { cause }), { path: url }));
    };
    const { fetch, rotator, secrets } = rig(failing, { provider: headerOrQuery, retries: 0 });
    const events: unknown[] = [];
    for (const name of ["key-selected", "attempt-failed", "internal-error"] as const) {
      rotator.on(name, (event) => events.push(event));
    }
    const error = await fetch(`${chatUrl}?key=x`).then(Promise.reject, (thrown: unknown) => thrown);
    expect((error as TypeError).message).toContain("fetch failed");
    expect(events.length).toBeGreaterThan(1);
    expectNoSecrets(inspect([error, events], { depth: null, showHidden: true }), secrets);
  });

  it("keeps the error a caller's own", async () => {
    const failure = networkError("ECONNREFUSED");
    const { fetch } = rig(() => Promise.reject(failure), { provider: headerOrQuery, retries: 0 });
    await expect(fetch(`${chatUrl}?key=x`)).rejects.toBe(failure);
  });

  it("is not shown to the user's functions, nor is the client's own", async () => {
    const seen: CallFacts[] = [];
    const client = newSecret();
    const { fetch } = rig(ok, { provider: headerOrQuery, affinity: (call) => void seen.push(call) });
    await fetch(`${chatUrl}?alt=sse&key=${client}`);
    expect(seen[0]?.url).toBe(`${chatUrl}?alt=sse`);
  });

  it("is not taken for a credential at another origin", async () => {
    const { fetch, sent } = rig(ok, { provider: headerOrQuery });
    await fetch("https://images.example.test/a.png?key=1");
    expect(sent.map(({ url, key }) => [url, key])).toEqual([["https://images.example.test/a.png?key=1", -1]]);
  });

  it("goes with an abort like any other", async () => {
    const { fetch } = rig(hang, { provider: queryOnly });
    const controller = new AbortController();
    const call = fetch(chatUrl, { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toBe(controller.signal.reason);
  });
});

describe("a redirect of a call with its key in the URL", () => {
  /** The URLs a chain of redirects goes to, and where the answer says it came from. */
  async function chain(locations: readonly string[], options: Partial<RotatingFetchOptions> = {}, url = "?key=x") {
    const secret = newSecret();
    const answer = ({ url: from }: { url: string }, number: number): Response => {
      const location = locations[number - 1]?.replace("SECRET", secret);
      const response = location === undefined ? ok() : new Response(null, { status: 302, headers: { location } });
      return Object.defineProperty(response, "url", { value: from, configurable: true });
    };
    const { fetch, sent } = rig(answer, { provider: headerOrQuery, keys: [secret], ...options });
    const response = await fetch(`${chatUrl}${url}`);
    const urls = sent.slice(1).map((request) => request.url.replaceAll(secret, "SECRET"));
    return { urls, url: response.url.replaceAll(secret, "SECRET"), sent };
  }

  it.each([
    ["/on?key=SECRET&a=1", `${origin}/on?key=SECRET&a=1`],
    ["/on?a=1", `${origin}/on?a=1&key=SECRET`],
    ["/on", `${origin}/on?key=SECRET`],
  ])("keeps it on the same origin, whether it is repeated or not: %s", async (location, expected) => {
    const { urls, url } = await chain([location]);
    expect(urls).toEqual([expected]);
    expect(url).not.toContain("SECRET");
  });

  it.each([
    ["https://away.test/on?a=1&key=SECRET&b=2", "https://away.test/on?a=1&b=2"],
    ["https://away.test/login?next=https%3A%2F%2Fapi.example.test%2F%3Fkey%3DSECRET", "https://away.test/login?next="],
    ["https://away.test/SECRET", "https://away.test/"],
  ])("carries it to no other origin: %s", async (location, expected) => {
    const { urls, url } = await chain([location]);
    expect(urls[0]).toContain(expected);
    expect(JSON.stringify([urls, url])).not.toContain("SECRET");
  });

  it("does not take it up again on the way back", async () => {
    const { urls, sent } = await chain(["https://away.test/", `${origin}/back?key=SECRET`, "/end"]);
    expect(urls).toEqual(["https://away.test/", `${origin}/back`, `${origin}/end`]);
    expect(sent.slice(1).every(({ headers }) => !headers.has("x-goog-api-key"))).toBe(true);
  });

  it("leaves a key's own parameters behind as well", async () => {
    const [secret, project] = [newSecret(), newSecret()];
    const { urls } = await chain([`https://away.test/?project=${project}&a=1&key=other`], {
      keys: [{ secret, query: { project } }],
    });
    expect(urls).toEqual(["https://away.test/?a=1"]);
  });

  it("does not put it into the URL where it went in a header", async () => {
    const { urls, sent } = await chain(["/on"], {}, "");
    expect(urls).toEqual([`${origin}/on`]);
    expect(sent[1]?.headers.has("x-goog-api-key")).toBe(true);
  });

  it("says nothing of it when it cannot be followed", async () => {
    const { fetch, secrets } = rig(
      ({ url }) => new Response(null, { status: 302, headers: { location: `http://[${url}` } }),
      { provider: headerOrQuery },
    );
    const error = await fetch(`${chatUrl}?key=x`).then(Promise.reject, (thrown: unknown) => thrown);
    expectNoSecrets(inspect(error, { depth: null, showHidden: true }), secrets);
  });
});

describe("a probe of a provider whose key goes into the URL", () => {
  it("has it there", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: [secret], credential: { query: "token" } });
    const provider = defineProvider({ extends: queryOnly, baseURL: emulator.url });
    const { rotator } = createRotatingFetch({ keys: [secret], provider });
    const { keys } = await rotator.check({ path: "/echo?a=1" });
    expect(keys[0]?.status).toBe(200);
    expect(emulator.arrivals[0]?.path).toBe("/echo?a=1&token=<credential>");
    expect(emulator.arrivals[0]?.headers).not.toHaveProperty("authorization");
  });

  it("uses the header where there is one", async () => {
    const { rotator, sent } = rig(ok, { keyCount: 1, provider: headerOrQuery });
    await rotator.check({ path: "/models" });
    expect([sent[0]?.url, sent[0]?.key]).toEqual([`${origin}/models`, 0]);
  });
});

describe("limits of a provider whose key goes into the URL", () => {
  it("moves on from a refused key", async () => {
    const { fetch, sent, secrets } = rig((_sent, number) => (number === 1 ? limited() : ok()), { provider: queryOnly });
    expect((await fetch(chatUrl)).status).toBe(200);
    const used = sent.map(({ url }) => secrets.indexOf(new URL(url).searchParams.get("token") ?? ""));
    expect(used).toEqual([0, 1]);
  });
});
