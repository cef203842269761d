import { createRotatingFetch as createByName } from "rotating-fetch";
import { responseCache } from "rotating-fetch/cache";
import {
  createRotatingFetch,
  defineProvider,
  InvalidOptionsError,
  KeyRotator,
  type Provider,
} from "rotating-fetch/core";
import { check, explain, forecast, manageKeys, snapshot, watchHealth } from "rotating-fetch/operate";
import { generic, lexicon, openai } from "rotating-fetch/providers";
import { weighted } from "rotating-fetch/strategies";
import { createProviderEmulator, rateLimited } from "rotating-fetch/testing";
import { describe, expect, expectTypeOf, it } from "vitest";

const url = "https://api.openai.com/v1/models";

function over(keys: Parameters<typeof createProviderEmulator>[0]["keys"]) {
  const emulator = createProviderEmulator({ keys });
  const fetch = (to: string, init?: RequestInit) => emulator.handle(new Request(to, init));
  return { emulator, fetch };
}

describe("rotating-fetch/core", () => {
  it("moves on from a refused key, with a provider and a strategy that are objects", async () => {
    const { fetch } = over({ "test-a": { always: rateLimited() }, "test-b": {} });
    const keys = [{ secret: "test-a", weight: 9 }, { secret: "test-b" }];
    const rotating = createRotatingFetch({ keys, provider: openai, strategy: weighted, fetch });
    for (let call = 0; call < 3; call++) expect((await rotating(url)).status).toBe(200);
    expect(rotating.rotator.strategy).toBe("weighted");
    expect(rotating.rotator).toBeInstanceOf(KeyRotator);
  });

  it.each([
    ["provider", { provider: "openai" }],
    ["strategy", { strategy: "weighted" }],
    ["cache", { cache: { key: () => "one", ttlMs: 1000 } }],
    ["keyStore", { keyStore: {} }],
    ["healthCheck", { healthCheck: { intervalMs: 60_000 } }],
  ])("refuses a `%s` that is none here, and names it", (field, options) => {
    const given = { keys: ["test-a"], baseURL: "https://api.example.test/v1", ...options } as never;
    const refused = (): unknown => createRotatingFetch(given);
    expect(refused).toThrow(InvalidOptionsError);
    expect(refused).toThrow(expect.objectContaining({ field }));
  });

  it("knows no preset by its address either", () => {
    const rotating = createRotatingFetch({ keys: ["test-a"], baseURL: "https://api.openai.com/v1" });
    expect(rotating.rotator.provider.name).toBe("generic");
    expect(createByName({ keys: ["test-a"], baseURL: "https://api.openai.com/v1" }).rotator.provider.name).toBe(
      "openai",
    );
  });

  it("keeps answers with a cache that is passed in, one for each fetch", async () => {
    const { emulator, fetch } = over({ "test-a": {} });
    const cache = responseCache({ key: ({ url: asked }) => asked, ttlMs: 60_000 });
    const options = { keys: ["test-a"], provider: openai, fetch, cache };
    const rotating = createRotatingFetch(options);
    for (let call = 0; call < 2; call++) await (await rotating(url)).text();
    await (await createRotatingFetch(options)(url)).text();
    expect(rotating.cache?.hits).toBe(1);
    expect(emulator.arrivals).toHaveLength(2);
  });

  describe("what refusals mean", () => {
    const spent = { error: { message: "You exceeded your current quota.", code: "insufficient_quota" } };
    const refuse = async (): Promise<Response> =>
      Response.json(spent, { status: 429, headers: { "retry-after": "7" } });

    async function kindsWith(options: { provider?: Provider }, make: typeof createRotatingFetch): Promise<unknown[]> {
      const kinds: unknown[] = [];
      const rotating = make({
        keys: ["test-a"],
        baseURL: "https://api.openai.com/v1",
        fetch: refuse,
        maxAttempts: 1,
        ...options,
      });
      rotating.rotator.on("attempt-failed", ({ kind, retryAfterMs }) => kinds.push(kind, retryAfterMs));
      await rotating(url);
      return kinds.slice(0, 2);
    }

    it("says the status and `Retry-After`, and the words only where a provider brings the lexicon", async () => {
      expect(await kindsWith({}, createRotatingFetch)).toEqual(["rate_limit", 7000]);
      const own = defineProvider({ name: "own", classifier: lexicon });
      for (const provider of [openai, generic, own]) {
        expect(await kindsWith({ provider }, createRotatingFetch)).toEqual(["quota_exhausted", 7000]);
      }
    });

    it("says the words by default in the main entry, of providers of one's own as well", async () => {
      const provider: Provider = { name: "own", origins: [], credential: { header: "authorization" } };
      for (const options of [{}, { provider }]) {
        expect(await kindsWith(options, createByName as never)).toEqual(["quota_exhausted", 7000]);
      }
    });

    it("may be said by a function of one's own", async () => {
      const provider = defineProvider({
        extends: generic,
        classifier: (about) => (input) => ({ ...lexicon(about)(input), kind: "overloaded", retryAfterMs: 50 }),
      });
      expect(await kindsWith({ provider }, createRotatingFetch)).toEqual(["overloaded", 50]);
    });

    it("refuses rules that nobody would read", () => {
      const errors = [{ status: 409, verdict: { kind: "rate_limit" } }] as const;
      const baseURL = "https://api.example.test/v1";
      const unread = (): unknown =>
        createRotatingFetch({ keys: ["test-a"], provider: defineProvider({ baseURL, errors }) });
      expect(unread).toThrow(expect.objectContaining({ field: "provider.errors" }));
      expect(unread).toThrow(/classifier.*lexicon/);
      const provider = defineProvider({ extends: generic, baseURL, errors });
      expect(createRotatingFetch({ keys: ["test-a"], provider }).rotator.provider).toBe(provider);
    });
  });

  it("is operated by functions", async () => {
    const { fetch } = over({ "test-a": {}, "test-b": {} });
    const { rotator } = createRotatingFetch({ keys: ["test-a"], provider: openai, fetch });
    manageKeys(rotator).add({ secret: "test-b", id: "b" });
    expect((await snapshot(rotator)).keys).toHaveLength(2);
    expect(await explain(rotator)).toMatchObject({ chosen: expect.anything() });
    expect(await forecast(rotator)).toBeDefined();
    expect((await check(rotator)).good).toBe(2);
    watchHealth(rotator, { intervalMs: 60_000 });
    await rotator.close();
  });

  it("has no names in its types", () => {
    type Options = Extract<Parameters<typeof createRotatingFetch>[0], { keys: unknown }>;
    expectTypeOf<"openai">().not.toExtend<Options["provider"]>();
    expectTypeOf<"weighted">().not.toExtend<Options["strategy"]>();
  });
});
