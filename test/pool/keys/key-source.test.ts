import { createRotatingFetch } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { InvalidOptionsError } from "../../../src/errors.ts";
import { KeyRotator } from "../../../src/named/key-rotator.ts";
import type { RotatorOptions } from "../../../src/named/options.ts";
import { createFingerprint } from "../../../src/pool/keys/fingerprint.ts";
import type { KeyConfig, KeyList } from "../../../src/pool/keys/key-config.ts";
import { resolveKeys } from "../../../src/pool/keys/key-list.ts";
import { expectNoSecrets } from "../../../src/testing/expect-no-secrets.ts";
import { newSecret, newSecrets } from "../../support/test-keys.ts";

const fingerprint = createFingerprint();
const secret = newSecret();

function refusal(options: unknown): InvalidOptionsError {
  try {
    new KeyRotator(options as RotatorOptions);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error;
    throw error;
  }
  throw new Error("The options were accepted");
}

const storeMethods = Object.fromEntries(
  ["reserve", "settle", "cooldown", "read"].map((name) => [name, () => undefined]),
);

function key(config: Record<string, unknown>): RotatorOptions {
  return { keys: [{ secret, ...config } as unknown as KeyConfig] };
}

describe("KeyRotator options", () => {
  it.each([
    ["no keys at all", {}, "keys", /^Expected `keys` to be .*, got `undefined`.*environment variable/],
    ["null", { keys: null }, "keys", /^Expected `keys` to be .*, got `null`/],
    [
      "an empty string",
      { keys: "" },
      "keys",
      /^Expected `keys` to be at least one key, got an empty string.*environment/,
    ],
    ["a blank string", { keys: " \n " }, "keys", /^Expected `keys` to be at least one key, got a blank string/],
    ["commas only", { keys: ", ,," }, "keys", /^Expected `keys` to be at least one key/],
    ["an empty list", { keys: [] }, "keys", /^Expected `keys` to be at least one key, got an empty list/],
    [
      "a number",
      { keys: 5 },
      "keys",
      /^Expected `keys` to be a string, a list of keys or a function.*, got `5` \(number\)/,
    ],
    ["an object", { keys: { secret: "x" } }, "keys", /^Expected `keys` to be .*, got an object/],
    ["an empty entry", { keys: ["", "b"] }, "keys[0]", /^Expected `keys\[0\]` to be a non-empty string/],
    [
      "a blank entry",
      { keys: ["a", "  "] },
      "keys[1]",
      /^Expected `keys\[1\]` to be a non-empty string, got a blank one/,
    ],
    [
      "an undefined entry",
      { keys: ["a", undefined] },
      "keys[1]",
      /^Expected `keys\[1\]` to be .*, got `undefined`; if it comes from an environment variable, that variable is empty or not set$/,
    ],
    ["a null entry", { keys: [null] }, "keys[0]", /^Expected `keys\[0\]` to be .*, got `null`/],
    ["a number as an entry", { keys: [7] }, "keys[0]", /^Expected `keys\[0\]` to be .*, got number/],
    [
      "no secret",
      { keys: [{ id: "a" }] },
      "keys[0].secret",
      /^Expected `keys\[0\].secret` to be a string, got `undefined`; if it comes from an environment variable/,
    ],
    ["a secret that is a number", { keys: [{ secret: 1 }] }, "keys[0].secret", /to be a string, got number/],
    ["a function without an id", { keys: [{ secret: () => "a" }] }, "keys[0].id", /given when `secret` is a function/],
  ])("refuse %s as keys", (_, options, field, message) => {
    const error = refusal(options);
    expect(error.field).toBe(field);
    expect(error.message).toMatch(message);
    expect(error.code).toBe("ERR_INVALID_OPTIONS");
  });

  it.each([
    ["a line break", "\n", /a control character \(code 10\) at position \d+|a line break at position \d+; .*split/],
    ["a zero byte", "\0", /a control character \(code 0\)/],
    ["a delete character", "\u007f", /a control character \(code 127\)/],
    ["a space", " ", /a space at position/],
    ["a curly quote", "\u201d", /a character no header can carry \(code 8221\)/],
  ])("refuse a key with %s in it, without repeating it", (_, character, message) => {
    const bad = `${newSecret()}${character}${newSecret()}`;
    // In one string, a line break separates two keys.
    const lists = character === "\n" ? [[bad], [{ secret: bad }]] : [bad, [bad], [{ secret: bad }]];
    for (const keys of lists) {
      const error = refusal({ keys });
      expect(error.message).toMatch(message);
      expectNoSecrets([error.message, error.stack, error.field], [bad, ...bad.split(character)]);
    }
  });

  it.each([
    ["commas", (one: string, two: string) => `${one},${two}`],
    ["commas and spaces", (one: string, two: string) => ` ${one} , ${two} `],
    ["line breaks", (one: string, two: string) => `${one}\n${two}\n`],
    ["line breaks of Windows", (one: string, two: string) => `\r\n${one}\r\n\r\n${two}\r\n`],
    ["both", (one: string, two: string) => `${one},\n  ${two},\n`],
    ["quotes around the whole", (one: string, two: string) => `"${one},${two}"`],
    ["quotes around the whole and spaces", (one: string, two: string) => ` ' ${one}, ${two} ' `],
    ["quotes around each", (one: string, two: string) => `"${one}", '${two}'`],
    ["quotes around each line", (one: string, two: string) => `"${one}"\n"${two}"`],
    ["quotes around nothing", (one: string, two: string) => `${one},"",${two}`],
    ["a JSON array", (one: string, two: string) => JSON.stringify([one, two])],
    ["a JSON array over several lines", (one: string, two: string) => ` ${JSON.stringify([one, two], null, 2)}\n`],
    ["a JSON array in quotes", (one: string, two: string) => `'${JSON.stringify([one, two])}'`],
  ])("take a string with %s", (_, write) => {
    const secrets = newSecrets(2) as [string, string];
    const found = resolveKeys(write(...secrets), fingerprint).map((one) => one.secret);
    expect(found.map((one) => secrets.indexOf(one as string))).toEqual([0, 1]);
  });

  it.each([
    ["semicolons", (key: string) => `${key};${key}`, "keys[0]", /a key without `;`.*separate keys with commas or line/],
    ["spaces", (key: string) => `${key} ${key}`, "keys[0]", /got a space at position \d+; separate keys with commas/],
    ["tabs", (key: string) => `a,${key}\t${key}`, "keys[1]", /control character \(code 9\).*; separate keys with/],
    ["an opening quote", (key: string) => `"${key}`, "keys[0]", /got one with a quote at one end/],
    ["a closing quote", (key: string) => `a,${key}'`, "keys[1]", /got one with a quote at one end/],
    [
      "a JSON array cut short",
      (key: string) => `["${key}","${key}`,
      "keys",
      /a JSON array of strings.*that is no JSON/,
    ],
    ["names in brackets", (key: string) => `[${key}]`, "keys", /a JSON array of strings.*that is no JSON/],
    ["a JSON object", (key: string) => `{"a":"${key}"}`, "keys", /a JSON array of strings, got a string in braces/],
    ["a JSON object over lines", (key: string) => `{\n"a": "${key}",\n"b": 1\n}`, "keys", /got a string in braces/],
    [
      "JSON of several in one",
      (key: string) => `["a", "${key},${key}"]`,
      "keys[1]",
      /one key, got one with a comma at/,
    ],
    ["an empty JSON array", () => "[]", "keys", /at least one key, got an empty JSON array/],
    ["JSON of numbers", (key: string) => `["${key}", 5]`, "keys[1]", /a string, got number/],
    ["JSON of objects", (key: string) => `[{"secret":"${key}"}]`, "keys[0]", /a string, got object/],
    ["JSON with a blank string", (key: string) => `["${key}", " "]`, "keys[1]", /got a blank one/],
    ["quotes around nothing", () => '""', "keys", /at least one key, got a blank string.*environment variable/],
  ])("refuse a string with %s, without repeating it", (_, write, field, message) => {
    const long = newSecret();
    const error = refusal({ keys: write(long) });
    expect(error.field).toBe(field);
    expect(error.message).toMatch(message);
    expectNoSecrets(error, [long]);
  });

  it.each([
    [
      "a comma",
      (key: string) => `${key},${key}`,
      /got one with a comma at position 37; .*in a list, or split; .*`{ secret }`/,
    ],
    ["a line break", (key: string) => `${key}\r\n${key}`, /got one with a line break at position 37; .*, or split$/],
    ["braces", (key: string) => `{"a":"${key}"}`, /got a string in braces/],
  ])("refuse an element of a list with %s, without repeating it", (_, write, message) => {
    const long = newSecret();
    const error = refusal({ keys: [newSecret(), write(long)] });
    expect(error.field).toBe("keys[1]");
    expect(error.message).toMatch(message);
    expectNoSecrets(error, [long]);
  });

  it("take a secret with a comma in a key object", () => {
    const odd = `${newSecret()},x`;
    expect(resolveKeys([{ secret: odd }], fingerprint)[0]?.secret === odd).toBe(true);
  });

  it("take a key with a semicolon or quotes in it as an element of a list", () => {
    const odd = [`${newSecret()};x`, `"${newSecret()}"`];
    expect(resolveKeys(odd, fingerprint).map((one) => odd.indexOf(one.secret as string))).toEqual([0, 1]);
    const inJson = resolveKeys(JSON.stringify(odd.slice(0, 1)), fingerprint);
    expect(inJson[0]?.secret === odd[0]).toBe(true);
  });

  it("trim what surrounds a key", () => {
    const [first, second] = newSecrets(2) as [string, string];
    const trimmed = resolveKeys(`  ${first} ,\n${second}\r\n`, fingerprint);
    expect(trimmed.map((one) => one.secret)).toEqual([first, second]);
    expect(resolveKeys([`${first}\n`], fingerprint)[0]?.secret).toBe(first);
  });

  it.each([
    [
      "a weight of 0",
      { weight: 0 },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a number > 0, got `0` (number)",
    ],
    [
      "a negative weight",
      { weight: -1 },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a number > 0, got `-1` (number)",
    ],
    [
      "NaN as weight",
      { weight: Number.NaN },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a number > 0, got `NaN` (number)",
    ],
    [
      "an infinite weight",
      { weight: Infinity },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a finite number > 0, got `Infinity` (number)",
    ],
    [
      "a weight in words",
      { weight: "2" },
      "keys[0].weight",
      "Expected `keys[0].weight` to be a number > 0, got `2` (string)",
    ],
    [
      "NaN as priority",
      { priority: Number.NaN },
      "keys[0].priority",
      "Expected `keys[0].priority` to be a finite number, got `NaN` (number)",
    ],
    ["a blank id", { id: " " }, "keys[0].id", "Expected `keys[0].id` to be a non-empty string, got ` ` (string)"],
    [
      "a number as account",
      { account: 5 },
      "keys[0].account",
      "Expected `keys[0].account` to be a non-empty string, got `5` (number)",
    ],
    [
      "no models",
      { models: [] },
      "keys[0].models",
      "Expected `keys[0].models` to be a model name, a list of them, or an object with the provider's name for each, got an array of 0",
    ],
    [
      "words for enabled",
      { enabled: "yes" },
      "keys[0].enabled",
      "Expected `keys[0].enabled` to be true or false, got `yes` (string)",
    ],
  ])("refuse %s", (_, config, field, message) => {
    const error = refusal(key(config));
    expect([error.field, error.message]).toEqual([field, message]);
  });

  it.each([
    ["not a URL", "api.example.com/v1"],
    ["another scheme", "ftp://api.example.com"],
    ["an empty one", ""],
    ["a number", 5],
  ])("refuse a baseURL that is %s", (_, baseURL) => {
    const error = refusal(key({ baseURL }));
    expect(error.field).toBe("keys[0].baseURL");
    expect(error.message).toMatch(/^Expected `keys\[0\].baseURL` to be /);
  });

  it.each([
    "https://user:PASSWORD@api.example.test/v1",
    "https://PASSWORD@api.example.test",
    "http://:PASSWORD@a.test",
  ])("refuse a baseURL with user info, which no fetch takes, without repeating it: %s", (pattern) => {
    const password = newSecret();
    const error = refusal(key({ baseURL: pattern.replace("PASSWORD", password) }));
    expect(error.field).toBe("keys[0].baseURL");
    expect(error.message).toMatch(/without user info, got one with user info before an `@`/);
    expectNoSecrets(error, [password]);
  });

  it.each([
    ["a line break", "\n", /to be a value a header can carry, got one with a line break at position \d+$/],
    ["a carriage return", "\r", /got one with a line break at position \d+$/],
    ["a zero byte", "\0", /got one with a control character \(code 0\) at position \d+$/],
    ["a delete character", "\u007f", /got one with a control character \(code 127\) at position \d+$/],
    ["a curly quote", "\u201d", /got one with a character no header can carry \(code 8221\) at position \d+$/],
  ])("refuse a header's value with %s in it, without repeating it", (_, character, message) => {
    const value = `${newSecret()}${character}${newSecret()}`;
    const error = refusal(key({ headers: { "x-region": "eu", authorization: value } }));
    expect(error.field).toBe("keys[0].headers.authorization");
    expect(error.message).toMatch(message);
    expectNoSecrets(error, [value, ...value.split(character)]);
  });

  it.each(["", "x region", "x-region:", "x-r\u00e9gion", "x\n", "(x)"])(
    "refuse %j as the name of a header, without repeating it",
    (name) => {
      const long = newSecret();
      const error = refusal(key({ headers: { "x-first": "a", [name]: "b" } }));
      expect(error.field).toBe("keys[0].headers[1]");
      expect(error.message).toMatch(
        /^Expected `keys\[0\].headers\[1\]` to be named by a header name such as `x-region`, /,
      );
      expectNoSecrets(refusal(key({ headers: { [`authorization: ${long}`]: "" } })), [long]);
      expectNoSecrets(refusal(key({ headers: { [long]: "\n" } })), [long]);
    },
  );

  it("take headers that every fetch takes", () => {
    const headers = { "OpenAI-Organization": "org", x_team: "a b\tc", "x-name": "caf\u00e9", "x-empty": "" };
    const [resolved] = resolveKeys([{ secret, headers }], fingerprint);
    expect(resolved?.route?.headers).toEqual(headers);
    expect(() => new Headers(headers)).not.toThrow();
  });

  it("do not repeat a malformed baseURL, which may carry a credential", () => {
    const error = refusal(key({ baseURL: `api.example.com/?key=${secret}` }));
    expectNoSecrets([error.message, error.stack], [secret]);
  });

  it.each([
    ["a limit of nothing", { limits: [{ per: "minute" }] }, "limits[0]"],
    ["a limit of two things", { limits: [{ requests: 1, tokens: 5 }] }, "limits[0]"],
    ["a window for concurrency", { limits: [{ concurrency: 1, per: "minute" }] }, "limits[0].per"],
    [
      "a time zone without a calendar",
      { limits: [{ requests: 1, window: "anchored", timeZone: "UTC" }] },
      "limits[0].timeZone",
    ],
    ["no model in a list of models", { limits: [{ requests: 1, models: [] }] }, "limits[0].models"],
    ["a model that is none", { limits: [{ requests: 1, models: ["a", 5] }] }, "limits[0].models[1]"],
    ["an unknown scope of a limit", { limits: [{ requests: 1, scope: "planet" }] }, "limits[0].scope"],
    ["a limit of 0", { limits: [{ requests: 0 }] }, "limits[0].requests"],
    ["half a request", { limits: [{ requests: 1.5 }] }, "limits[0].requests"],
    ["NaN requests", { limits: [{ requests: Number.NaN }] }, "limits[0].requests"],
    ["an unknown period", { limits: [{ requests: 1, per: "fortnight" }] }, "limits[0].per"],
    ["a period of 0", { limits: [{ requests: 1, per: 0 }] }, "limits[0].per"],
    [
      "a calendar window of so many milliseconds",
      { limits: [{ requests: 1, per: 5000, window: "calendar" }] },
      "limits[0].per",
    ],
    [
      "an unknown time zone",
      { limits: [{ requests: 1, window: "calendar", timeZone: "Mars/Phobos" }] },
      "limits[0].timeZone",
    ],
    ["a time zone without a calendar", { limits: [{ requests: 1, timeZone: "UTC" }] }, "limits[0].timeZone"],
    ["an unknown field in a limit", { limits: [{ requests: 1, window_ms: 5 }] }, "limits[0].window_ms"],
    ["the same limit twice", { limits: [{ requests: 1 }, { requests: 2 }] }, "limits[1].id"],
    ["a limit that is no list", { limits: { requests: 1 } }, "limits"],
    ["a negative cooldown", { cooldownMs: -1 }, "cooldownMs"],
    ["NaN as wait", { maxWaitMs: Number.NaN }, "maxWaitMs"],
    ["a negative guard", { guardMs: -5 }, "guardMs"],
    ["a lease of 0", { leaseMs: 0 }, "leaseMs"],
    ["a store without methods", { store: {} }, "store"],
    ["a store that is a name", { store: "redis" }, "store"],
    ["a store that renews leases and is not shared", { store: { ...storeMethods, renew: () => {} } }, "store"],
    ["a store whose watch is none", { store: { ...storeMethods, watch: true } }, "store.watch"],
    ["a number as clock", { clock: 5 }, "clock"],
    ["null as clock", { clock: null }, "clock"],
    ["a clock that only tells the time", { clock: { wall: () => 0, monotonic: () => 0 } }, "clock"],
    ["a number as random", { random: 5 }, "random"],
    ["null as random", { random: null }, "random"],
    ["a logger without methods", { logger: () => {} }, "logger"],
    ["words for random", { random: "dice" }, "random"],
  ])("refuse %s, naming the field", (_, options, field) => {
    const error = refusal({ keys: secret, ...options });
    expect(error.field).toBe(field);
    expect(error.message).toMatch(/^Expected `[\w.[\]]+` to /);
  });

  it("say what a clock, a store or a logger lacks", () => {
    const clock = { wall: () => 0, monotonic: () => 0 };
    expect(refusal({ keys: secret, clock }).message).toBe(
      "Expected `clock` to be an object with the methods wall, monotonic and timer, got an object without timer",
    );
    expect(refusal({ keys: secret, clock: 5 }).message).toMatch(/wall, monotonic and timer, got `5` \(number\)$/);
    expect(refusal({ keys: secret, store: {} }).message).toMatch(
      /got an object without reserve, settle, cooldown, read$/,
    );
  });

  it("refuse an unknown option, list those there are and name the one that was meant", () => {
    const error = refusal({ keys: secret, stratgy: "random" });
    expect(error.field).toBe("stratgy");
    expect(error.message).toMatch(
      /^Expected `options` to have only known fields, got `stratgy`; did you mean `strategy`\? Known are .*\bstrategy\b/,
    );
  });

  it("name none where nothing is like it", () => {
    expect(refusal({ keys: secret, frobnicate: 1 }).message).toMatch(/, got `frobnicate`\. Known are /);
    expect(refusal({ keys: secret, strategy: "fastest" }).message).toMatch(/got `fastest` \(string\)$/);
  });

  it("refuse an unknown field of a key and list those there are", () => {
    const error = refusal(key({ wieght: 2 }));
    expect(error.field).toBe("keys[0].wieght");
    expect(error.message).toMatch(/known fields, got `wieght`; did you mean `weight`\? Known are .*\bweight\b/);
  });

  it("say what a secret is called here to who has another name for it", () => {
    const error = refusal({ keys: [{ id: "a", apiKey: secret }] });
    expect(error.field).toBe("keys[0].apiKey");
    expect(error.message).toMatch(
      /^Expected `keys\[0\]` .* got `apiKey`; a key's secret is its `secret`\. Known are secret,/,
    );
    expect(error.message).not.toContain(secret);
  });

  it("say where an option belongs that is for calls", () => {
    const error = refusal({ keys: secret, baseURL: "https://api.example.com" });
    expect(error.field).toBe("baseURL");
    expect(error.message).toMatch(
      / got `baseURL`; that is for whoever makes calls: give it to `createRotatingFetch\(\)`\. /,
    );
  });

  it("refuse an unknown strategy and list those there are", () => {
    const error = refusal({ keys: secret, strategy: "roundrobin" });
    expect(error.message).toBe(
      'Expected `strategy` to be one of "round_robin", "random", "weighted", "least_used", "fill_first", ' +
        '"least_busy", "lowest_latency", got `roundrobin` (string); did you mean `round_robin`?',
    );
  });

  it("refuse an unknown provider and list those there are", () => {
    expect(refusal({ keys: secret, provider: "opanai" }).message).toMatch(
      /one of .*"openai".*"generic".*got `opanai` \(string\); did you mean `openai`\?$/,
    );
  });

  it("never repeat a key that was put in the wrong place", () => {
    const long = newSecret() + newSecret();
    const places = [
      { keys: secret, strategy: long },
      { keys: secret, provider: long },
      { keys: secret, idSecret: 5, [long]: 1 },
      { keys: [{ [long]: 1 }] },
      { keys: [{ secret, weight: long }] },
      { keys: [{ secret: long, weight: secret }] },
      { keys: long, strategy: secret },
      { keys: [{ secret, headers: { authorization: 5 } }] },
      { keys: { [long]: {} } },
      { keys: [{ secret, [secret.slice(5, 25)]: 1 }] },
      { keys: [{ secret, query: { [long]: 5 } }] },
    ];
    for (const options of places) {
      const error = refusal(options);
      expectNoSecrets([error.message, error.field], [long, secret]);
    }
  });
});

