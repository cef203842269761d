import { describe, expect, it } from "vitest";
import {
  createRotatingFetch,
  defineProvider,
  KeyRotator,
  MemoryKeyStore,
  type RotatorOptions,
} from "../../src/index.ts";
import type { ProviderName } from "../../src/named/presets.ts";
import type { KeyBehaviour } from "../../src/testing/index.ts";
import { chat, newSecret, startEmulator } from "../testing/emulator/fixture.ts";

/** Calls a busy account by a status of its own, counts what comes out twice, and has its key in a header of its own. */
const own = defineProvider({
  extends: "openai",
  name: "own/gateway",
  origins: ["https://gateway.example"],
  credential: { header: "x-own-key" },
  errors: [{ status: 409, verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", reset: 60_000 } }],
  headers: [],
  usage: { input: ["usage.total_tokens"], output: ["usage.completion_tokens"] },
  probe: { method: "GET", path: "/models?own", proves: "credential" },
});

/** Two accounts of one name, each at a provider of its own, in one pool. */
async function pool(behaviours: Readonly<Record<"a" | "b", KeyBehaviour>>, options: Partial<RotatorOptions> = {}) {
  const secrets = { a: newSecret(), b: newSecret() };
  const reply = { completionTokens: 7 };
  const atOwn = await startEmulator({
    ...reply,
    keys: [{ ...behaviours.a, secret: secrets.a }],
    credential: { header: "x-own-key" },
  });
  const atOpenai = await startEmulator({
    ...reply,
    keys: [{ ...behaviours.b, secret: secrets.b }],
    credential: { header: "authorization", scheme: "Bearer" },
  });
  const places = { a: atOwn, b: atOpenai };
  const rotator = new KeyRotator({
    provider: "openai",
    keys: (["a", "b"] as const).map((id) => ({
      id,
      secret: secrets[id],
      account: "acme",
      baseURL: places[id].baseURL,
      provider: id === "a" ? own : undefined,
    })),
    maxWaitMs: 0,
    ...options,
  });
  const fetch = createRotatingFetch({ rotator, baseURL: atOpenai.baseURL });
  const call = async (): Promise<number> => {
    const response = await fetch(`${atOpenai.baseURL}/chat/completions`, chat("any"));
    await response.text();
    return response.status;
  };
  const states = async () => (await rotator.snapshot()).keys.map(({ id, account, state }) => [id, account, state]);
  return { rotator, call, states, atOwn, atOpenai };
}

describe("a pool whose accounts are of several providers", () => {
  it("places a key, and takes a refusal, as the account's own provider does", async () => {
    const { rotator, call, states, atOwn, atOpenai } = await pool({
      a: { always: { status: 409 } },
      b: { script: [{ ok: true }], always: { status: 409 } },
    });
    const cooled: unknown[] = [];
    rotator.on("key-cooled", ({ scope, keyId }) => cooled.push([scope, keyId]));
    // The one's 409 is a limit, and the other account of the same name serves.
    expect(await call()).toBe(200);
    expect([atOwn.arrivals.length, atOpenai.arrivals.length]).toEqual([1, 1]);
    expect(await states()).toEqual([
      ["a", "acme", "cooling"],
      ["b", "acme", "ready"],
    ]);
    // The other's 409 is what it is everywhere.
    expect(await call()).toBe(409);
    expect(cooled).toEqual([["account:acme", "a"]]);
    expect((await states())[1]).toEqual(["b", "acme", "ready"]);
  });

  it("counts the two accounts of one name apart, each by its provider's own word for what was used", async () => {
    const { rotator, call } = await pool(
      { a: {}, b: {} },
      {
        limits: [
          { requests: 1, per: "hour", scope: "account" },
          { tokens: 1000, per: "hour", scope: "account" },
        ],
      },
    );
    expect([await call(), await call(), await call()]).toEqual([200, 200, 429]);
    const { keys } = await rotator.snapshot();
    const used = keys.map(({ limits }) => limits.map((limit) => [limit.dimension, limit.used]));
    const [[, [, ofOwn]], [, [, ofOpenai]]] = used as [[unknown, [string, number]], [unknown, [string, number]]];
    expect(used.map(([requests]) => requests)).toEqual([
      ["requests", 1],
      ["requests", 1],
    ]);
    expect(ofOwn - ofOpenai).toBe(7);
  });

  it("probes each key as its provider is probed", async () => {
    const { rotator, atOwn, atOpenai } = await pool({ a: {}, b: {} });
    const { keys } = await rotator.check();
    expect(keys.map(({ id, verdict }) => [id, verdict])).toEqual([
      ["a", "good"],
      ["b", "good"],
    ]);
    expect(atOwn.arrivals.map(({ path }) => path)).toEqual(["/v1/models?own"]);
    expect(atOpenai.arrivals.map(({ path }) => path)).toEqual(["/v1/models"]);
  });

  it("excludes and asks for an account by its name, whosever it is", async () => {
    const { rotator } = await pool({ a: {}, b: {} });
    const request = { exclude: new Set(["acme"]) };
    await expect(Promise.resolve().then(() => rotator.acquire(request))).rejects.toThrow();
    const lease = await rotator.acquire({ account: "acme" });
    expect(lease.account).toBe("acme");
    lease.settle({ outcome: "success" });
  });
});

describe("keys that say how they are sent", () => {
  it("go out each through its own `fetch`, answers and probes alike", async () => {
    const through: string[] = [];
    const via =
      (name: string) =>
      async (url: string): Promise<Response> => {
        through.push(`${name} ${new URL(url).host}`);
        return Response.json({ data: [] });
      };
    const fetch = createRotatingFetch({
      provider: "openai",
      fetch: via("pool"),
      keys: [newSecret(), { secret: newSecret(), provider: "groq", fetch: via("own") }],
    });
    for (let call = 0; call < 2; call++) await fetch("https://api.openai.com/v1/models");
    await fetch.rotator.check();
    expect(through).toEqual(["pool api.openai.com", "own api.groq.com", "pool api.openai.com", "own api.groq.com"]);
  });

  it("share what cools an address with those alone that leave from the same one", async () => {
    const policy = { scope: "ip", kind: "rate_limit", sharedBy: "ip", failover: true, retryAfterMs: 60_000 } as const;
    const fetch = createRotatingFetch({
      provider: "openai",
      maxWaitMs: 0,
      keys: [
        { id: "a", secret: newSecret() },
        { id: "b", secret: newSecret() },
        { id: "c", secret: newSecret(), egress: "tunnel" },
      ],
      fetch: async () => Response.json({}, { status: 429 }),
      classify: ({ status }) => (status === 429 ? policy : undefined),
    });
    await fetch("https://api.openai.com/v1/models");
    const { keys } = await fetch.rotator.explain();
    expect(keys.map(({ id, by }) => [id, by])).toEqual([
      ["a", "ip:local"],
      ["b", "ip:local"],
      ["c", "ip:tunnel"],
    ]);
  });

  it.each([
    ["fetch", { fetch: "https://proxy.example" }, "keys[0].fetch"],
    ["credential", { credential: { header: "host" } }, "keys[0].credential.header"],
    ["credential", { credential: "x-api-key" }, "keys[0].credential"],
    ["credential", { credential: { header: "x-api-key", place: 1 } }, "keys[0].credential.place"],
    ["provider", { provider: "openay" }, "keys[0].provider"],
    ["provider", { provider: {} }, "keys[0].provider.name"],
    ["egress", { egress: "" }, "keys[0].egress"],
    ["baseURL", { provider: "azure-openai" }, "keys[0].baseURL"],
  ])("are refused at once where `%s` cannot be: %o", (_what, setting, field) => {
    const keys = [{ secret: newSecret(), ...setting }] as never;
    expect(() => createRotatingFetch({ provider: "openai", keys })).toThrow(expect.objectContaining({ field }));
  });

  it("are refused where neither they nor the pool have an address", () => {
    const keys = [newSecret(), { secret: newSecret(), baseURL: "https://one.example/v1" }];
    expect(() => createRotatingFetch({ keys })).toThrow(expect.objectContaining({ field: "baseURL" }));
  });
});

describe("keys of providers that speak different protocols", () => {
  const key = (provider: ProviderName, more: object = {}) => ({ secret: newSecret(), provider, ...more });

  it.each<[string, RotatorOptions["keys"], string]>([
    ["beside the pool's own", [newSecret(), newSecret(), key("anthropic")], "keys[2].provider"],
    ["beside each other", [key("groq"), key("anthropic")], "keys[1].provider"],
    ["at another base path", [key("openai"), key("gemini")], "keys[1].provider"],
    ["of which one speaks both", [key("openrouter"), key("anthropic"), key("mistral")], "keys[2].provider"],
  ])("are refused %s, with key and field", (_what, keys, field) => {
    expect(() => createRotatingFetch({ provider: "openai", keys })).toThrow(
      expect.objectContaining({ field, message: expect.stringContaining("speak") }),
    );
  });

  it.each<[string, RotatorOptions["keys"], Partial<RotatorOptions>]>([
    ["with `protocol`", [newSecret(), key("anthropic")], { protocol: "any" }],
    ["where one speaks both", [key("openrouter"), key("anthropic")], {}],
    [
      "at a base path that speaks the other's",
      [key("anthropic"), key("deepseek", { baseURL: "https://api.deepseek.com/anthropic" })],
      {},
    ],
    [
      "at a base path of its own for it",
      [key("groq"), key("gemini", { baseURL: "https://generativelanguage.googleapis.com/v1beta/openai" })],
      {},
    ],
    ["where nobody knows", [newSecret(), key("cohere")], {}],
  ])("are taken %s", (_what, keys, options) => {
    const provider = options.protocol === "any" ? "openai" : "generic";
    expect(() => createRotatingFetch({ provider, baseURL: "https://llm.internal/v1", keys, ...options })).not.toThrow();
  });

  it("are refused by a function that lists them, when it is first read", async () => {
    const fetch = createRotatingFetch({ provider: "openai", keys: async () => [newSecret(), key("anthropic")] });
    await expect(fetch("https://api.openai.com/v1/models")).rejects.toThrow("keys[1].provider");
  });

  it("must be told of by the one word there is for it", () => {
    const options = { provider: "openai", keys: newSecret(), protocol: "all" as "any" } as const;
    expect(() => createRotatingFetch(options)).toThrow(expect.objectContaining({ field: "protocol" }));
  });
});

describe("a key of another provider that an operator brings", () => {
  it("is one of that provider in the next process too, and is kept without its secret where its provider has no known name", async () => {
    const keyStore = new MemoryKeyStore({ storeSecrets: true });
    const options = { provider: "openai" as const, keys: [newSecret()], keyStore };
    const before = createRotatingFetch(options);
    const [named, unnamed] = [newSecret(), newSecret()];
    before.rotator.add({
      id: "named",
      secret: named,
      provider: "groq",
      credential: { header: "x-key" },
      egress: "tunnel",
    });
    before.rotator.add({ id: "unnamed", secret: unnamed, provider: own, baseURL: "https://gateway.example/v1" });
    await before.rotator.flushed();
    const sent: [string, string | null][] = [];
    const network = async (url: string, init: RequestInit = {}): Promise<Response> => {
      sent.push([url, new Headers(init.headers).get("x-key")]);
      return Response.json({});
    };
    const after = createRotatingFetch({ ...options, fetch: network });
    const { keys } = await after.rotator.snapshot();
    expect(keys.map(({ id, provider, state }) => [id, provider, state]).slice(1)).toEqual([
      ["named", "groq", "ready"],
      ["unnamed", "openai", "disabled"],
    ]);
    for (let call = 0; call < 2; call++) await after("https://api.openai.com/v1/models");
    expect(sent[1]).toEqual(["https://api.groq.com/openai/v1/models", named]);
    expect(JSON.stringify(await keyStore.load())).not.toContain(unnamed);
  });
});
