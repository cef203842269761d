import {
  createRotatingFetch,
  defineProvider,
  ErrorClassifier,
  InvalidOptionsError,
  type Provider,
} from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { providerNamed, providers } from "../../src/named/presets.ts";
import { newSecret } from "../support/test-keys.ts";

const openai = providerNamed("openai");

/** What is said of a definition that cannot be. */
function refusalOf(definition: unknown): InvalidOptionsError {
  try {
    defineProvider(definition as Parameters<typeof defineProvider>[0]);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error;
    throw error;
  }
  throw new Error("The definition was taken.");
}

describe("defineProvider", () => {
  it("takes from the other provider what is not given, and replaces the rest as a whole", () => {
    const request = { modelField: "deployment" };
    const mine = defineProvider({ extends: "openai", name: "mine", sharedBy: "project", request, usage: undefined });
    expect(mine).toEqual({ ...openai, name: "mine", sharedBy: "project", request });
  });

  it("asks its own rules before the other's", () => {
    const mine = defineProvider({
      extends: "openai",
      errors: [
        { status: 429, code: "insufficient_quota", words: "burst", verdict: { kind: "rate_limit", reset: 2_000 } },
      ],
    });
    const classifier = new ErrorClassifier({ provider: mine });
    const judge = (message: string) =>
      classifier.classify({ status: 429, body: { error: { message, code: "insufficient_quota" } }, now: 0 });
    expect(judge("Too much of a burst.")).toMatchObject({ kind: "rate_limit", retryAfterMs: 2_000 });
    expect(judge("Pay your bill.")).toMatchObject({ kind: "quota_exhausted", window: "month" });
  });

  it("builds on generic where nothing is named, on a provider that is handed over, and on what it made itself", () => {
    const first = defineProvider({ name: "first", errorsInside200: true });
    const second = defineProvider({ extends: first, name: "second" });
    expect(first).toMatchObject({ origins: [], credential: providerNamed("generic").credential });
    expect(second).toEqual({ ...first, name: "second" });
  });

  it("keeps nothing of where the other one lives when told where this one does", () => {
    const here = { extends: "kimi-coding", name: "mine" } as const;
    const byOrigin = defineProvider({ ...here, origins: ["https://llm.example.test"] });
    expect([byOrigin.origins, byOrigin.hosts, byOrigin.paths, byOrigin.baseURL]).toEqual([
      ["https://llm.example.test"],
      undefined,
      undefined,
      undefined,
    ]);
    const byBase = defineProvider({ ...here, baseURL: "https://llm.example.test/v1" });
    expect([byBase.origins, byBase.paths, byBase.baseURL]).toEqual([
      ["https://llm.example.test"],
      undefined,
      "https://llm.example.test/v1",
    ]);
  });

  it("serves as a provider: keys go to its origin, in its header, and to no other's", async () => {
    const secret = newSecret();
    const provider = defineProvider({
      extends: "openai",
      name: "our-gateway",
      baseURL: "https://llm.example.test/v1",
      credential: { header: "x-gateway-key" },
    });
    const fetch = createRotatingFetch({
      keys: [secret],
      provider,
      fetch: (_url, init) => Promise.resolve(Response.json(new Headers(init?.headers).get("x-gateway-key") === secret)),
    });
    expect(await (await fetch("https://llm.example.test/v1/models")).json()).toBe(true);
    const headers = { authorization: "Bearer rotating" };
    await expect(fetch("https://api.openai.com/v1/models", { headers })).rejects.toThrow("api.openai.com");
  });

  it("puts the secret in a header of the provider's own, whatever credential the client sends", async () => {
    const secret = newSecret();
    const provider = defineProvider({
      name: "mine",
      origins: ["https://llm.example.test"],
      credential: { header: "x-mine" },
    });
    const found: unknown[] = [];
    const fetch = createRotatingFetch({
      keys: [secret],
      provider,
      fetch: (_url, init) => {
        const headers = new Headers(init?.headers);
        found.push([headers.get("x-mine") === secret, headers.get("authorization") === `Bearer ${secret}`]);
        return Promise.resolve(new Response());
      },
    });
    for (const headers of [{}, { "x-mine": "rotating" }, { authorization: "Bearer rotating" }]) {
      await fetch("https://llm.example.test/v1/models", { headers });
    }
    expect(found).toEqual([
      [true, false],
      [true, false],
      [true, false],
    ]);
  });

  it.each([
    [
      "provider.extends",
      { extends: "openia" },
      /one of "openai", .* got `openia` \(string\); did you mean `openai`\?$/,
    ],
    ["provider.extends.name", { extends: { origins: [] } }, /a non-empty string, got `undefined`$/],
    ["provider.extends", { extends: 7 }, /got `7` \(number\)$/],
    [
      "provider.extend",
      { extend: "openai" },
      /only known fields, got `extend`; did you mean `extends`\? Known are extends, name, /,
    ],
    ["provider", "openai", /to be an object, got `openai`/],
    ["provider", null, /to be an object, got `null`$/],
  ])("refuses %s of %o", (field, definition, message) => {
    const error = refusalOf(definition);
    expect(error.message).toMatch(message);
    expect(error.field).toBe(field);
  });
});

const rule = (fields: object) => ({ errors: [{ verdict: { kind: "rate_limit" }, ...fields }] });
const verdict = (fields: object) => ({ errors: [{ verdict: { kind: "rate_limit", ...fields } }] });
const counter = (fields: object) => ({
  headers: [{ dimension: "requests", window: null, remaining: "x-left", ...fields }],
});