describe("resolveKeys", () => {
  it("takes a string with commas, a list of strings, a list of objects, or both mixed", () => {
    const [first, second] = newSecrets(2) as [string, string];
    const lists: KeyList[] = [
      `${first},${second}`,
      [first, second],
      [{ secret: first }, { secret: second }],
      [first, { secret: second }],
    ];
    for (const list of lists) expect(resolveKeys(list, fingerprint).map((one) => one.secret)).toEqual([first, second]);
  });

  it("makes one key of the same secret twice with the same settings, however they are written", () => {
    const plain = resolveKeys([secret, ` ${secret}\n`, { secret }, { secret, weight: 1, enabled: true }], fingerprint);
    expect(plain.map(({ id }) => id)).toEqual([fingerprint(secret)]);
    const full = { id: "a", weight: 3, models: ["m"], limits: [{ requests: 5 }], baseURL: "https://eu.example.test" };
    const [one, two] = [
      { secret, ...full, headers: { "x-a": "1", "x-b": "2" } },
      { secret, ...full, models: "m", baseURL: "https://eu.example.test/", headers: { "x-b": "2", "x-a": "1" } },
    ];
    expect(resolveKeys([one, two], fingerprint)).toHaveLength(1);
    expect(resolveKeys(`${secret},${secret}`, fingerprint)).toHaveLength(1);
  });

  it.each([
    ["id", { id: "other" }],
    ["weight", { weight: 5 }],
    ["priority", { priority: 1 }],
    ["account", { account: "team" }],
    ["models", { models: ["m"] }],
    ["limits", { limits: [{ requests: 5 }] }],
    ["baseURL", { baseURL: "https://eu.example.test" }],
    ["headers", { headers: { "x-org": "a" } }],
    ["query", { query: { region: "eu" } }],
    ["note", { note: "spare" }],
    ["enabled", { enabled: false }],
  ])("refuses the same secret twice when they differ in %s, naming both places", (setting, settings) => {
    const [first, second] = newSecrets(2) as [string, string];
    for (const [one, other] of [
      [{ secret: second, ...settings }, second],
      [second, { secret: second, ...settings }],
    ] as const) {
      const error = refusal({ keys: [first, one, other] });
      expect(error.field).toBe("keys[2]");
      expect(error.message).toBe(
        `Expected \`keys[2]\`, which has the secret of \`keys[1]\`, to have the same settings, got another \`${setting}\``,
      );
      expectNoSecrets(error, [first, second]);
    }
  });

  it("refuses two secrets with one id", () => {
    const [first, second] = newSecrets(2) as [string, string];
    const list = [
      { secret: first, id: "same" },
      { secret: second, id: "same" },
    ];
    expect(() => resolveKeys(list, fingerprint)).toThrow(
      "Expected `keys[1].id` to be unique, got one that an earlier key has",
    );
  });

  it("names keys by a fingerprint of 16 hex digits that is the same wherever they stand", () => {
    const [first, second] = newSecrets(2) as [string, string];
    const ids = resolveKeys([first, second], createFingerprint()).map(({ id }) => id);
    expect(resolveKeys([second, first], createFingerprint()).map(({ id }) => id)).toEqual(ids.reverse());
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set(ids).size).toBe(2);
  });

  it("names them otherwise with another idSecret, and leaves given ids alone", () => {
    const mine = createFingerprint(newSecret());
    expect(resolveKeys([secret], mine)[0]?.id).not.toBe(fingerprint(secret));
    expect(resolveKeys([{ secret, id: "given" }], mine)[0]?.id).toBe("given");
  });

  it("fills in what is not given", () => {
    expect(resolveKeys([secret], fingerprint)[0]).toMatchObject({ weight: 1, priority: 0, enabled: true });
  });
});

describe("createFingerprint", () => {
  it("gives the same name for the same secret in every version", () => {
    expect(createFingerprint()("an example")).toBe(createFingerprint()("an example"));
    expect(createFingerprint("one")("an example")).not.toBe(createFingerprint("other")("an example"));
  });
});

describe("messages about values in the wrong place", () => {
  it("repeat neither keys given as the options nor an id that is a secret", () => {
    const secret = "abc-short-key-1";
    const messageOf = (make: () => unknown): string => {
      try {
        make();
      } catch (error) {
        return String(error);
      }
      return "";
    };
    const given = { baseURL: "https://api.example.com" };
    const twice = [
      { secret: `${secret}x`, id: secret },
      { secret: `${secret}y`, id: secret },
    ];
    const messages = [
      messageOf(() => createRotatingFetch(`${secret},${secret}2` as never)),
      messageOf(() => createRotatingFetch({ ...given, keys: secret, provider: secret as never })),
      messageOf(() => createRotatingFetch({ ...given, keys: secret, limits: secret as never })),
      messageOf(() => createRotatingFetch({ ...given, keys: twice })),
    ];
    for (const message of messages) {
      expect(message).toContain("Expected");
      expect(message).not.toContain(secret);
    }
  });
});
