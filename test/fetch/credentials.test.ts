import { describe, expect, it } from "vitest";
import { defineProvider } from "../../src/index.ts";
import type { ProviderName } from "../../src/named/presets.ts";
import { newSecret } from "../testing/emulator/fixture.ts";
import { chatUrl, ok, origin, post, type RigOptions, rig } from "./fixture.ts";

/** What arrives at the provider when a client sends these headers; the key in it is called SECRET. */
async function arriving(headers: HeadersInit | undefined, options: RigOptions = {}): Promise<Record<string, string>> {
  const { fetch, sent, secrets } = rig(ok, { keyCount: 1, ...options });
  await fetch(chatUrl, headers === undefined ? undefined : { headers });
  const arrived = Object.fromEntries((sent[0] as (typeof sent)[0]).headers);
  return Object.fromEntries(
    Object.entries(arrived).map(([name, value]) => [name, value.replace(secrets[0] as string, "SECRET")]),
  );
}

const custom = { name: "mine", origins: [origin], credential: { header: "x-my-token", scheme: "Token" } };

describe("placeCredential", () => {
  it.each([
    ["Bearer", { authorization: "Bearer rotating" }, { authorization: "Bearer SECRET" }],
    ["token, as GitHub's client does", { authorization: "token rotating" }, { authorization: "token SECRET" }],
    ["a bare authorization", { authorization: "rotating" }, { authorization: "Bearer SECRET" }],
    ["an empty authorization", { authorization: "" }, { authorization: "Bearer SECRET" }],
    ["x-api-key", { "x-api-key": "rotating" }, { "x-api-key": "SECRET" }],
    ["api-key", { "api-key": "rotating" }, { "api-key": "SECRET" }],
    ["x-goog-api-key", { "x-goog-api-key": "rotating" }, { "x-goog-api-key": "SECRET" }],
  ])("replaces %s in place", async (_what, given, expected) => {
    for (const headers of [given, new Headers(given), Object.entries(given) as [string, string][]]) {
      expect(await arriving(headers)).toEqual(expected);
    }
  });

  it("finds the header however it is written", async () => {
    expect(await arriving({ AUTHORIZATION: "Bearer x" })).toEqual({ authorization: "Bearer SECRET" });
    expect(await arriving([["X-Api-Key", "x"]])).toEqual({ "x-api-key": "SECRET" });
  });

  it("lets no second credential of the client travel", async () => {
    const given = { "X-API-Key": "environment-key", Authorization: "Bearer other", "api-key": "third", "x-kept": "1" };
    expect(await arriving(given)).toEqual({ "x-api-key": "SECRET", "x-kept": "1" });
    expect(await arriving(new Headers(given))).toMatchObject({ "x-kept": "1" });
    expect(JSON.stringify(await arriving(new Headers(given)))).not.toMatch(/environment|other|third/);
  });

  it.each([
    ["generic", { authorization: "Bearer SECRET" }],
    ["openai", { authorization: "Bearer SECRET" }],
    ["anthropic", { "x-api-key": "SECRET" }],
    ["gemini", { "x-goog-api-key": "SECRET" }],
  ])("puts it where %s wants it when the client sent none", async (provider, expected) => {
    expect(await arriving(undefined, { provider: provider as ProviderName })).toEqual(expected);
    expect(await arriving({}, { provider: provider as ProviderName })).toEqual(expected);
  });

  it("takes the header of a provider of one's own for a credential, however it is written", async () => {
    expect(await arriving(undefined, { provider: custom })).toEqual({ "x-my-token": "Token SECRET" });
    expect(await arriving({ "X-My-Token": "Token x" }, { provider: custom })).toEqual({ "x-my-token": "Token SECRET" });
  });

  it("passes over headers that are set to undefined", async () => {
    const given = { authorization: undefined, "x-mine": undefined } as unknown as Record<string, string>;
    expect(await arriving(given)).toEqual({ authorization: "Bearer SECRET" });
  });

  it("passes over headers that are null, and takes a list for its text, as fetch does", async () => {
    const given = { authorization: ["Bearer rotating"], "x-mine": null } as unknown as Record<string, string>;
    expect(await arriving(given)).toEqual({ authorization: "Bearer SECRET" });
  });

  it("keeps several values of one header, and names that objects have by nature", async () => {
    expect(
      await arriving([
        ["x-many", "1"],
        ["x-many", "2"],
        ["constructor", "mine"],
      ]),
    ).toMatchObject({ "x-many": "1, 2", constructor: "mine" });
  });

  it("puts a key's own headers in place of the client's, whatever their case", async () => {
    const { fetch, sent } = rig(ok, {
      keys: [{ secret: "test-own-headers", headers: { "OpenAI-Organization": "org-of-the-key" } }],
    });
    await fetch(chatUrl, { headers: { "openai-organization": "org-of-the-client" } });
    expect(sent[0]?.headers.get("openai-organization")).toBe("org-of-the-key");
  });

  it("changes nothing that belongs to the caller", async () => {
    const { fetch } = rig(ok);
    const object = Object.freeze({ authorization: "Bearer rotating" });
    const init = Object.freeze({ method: "POST", headers: object, body: "{}" });
    await fetch(chatUrl, init);
    const headers = new Headers(object);
    await fetch(chatUrl, { headers });
    expect([...headers]).toEqual([["authorization", "Bearer rotating"]]);
    const pairs = Object.freeze([Object.freeze(["authorization", "Bearer rotating"])]) as [string, string][];
    await fetch(chatUrl, { headers: pairs });
    const request = new Request(chatUrl, { headers });
    await fetch(request);
    expect(request.headers.get("authorization")).toBe("Bearer rotating");
  });

  it("passes fields on that it does not know", async () => {
    const { fetch, sent } = rig(ok);
    const dispatcher = {};
    await fetch(chatUrl, { dispatcher, cache: "no-store" } as RequestInit);
    expect(sent[0]?.init).toMatchObject({ dispatcher, cache: "no-store" });
  });
});

