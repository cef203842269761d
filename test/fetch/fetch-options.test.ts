import { describe, expect, it } from "vitest";
import { createRotatingFetch, InvalidOptionsError, KeyRotator, type RotatingFetchOptions } from "../../src/index.ts";
import { expectNoSecrets } from "../../src/testing/index.ts";
import { newSecret } from "../testing/emulator/fixture.ts";

const secret = newSecret();
const good = { keys: [secret], baseURL: "https://api.example.test" };

/** What is said of options that cannot work. */
function refusalOf(options: unknown): InvalidOptionsError {
  try {
    createRotatingFetch(options as RotatingFetchOptions);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error;
    throw error;
  }
  throw new Error("The options were taken.");
}

describe("resolveFetchOptions", () => {
  it.each([
    [
      "keys",
      { keys: undefined },
      /^Expected `keys` to be a string, a list of keys or a function .* got `undefined`; if it comes from an environment variable/,
    ],
    ["keys", { keys: "" }, /^Expected `keys` to be at least one key, got an empty string; .*environment variable/],
    ["keys", { keys: " , ," }, /^Expected `keys` to be at least one key, got a blank string/],
    ["keys", { keys: [] }, /^Expected `keys` to be at least one key, got an empty list$/],
    ["keys", { keys: 7 }, /^Expected `keys` to be .*, got `7` \(number\)$/],
    [
      "keys[1]",
      { keys: [secret, " "] },
      /^Expected `keys\[1\]` to be a non-empty string, got a blank one; if it comes from an environment variable, /,
    ],
    [
      "keys[1]",
      { keys: [secret, null] },
      /^Expected `keys\[1\]` to be a string or a key object, got `null`; if it comes from an environment variable, /,
    ],
    ["keys[0]", { keys: [`${secret}\n${secret}`] }, /to be one key, got one with a line break at position 37;/],
    [
      "keys[0].weight",
      { keys: [{ secret, weight: 0 }] },
      /^Expected `keys\[0\].weight` to be a number > 0, got `0` \(number\)$/,
    ],
    [
      "keys[0].wieght",
      { keys: [{ secret, wieght: 1 }] },
      /only known fields, got `wieght`; did you mean `weight`\? Known are /,
    ],
    [
      "keys[0].id",
      { keys: [{ secret: () => secret }] },
      /^Expected `keys\[0\].id` to be given when `secret` is a function/,
    ],
    [
      "keys[1].id",
      {
        keys: [
          { secret, id: "a" },
          { secret: newSecret(), id: "a" },
        ],
      },
      /unique, got one that an earlier key has$/,
    ],
    [
      "keys[0].baseURL",
      { keys: [{ secret, baseURL: "eu.example.test" }] },
      /^Expected `keys\[0\].baseURL` to be an absolute URL/,
    ],
    ["cooldownMs", { cooldownMs: -1 }, /^Expected `cooldownMs` to be a number >= 0, got `-1` \(number\)$/],
    ["maxWaitMs", { maxWaitMs: "10" }, /^Expected `maxWaitMs` to be a number >= 0, got `10` \(string\)$/],
    ["maxWaitMs", { maxWaitMs: Number.NaN }, /got `NaN` \(number\)$/],
    [
      "strategy",
      { strategy: "fastest" },
      /^Expected `strategy` to be one of "round_robin", .*got `fastest` \(string\)$/,
    ],
    [
      "provider",
      { provider: "openia" },
      /^Expected `provider` to be one of .*"openai".* got `openia` \(string\); did you/,
    ],
    ["limits[0].requests", { limits: [{ requests: 0 }] }, /an integer >= 1, got `0` \(number\)$/],
    ["limits[0].per", { limits: [{ requests: 1, per: "fortnight" }] }, /got `fortnight` \(string\)$/],
    [
      "limits[0].timeZone",
      { limits: [{ requests: 1, per: "day", window: "calendar", timeZone: "Mars/Base" }] },
      /an IANA time zone/,
    ],
    [
      "baseURL",
      { baseURL: "api.example.test" },
      /^Expected `baseURL` to be an absolute URL such as "https:\/\/api.example.com\/v1"/,
    ],
    ["baseURL", { baseURL: "ftp://api.example.test" }, /^Expected `baseURL` to be an absolute URL/],
    ["baseURL", { baseURL: `https://user:${secret}@api.example.test` }, /without user info, got one with user info/],
    ["baseURL", { baseURL: new URL(`https://${secret}@api.example.test`) }, /without user info, got one with user/],
    ["origins[0]", { origins: [`https://${secret}@api.example.test`] }, /without user info, got one with user info/],
    ["origins[0]", { origins: ["*"] }, /^Expected `origins\[0\]` to be an absolute URL/],
    [
      "origins[1]",
      { origins: ["https://a.example.test/", "https://b.example.test/v1"] },
      /^Expected `origins\[1\]` to be an origin only, such as `https:\/\/b\.example\.test`, got one with more/,
    ],
    ["origins[0]", { origins: [`https://a.example.test?key=${secret}`] }, /to be an origin only/],
    [
      "healthCheck.path",
      { healthCheck: { intervalMs: 5000, path: `https://other.example.test/${secret}` } },
      /on an origin keys may be sent to \(https:\/\/api\.example\.test\), got one on https:\/\/other\.example\.test$/,
    ],
    ["origins", { origins: "https://api.example.test" }, /^Expected `origins` to be a list of origins/],
    ["foreignOrigins", { foreignOrigins: "ignore" }, /one of "refuse", "pass", got `ignore` \(string\)$/],
    ["fetch", { fetch: "node-fetch" }, /^Expected `fetch` to be a function, got `node-fetch` \(string\)$/],
    ["maxAttempts", { maxAttempts: 0 }, /^Expected `maxAttempts` to be an integer >= 1, got `0` \(number\)$/],
    ["maxAttempts", { maxAttempts: Number.POSITIVE_INFINITY }, /an integer >= 1, got `Infinity` \(number\)$/],
    ["retries", { retries: Number.POSITIVE_INFINITY }, /an integer >= 0, got `Infinity` \(number\)$/],
    ["cooldownMs", { cooldownMs: Number.POSITIVE_INFINITY }, /a finite number >= 0, got `Infinity` \(number\)$/],
    ["limits[0].tokens", { limits: [{ tokens: Number.POSITIVE_INFINITY }] }, /an integer >= 1, got `Infinity`/],
    ["retries", { retries: 1.5 }, /^Expected `retries` to be an integer >= 0, got `1.5` \(number\)$/],
    ["retryUnsafe", { retryUnsafe: "yes" }, /^Expected `retryUnsafe` to be true or false, got `yes` \(string\)$/],
    [
      "attemptTimeoutMs",
      { attemptTimeoutMs: 0 },
      /^Expected `attemptTimeoutMs` to be a number > 0, got `0` \(number\)$/,
    ],
    ["totalTimeoutMs", { totalTimeoutMs: -5 }, /^Expected `totalTimeoutMs` to be a number > 0, got `-5` \(number\)$/],
    ["maxReplayBytes", { maxReplayBytes: -1 }, /^Expected `maxReplayBytes` to be a number >= 0, got `-1` \(number\)$/],
    ["onExhausted", { onExhausted: "panic" }, /"respond", "throw" or a function, got `panic` \(string\)$/],
    ["policy", { policy: ["disable"] }, /^Expected `policy` to be an object such as .*, got an array of 1$/],
    [
      "policy",
      { policy: { 200: "failover" } },
      /only statuses from 400 and kinds \(rate_limit, .*\) as names, got `200`$/,
    ],
    ["policy", { policy: { ratelimit: "failover" } }, /as names, got `ratelimit`$/],
    ["policy", { policy: { aborted: "retry" } }, /as names, got `aborted`$/],
    [
      "policy.403",
      { policy: { 403: "ban" } },
      /one of "disable", "cooldown", "failover", "return", "retry", got `ban`/,
    ],
    ["classify", { classify: "mine" }, /^Expected `classify` to be a function, got `mine` \(string\)$/],
    [
      "provider.name",
      { provider: { origins: [], credential: { header: "x-key" } } },
      /^Expected `provider.name` to be/,
    ],
    ["provider", { provider: null }, /^Expected `provider` to be one of .* got `null`$/],
    ["logger", { logger: {} }, /^Expected `logger` to be an object with the methods debug, info, warn and error/],
    [
      "maxRetries",
      { maxRetries: 1 },
      /^Expected `options` to have only known fields, got `maxRetries`; did you mean `retries`\? Known are /,
    ],
  ])("names %s when it is at fault, and repeats no secret", (field, wrong, message) => {
    const error = refusalOf({ ...good, ...wrong });
    expect(error.message).toMatch(message);
    expect(error.field).toBe(field);
    expect([error.name, error.code]).toEqual(["InvalidOptionsError", "ERR_INVALID_OPTIONS"]);
    expectNoSecrets(error, [secret]);
  });

  it("takes a rotator only if it is one, and no keys beside it", () => {
    const { baseURL } = good;
    expect(refusalOf({ rotator: {}, baseURL }).message).toBe("Expected `rotator` to be a KeyRotator, got an object");
    const error = refusalOf({ rotator: new KeyRotator({ keys: [secret] }), ...good, maxWaitMs: 5 });
    expect(error.field).toBe("keys");
    expect(error.message).toMatch(
      /^Expected none of the rotator's own options \(keys, provider, .*\) beside `rotator`; give them to `new KeyRotator\(\)`, got `keys`, `maxWaitMs`$/,
    );
    expectNoSecrets(error, [secret]);
  });

  it.each([undefined, null, "x", []])("refuses %j in place of options", (options) => {
    expect(refusalOf(options).message).toMatch(/^Expected `options` to be an object, got /);
  });

  it.each(["generic", undefined])(
    "refuses to be built where keys have no origin to go to, and says what to pass",
    (provider) => {
      const error = refusalOf({ keys: [secret], provider });
      expect(error.field).toBe("baseURL");
      expect(error.message).toContain('baseURL: "https://api.example.com/v1"');
      expect(error.message).toContain('origins: ["https://api.example.com"]');
    },
  );

  it.each([
    ["a preset", { keys: [secret], provider: "openai" }],
    ["a base URL", { keys: [secret], baseURL: new URL("https://api.example.test/v1") }],
    ["origins", { keys: [secret], origins: ["https://api.example.test"] }],
    [
      "a health check at an address keys may go to",
      { ...good, healthCheck: { intervalMs: 5000, path: `${good.baseURL}/me` } },
    ],
    ["keys with endpoints of their own", { keys: [{ secret, baseURL: "https://eu.example.test" }] }],
    [
      "options that are undefined",
      { ...good, retries: undefined, fetch: undefined, onExhausted: undefined, limits: undefined },
    ],
  ])("is content with %s", (_what, options) => {
    expect(typeof createRotatingFetch(options as RotatingFetchOptions)).toBe("function");
  });

  it.each([
    ["https://api.openai.com/v1", "openai"],
    ["https://eu.api.openai.com/v1", "openai"],
    ["https://us.api.openai.com/v1", "openai"],
    ["https://eu-api.openai.com/v1", "generic"],
    ["https://my-resource.openai.azure.com/openai", "azure-openai"],
    ["https://europe-west4-aiplatform.googleapis.com/v1", "vertex"],
    ["https://api.kimi.com/coding/v1", "kimi-coding"],
    ["https://api.kimi.com/v1", "generic"],
    ["https://gateway.example.test/v1", "generic"],
  ])("finds the provider at %s when none is named: %s", (baseURL, name) => {
    expect(createRotatingFetch({ keys: [secret], baseURL }).rotator.provider.name).toBe(name);
  });

  it("uses the provider that is named, whatever the base URL", () => {
    const options = { keys: [secret], baseURL: "https://api.openai.com/v1", provider: "generic" } as const;
    expect(createRotatingFetch(options).rotator.provider.name).toBe("generic");
  });

  it("sends keys to no other origin of a provider it has found", async () => {
    const fetch = createRotatingFetch({
      keys: [secret],
      baseURL: "https://api.moonshot.ai/v1",
      fetch: () => Promise.resolve(new Response()),
    });
    expect(fetch.rotator.provider.origins).toContain("https://api.moonshot.cn");
    const headers = { authorization: "Bearer rotating" };
    await expect(fetch("https://api.moonshot.cn/v1/models", { headers })).rejects.toThrow("api.moonshot.cn");
  });

  it("sends keys to the origin of a provider's address, whatever path that has", async () => {
    const provider = { name: "mine", origins: ["https://llm.example.test/v1/"], credential: { header: "x-key" } };
    const fetch = createRotatingFetch({
      keys: [secret],
      provider,
      fetch: (_url, init) => Promise.resolve(Response.json(new Headers(init?.headers).has("x-key"))),
    });
    expect(await (await fetch("https://llm.example.test/v1/models")).json()).toBe(true);
  });

  it("sends keys only to the base URL's origin when one is given for a preset", async () => {
    const sent: string[] = [];
    const fetch = createRotatingFetch({
      keys: [secret],
      provider: "openai",
      baseURL: "https://gateway.example.test/v1",
      fetch: (url: string) => {
        sent.push(url);
        return Promise.resolve(new Response());
      },
    });
    const headers = { authorization: "Bearer rotating" };
    await expect(fetch("https://api.openai.com/v1/models", { headers })).rejects.toThrow("gateway.example.test");
    await fetch("https://gateway.example.test/v1/models", { headers });
    expect(sent).toEqual(["https://gateway.example.test/v1/models"]);
  });

  it("looks at a lazy list of keys when it is read, and says what is wrong with it", async () => {
    const fetch = createRotatingFetch({ ...good, keys: () => Promise.resolve([]) });
    await expect(fetch("https://api.example.test/x")).rejects.toThrow("Expected `keys` to be at least one key");
    const failing = createRotatingFetch({ ...good, keys: () => Promise.reject(new Error("vault is sealed")) });
    await expect(failing("https://api.example.test/x")).rejects.toMatchObject({
      name: "KeySourceError",
      cause: { message: "vault is sealed" },
    });
  });
});