describe("a provider of one's own", () => {
  it.each(providers)("may be a copy of $name", (preset) => {
    expect(defineProvider({ extends: { ...preset } })).toEqual(preset);
  });

  it.each([
    ["name", { name: " " }],
    ["origins", { origins: "https://api.example.test" }],
    ["origins[0]", { origins: ["api.example.test"] }],
    ["origins[1]", { origins: ["https://api.example.test", "*"] }],
    ["hosts[0]", { hosts: ["https://api.example.test"] }],
    ["paths[0]", { paths: ["v1"] }],
    ["baseURL", { baseURL: "/v1" }],
    ["baseURL", { baseURL: "https://user:word@api.example.test/v1" }],
    ["credential", { credential: "x-key" }],
    ["credential.header", { credential: { header: "X-Key" } }],
    ["credential", { credential: { scheme: "Bearer" } }],
    ["credential", { credential: {} }],
    ["credential.scheme", { credential: { query: "key", scheme: "Bearer" } }],
    ["credential.query", { credential: { query: "" } }],
    ["credential.scheme", { credential: { header: "x-key", scheme: "Token " } }],
    ["credential.scheme", { credential: { header: "x-key", scheme: " Token" } }],
    ["credential.scheme", { credential: { header: "x-key", scheme: "To\nken" } }],
    ["credential.sheme", { credential: { header: "x-key", sheme: "Bearer" } }],
    ["sharedBy", { sharedBy: "team" }],
    ["perModel", { perModel: "yes" }],
    ["tiers", { tiers: [] }],
    ["tiers.free[0].requests", { tiers: { free: [{ requests: 0 }] } }],
    ["headers", { headers: {} }],
    ["headers[0].dimension", counter({ dimension: "calls" })],
    ["headers[0].window", counter({ window: "week" })],
    ["headers[0].window", counter({ window: undefined })],
    ["headers[0].remaining", counter({ remaining: "X-Left" })],
    ["headers[0].unit", counter({ reset: "x-reset" })],
    ["headers[0].unit", counter({ reset: "x-reset", unit: "minutes" })],
    ["headers[0].entry", counter({ entry: -1 })],
    ["headers[0].entry", counter({ entry: "0" })],
    ["headers[0].unlimited", counter({ unlimited: 0.5 })],
    ["headers[0]", counter({ remaining: undefined })],
    ["errors[0]", { errors: ["rate_limit"] }],
    ["errors[0].status", rule({ status: "429" })],
    ["errors[0].status[1]", rule({ status: [429, 42] })],
    ["errors[0].status", rule({ status: 1429 })],
    ["errors[0].code", rule({ code: 1302 })],
    ["errors[0].words", rule({ words: [] })],
    ["errors[0].word", rule({ word: "slow down" })],
    ["errors[0].header", rule({ header: ["x-left", 0] })],
    ["errors[0].header[0]", rule({ header: ["X-Left", "0"] })],
    ["errors[0].field[0]", rule({ field: [] })],
    ["errors[0].field[1]", rule({ field: ["error.code", {}] })],
    ["errors[0].window", rule({ window: "week" })],
    ["errors[0].embedded", rule({ embedded: 1 })],
    ["errors[0]", rule({})],
    ["errors[0]", rule({ embedded: false })],
    ["errors[1]", { errors: [{ status: 429, verdict: { kind: "overloaded" } }, { verdict: { kind: "overloaded" } }] }],
    ["errors[0].verdict", { errors: [{ status: 429 }] }],
    ["errors[0].verdict.kind", verdict({ kind: "limited" })],
    ["errors[0].verdict.scope", verdict({ scope: "project" })],
    ["errors[0].verdict.failover", verdict({ failover: "yes" })],
    ["errors[0].verdict.reset", verdict({ reset: "week" })],
    ["errors[0].verdict.reset", verdict({ reset: -1 })],
    ["errors[0].verdict.reset", verdict({ reset: Number.POSITIVE_INFINITY })],
    ["errors[0].verdict.reset[1]", verdict({ reset: ["day", { unit: "seconds" }] })],
    ["errors[0].verdict.reset.unit", verdict({ reset: { header: "x-reset" } })],
    ["dayZone", { dayZone: "Mars/Base" }],
    ["probe.method", { probe: { method: "PUT", path: "/models", proves: "credential" } }],
    ["probe.proves", { probe: { method: "GET", path: "/models" } }],
    ["probe.headers[0]", { probe: { method: "GET", path: "/", proves: "nothing", headers: { "x y": "" } } }],
    ["probe.headers.x-team", { probe: { method: "GET", path: "/", proves: "nothing", headers: { "x-team": "\n" } } }],
    ["request.modelInPath", { request: { modelInPath: ["/models/"] } }],
    ["usage.output", { usage: { input: ["usage.in"] } }],
    ["stream.terminal[0]", { stream: { preamble: [], terminal: [7] } }],
    ["errorShape", { errorShape: "xml" }],
  ])("is refused with the place named: %s in %j", (field, fields) => {
    const path = `provider.${field}`;
    const error = refusalOf({ extends: "openai", ...fields });
    expect([error.field, error.code]).toEqual([path, "ERR_INVALID_OPTIONS"]);
    expect(error.message).toContain("Expected `provider");
    const provider = { ...openai, ...fields } as Provider;
    expect(() => createRotatingFetch({ keys: [newSecret()], provider })).toThrow(error.message);
  });
});