describe("a header of the provider's own", () => {
  it.each(["x-gateway-key", "x-key", "authorization-2"])(
    "is where the secret goes, whatever the client sends: %s",
    async (header) => {
      const provider = defineProvider({ extends: "openai", name: "gateway", baseURL: origin, credential: { header } });
      const { fetch, sent, secrets } = rig(ok, { provider });
      await fetch(chatUrl, { ...post(), headers: { authorization: "Bearer rotating" } });
      expect(sent[0]?.headers.get(header)).toBe(secrets[0]);
      expect(sent[0]?.headers.get("authorization")).toBeNull();
    },
  );
});

/** Sent once with each of some keys, in order. */
async function withKeys(keys: RigOptions["keys"], headers: HeadersInit | undefined, options: RigOptions = {}) {
  const { fetch, sent } = rig(ok, { keys, ...options });
  const count = (keys as readonly unknown[]).length;
  for (let call = 0; call < count; call++) await fetch(chatUrl, headers === undefined ? undefined : { headers });
  return sent.map((each) => Object.fromEntries(each.headers));
}

describe("where a key's credential goes", () => {
  const [token, key] = [`sk-ant-oat01-${newSecret()}`, `sk-ant-api03-${newSecret()}`];

  it.each([
    ["x-api-key", { "x-api-key": "x" }],
    ["authorization", { authorization: "Bearer x" }],
    ["both", new Headers({ authorization: "Bearer x", "x-api-key": "y" })],
    ["none", undefined],
  ])("is where its kind is accepted, whatever the client used: %s", async (_what, headers) => {
    const [ofToken, ofKey] = await withKeys([token, { secret: () => key, id: "fetched" }], headers, {
      provider: "anthropic",
    });
    expect(ofToken).toEqual({ authorization: `Bearer ${token}`, "anthropic-beta": "oauth-2025-04-20" });
    expect(ofKey).toEqual({ "x-api-key": key });
  });

  it("stays where the client has it for a key of no known kind", async () => {
    const secret = newSecret();
    const [sent] = await withKeys([secret], { authorization: "Bearer x" }, { provider: "anthropic" });
    expect(sent).toEqual({ authorization: `Bearer ${secret}` });
  });

  it("is never the URL where a header is the only place", async () => {
    const secret = `ya29.${newSecret()}`;
    const { fetch, sent } = rig(ok, { keys: [secret], provider: "gemini" });
    await fetch(`${chatUrl}?key=x&alt=sse`);
    expect(sent[0]?.url).toBe(`${chatUrl}?alt=sse`);
    expect(sent[0]?.headers.get("authorization")).toBe(`Bearer ${secret}`);
  });

  it("is where the key's own `credential` says", async () => {
    const [plain, own] = [newSecret(), newSecret()];
    const keys = [plain, { secret: own, credential: { header: "x-gateway-key", scheme: "Token" } }];
    expect(await withKeys(keys, { authorization: "Bearer x" })).toEqual([
      { authorization: `Bearer ${plain}` },
      { "x-gateway-key": `Token ${own}` },
    ]);
  });

  it("is its provider's own place for a key of another provider than the pool's", async () => {
    const [plain, other] = [newSecret(), newSecret()];
    const keys = [plain, { secret: other, provider: "openrouter" as const }];
    expect(await withKeys(keys, { "x-api-key": "x" }, { provider: "kimi-coding" })).toEqual([
      { "x-api-key": plain },
      { authorization: `Bearer ${other}` },
    ]);
  });
});

describe("a key's headers", () => {
  it("are added to lists of the client's, none twice and the client's first, and take the place of others", async () => {
    const headers = { "anthropic-beta": "own,shared", "OpenAI-Beta": "v2", "x-team": "key" };
    const client = { "Anthropic-Beta": "first, shared", "X-Team": "client", authorization: "Bearer x" };
    const [sent] = await withKeys([{ secret: newSecret(), headers }], client);
    expect(sent).toMatchObject({ "anthropic-beta": "first,shared,own", "openai-beta": "v2", "x-team": "key" });
  });
});
