import { describe, expect, it } from "vitest";
import type { ClassifierInput } from "../../src/judgement/provider.ts";
import { ErrorClassifier, type ErrorClassifierOptions } from "../../src/named/error-classifier.ts";
import { providerNamed } from "../../src/named/presets.ts";
import type { Classification } from "../../src/types.ts";

const now = Date.parse("2026-11-20T12:00:00Z");
const classifier = new ErrorClassifier();
const classify = (input: Omit<ClassifierInput, "now">): Classification => classifier.classify({ now, ...input });
const error = (message: string, rest: object = {}): object => ({ error: { message, ...rest } });
const tooMany = error("Too Many Requests");

const bareRateLimit: Classification = {
  kind: "rate_limit",
  scope: "key",
  sharedBy: "key",
  window: null,
  dimension: null,
  retryAfterMs: null,
  retryable: true,
  failover: true,
  disableKey: false,
  strength: "likely",
};

type Row = readonly [name: string, input: Omit<ClassifierInput, "now">, expected: Partial<Classification>];

const provider = { scope: "provider", sharedBy: "provider", failover: false, disableKey: false } as const;
const request = {
  scope: "request",
  sharedBy: "request",
  failover: false,
  retryable: false,
  disableKey: false,
} as const;

describe("ErrorClassifier", () => {
  it("takes a provider by its name", () => {
    const answer = { status: 429, body: { error: { code: "insufficient_quota" } }, now };
    const named = new ErrorClassifier({ provider: "openai" });
    expect(named.provider?.name).toBe("openai");
    expect(named.classify(answer)).toEqual(new ErrorClassifier({ provider: providerNamed("openai") }).classify(answer));
    expect(named.classify(answer).window).toBe("month");
  });

  it.each<[string, unknown, RegExp]>([
    ["provider", { provider: "openia" }, /one of "openai", .* got `openia` \(string\); did you mean `openai`\?$/],
    ["provider", { provider: null }, /got `null`$/],
    ["provider.origins", { provider: { name: "mine" } }, /a list of origins, got `undefined`$/],
    ["providers", { providers: "openai" }, /got `providers`; did you mean `provider`\?/],
    ["options", "openai", /to be an object, got `openai`/],
  ])("refuses %s of %j", (field, options, message) => {
    const make = (): unknown => new ErrorClassifier(options as ErrorClassifierOptions);
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "ERR_INVALID_OPTIONS", field }));
  });

  it("takes a status in digits for the number", () => {
    const classifier = new ErrorClassifier();
    const judge = (status: unknown) => classifier.classify({ status: status as number, body: "", now });
    expect(judge("429")).toEqual(judge(429));
    expect(judge("429").kind).toBe("rate_limit");
    expect([judge("4e2").kind, judge("").kind]).toEqual([judge(0).kind, judge(0).kind]);
  });

  it("takes a bare 429 for a limit of the key, of unknown length", () => {
    expect(classify({ status: 429, body: "" })).toEqual(bareRateLimit);
  });

  it.each<Row>([
    ["400", { status: 400 }, { kind: "bad_request", ...request }],
    ["404", { status: 404, body: { detail: "Not Found" } }, { kind: "bad_request", ...request }],
    ["405", { status: 405 }, { kind: "bad_request", ...request }],
    ["409", { status: 409 }, { kind: "bad_request", ...request }],
    ["410", { status: 410 }, { kind: "bad_request", ...request }],
    ["412", { status: 412 }, { kind: "bad_request", ...request }],
    ["413", { status: 413, body: error("Request Entity Too Large") }, { kind: "bad_request", ...request }],
    ["422", { status: 422, body: { detail: [{ msg: "field required" }] } }, { kind: "bad_request", ...request }],
    [
      "401",
      { status: 401, body: "" },
      { kind: "invalid_key", scope: "key", failover: true, retryable: false, disableKey: true },
    ],
    ["402", { status: 402 }, { kind: "quota_exhausted", scope: "account", failover: true, disableKey: false }],
    ["403", { status: 403, body: "" }, { kind: "forbidden", scope: "key", failover: true, disableKey: false }],
    ["407", { status: 407 }, { kind: "network", ...provider }],
    ["408", { status: 408, body: error("Request Timeout") }, { kind: "timeout", ...provider, retryable: true }],
    ["498", { status: 498 }, { kind: "overloaded", ...provider }],
    ["499", { status: 499 }, { kind: "timeout", ...request }],
    ["500", { status: 500 }, { kind: "server_error", ...provider, retryable: true }],
    ["502", { status: 502 }, { kind: "server_error", ...provider, retryable: true }],
    ["503", { status: 503, body: "" }, { kind: "server_error", ...provider, retryable: true }],
    ["504", { status: 504 }, { kind: "timeout", ...provider, retryable: true }],
    ["522", { status: 522 }, { kind: "server_error", ...provider }],
    ["524", { status: 524 }, { kind: "timeout", ...provider }],
    ["529", { status: 529 }, { kind: "overloaded", ...provider, retryable: true }],
  ])("falls back on the status %s", (_name, input, expected) => {
    expect(classify(input)).toMatchObject(expected);
  });

  it("calls a 503 an overload when it names a delay or says so", () => {
    expect(classify({ status: 503, headers: { "retry-after": "15" } })).toMatchObject({
      kind: "overloaded",
      retryAfterMs: 15_000,
    });
    expect(classify({ status: 503, body: error("The model is overloaded.") }).kind).toBe("overloaded");
  });

  it("lets x-should-retry turn a conflict into something that passes", () => {
    expect(classify({ status: 409, headers: { "x-should-retry": "true" } })).toMatchObject({
      kind: "server_error",
      retryable: true,
    });
  });

  it("ignores x-should-retry: false on an overload", () => {
    const answer = {
      status: 429,
      headers: { "x-should-retry": "false" },
      body: { message: "busy", code: "queue_exceeded" },
    };
    expect(classify(answer)).toMatchObject({ kind: "overloaded", retryable: true, failover: false });
  });
});

describe("ErrorClassifier on how much an answer says", () => {
  it.each<[string, Omit<ClassifierInput, "now">, Classification["strength"]]>([
    ["words", { status: 403, body: error("This API key has been revoked.") }, "certain"],
    ["a code", { status: 418, body: error("no", { code: "insufficient_quota" }) }, "certain"],
    ["an edge's mark", { status: 403, body: "error code: 1020" }, "certain"],
    ["a failed connection", { error: new TypeError("fetch failed") }, "certain"],
    ["a bare 401", { status: 401 }, "likely"],
    ["a 403 in words that nobody knows", { status: 403, body: error("Computer says no.") }, "likely"],
    ["a bare 503", { status: 503 }, "likely"],
    ["a bare 418", { status: 418 }, "unknown"],
    ["gibberish under 400", { status: 400, body: error("E-7741") }, "unknown"],
  ])("is told by %s", (_name, input, strength) => {
    expect(classify(input).strength).toBe(strength);
  });
});

describe("ErrorClassifier on successes that look like refusals", () => {
  it.each<[string, unknown, Classification["kind"]]>([
    ["success: false", { success: false, message: "Invalid API key" }, "invalid_key"],
    [
      "an error message",
      { error_message: "The provided API key is expired.", status: "REQUEST_DENIED" },
      "invalid_key",
    ],
    ["nothing but a note", { Note: "Our call frequency is 5 calls per minute." }, "rate_limit"],
    ["a status in words", { status: "0", message: "NOTOK", result: "Max rate limit reached" }, "rate_limit"],
    ["a code beside a text", { code: 4290, msg: "请求过于频繁", data: null }, "rate_limit"],
  ])("believes words beside %s", (_name, body, kind) => {
    expect(classify({ status: 200, body }).kind).toBe(kind);
  });

  it.each<[string, unknown]>([
    ["a failure that no words explain", { success: false }],
    ["a setting about limits", { message: "Your rate limit settings were saved" }],
    ["data beside a code", { code: 7, message: "rate limit exceeded", data: { id: 1 } }],
    ["model output", { choices: [{ message: { content: "Invalid API key" } }], success: false }],
    ["a job that failed", { status: "failed", id: "job-1", progress: 3 }],
  ])("takes %s for a success", (_name, body) => {
    expect(classify({ status: 200, body }).kind).toBe("none");
  });
});

describe("ErrorClassifier on codes and words", () => {
  it.each<Row>([
    [
      "billing by type with code null",
      { status: 429, body: error("You exceeded your current quota", { type: "insufficient_quota", code: null }) },
      { kind: "quota_exhausted", scope: "account", failover: true, retryable: false, disableKey: false },
    ],
    [
      "billing by code under 403",
      { status: 403, body: error("no", { code: "insufficient_user_quota" }) },
      { kind: "quota_exhausted", disableKey: false },
    ],
    [
      "billing by code against the words",
      { status: 429, body: error("upstream busy, rate limit, retry later", { code: "insufficient_user_quota" }) },
      { kind: "quota_exhausted" },
    ],
    [
      "billing in words under a rate-limit type",
      { status: 429, body: error("You have no credits remaining.", { type: "rate_limit_error" }) },
      { kind: "quota_exhausted" },
    ],
    [
      "billing under 401",
      { status: 401, body: error("x", { code: "insufficient_quota" }) },
      { kind: "quota_exhausted", disableKey: false },
    ],
    [
      "a limit under 400 with the day it ends",
      {
        status: 400,
        body: error(
          "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
        ),
      },
      { kind: "rate_limit", failover: true, retryAfterMs: 907_200_000 },
    ],
    [
      "a quota that names a wait",
      { status: 429, body: error("You exceeded your current quota. Please retry in 12.5s.") },
      { kind: "rate_limit", retryAfterMs: 12_500 },
    ],
    [
      "a quota failure's longest window",
      {
        status: 429,
        body: error("You exceeded your current quota", {
          details: [
            {
              "@type": "type.googleapis.com/google.rpc.QuotaFailure",
              violations: [
                { quotaId: "GenerateRequestsPerMinutePerProject", quotaMetric: "x/generate_requests" },
                { quotaId: "GenerateRequestsPerDayPerProject", quotaMetric: "x/generate_requests" },
              ],
            },
          ],
        }),
      },
      { kind: "rate_limit", scope: "account", sharedBy: "project", window: "day", dimension: "requests" },
    ],
    [
      "tokens per minute",
      {
        status: 429,
        body: error(
          "Rate limit reached in organization org-x on tokens per min (TPM): Limit 30000, Used 30000, Requested 1200. Please try again in 2.4s.",
          { type: "tokens", code: "rate_limit_exceeded" },
        ),
      },
      {
        kind: "rate_limit",
        scope: "account",
        sharedBy: "account",
        window: "minute",
        dimension: "tokens",
        retryAfterMs: 2_400,
      },
    ],
    [
      "a request larger than its limit",
      {
        status: 429,
        headers: { "retry-after": "5" },
        body: error("Request too large on tokens per min (TPM): Limit 30000, Requested 80715.", {
          type: "tokens",
          code: "rate_limit_exceeded",
        }),
      },
      { kind: "context_length", scope: "model", failover: true, retryable: false, retryAfterMs: null },
    ],
    [
      "a request that only does not fit now",
      {
        status: 413,
        body: error(
          "Request too large on tokens per minute (TPM): Limit 6000, Used 3520, Requested 2900, please try again in 4.2s",
          { code: "rate_limit_exceeded" },
        ),
      },
      { kind: "rate_limit", retryAfterMs: 4_200 },
    ],
    [
      "context by code",
      { status: 400, body: error("x", { code: "context_length_exceeded" }) },
      { kind: "context_length", ...request },
    ],
    [
      "context in words",
      { status: 400, body: { message: "prompt is too long: 210000 tokens > 200000 maximum" } },
      { kind: "context_length", dimension: "tokens", ...request },
    ],
    [
      "content by code",
      { status: 400, body: error("x", { code: "content_filter" }) },
      { kind: "content_filter", ...request },
    ],
    [
      "content in words under 403",
      { status: 403, body: error('Your input was flagged for "violence".') },
      { kind: "content_filter", ...request },
    ],
    [
      "invalid key under 400",
      { status: 400, body: [error("API key not valid. Please pass a valid API key.")] },
      { kind: "invalid_key", failover: true, disableKey: true },
    ],
    [
      "no credential sent",
      { status: 401, body: { code: "unauthenticated:no-credentials", error: "No credentials provided" } },
      { kind: "bad_request", ...request },
    ],
    [
      "rate limit under 403",
      {
        status: 403,
        headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795177200" },
        body: { message: "API rate limit exceeded for user ID 12345." },
      },
      { kind: "rate_limit", scope: "account", dimension: "requests", retryAfterMs: 1_200_000 },
    ],
    [
      "permission next to counters",
      { status: 403, headers: { "x-ratelimit-remaining": "4999" }, body: { message: "Resource not accessible" } },
      { kind: "forbidden", failover: true, disableKey: false },
    ],
    [
      "insufficient scope",
      { status: 403, headers: { "www-authenticate": 'Bearer error="insufficient_scope"' }, body: {} },
      { kind: "forbidden", failover: true },
    ],
    [
      "a rejected parameter called rate_limit",
      { status: 400, body: error("rate_limit must be an integer") },
      { kind: "bad_request", ...request },
    ],
    [
      "a parse error about a token",
      { status: 400, body: error("Invalid token '<' in JSON") },
      { kind: "bad_request", disableKey: false },
    ],
    [
      "overload under 429",
      { status: 429, body: error("Try later", { type: "TooManyRequests", code: "ServerOverloaded" }) },
      { kind: "overloaded", ...provider },
    ],
    [
      "overload of everybody",
      {
        status: 429,
        body: {
          type: "global-rate-limit-exceeded",
          title: "Global Service Rate Limit Exceeded",
          detail: "Please try after 2026-11-20T12:00:10Z",
        },
      },
      { kind: "overloaded", ...provider, retryAfterMs: 10_000 },
    ],
    [
      "reduced capacity",
      {
        status: 503,
        headers: { "retry-after": "15" },
        body: { type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity" },
      },
      { kind: "overloaded", retryAfterMs: 15_000 },
    ],
    [
      "abnormal usage",
      {
        status: 429,
        body: {
          type: "https://iana.org/assignments/http-problem-types#abnormal-usage-detected",
          title: "abnormal request pattern",
        },
      },
      { kind: "rate_limit", scope: "account", failover: false, retryable: true },
    ],
    [
      "a missing model",
      { status: 404, body: error("no such model", { code: "model_not_found" }) },
      { kind: "bad_request", scope: "model", failover: true, disableKey: false },
    ],
    [
      "a country",
      { status: 403, body: error("x", { code: "unsupported_country_region_territory" }) },
      { kind: "forbidden", scope: "ip", failover: false },
    ],
    [
      "an AWS error type",
      { status: 400, headers: { "x-amzn-errortype": "ThrottlingException:http://x/" }, body: { message: "slow" } },
      { kind: "rate_limit", failover: true },
    ],
    [
      "concurrency",
      { status: 429, body: error("reached max organization concurrency: 3, please try again after 1 seconds") },
      { kind: "rate_limit", scope: "account", dimension: "concurrency", retryAfterMs: 1_000 },
    ],
    [
      "an account's limit in plain text",
      {
        status: 429,
        body: "This operation has reached the limit for your account. Please try after 2026-11-20T12:00:30.071Z.",
      },
      { kind: "rate_limit", scope: "account", dimension: "requests", retryAfterMs: 30_071 },
    ],
  ])("recognises %s", (_name, input, expected) => {
    expect(classify(input)).toMatchObject(expected);
    expect(classify({ ...input, body: asText(input.body) })).toEqual(classify(input));
  });
});

describe("ErrorClassifier on pages and the network's edge", () => {
  const html = (text: string): string => `<!doctype html><html><body><h1>${text}</h1></body></html>`;

  it.each<Row>([
    [
      "an edge limit",
      { status: 429, headers: { "retry-after": "10" }, body: "error code: 1015" },
      {
        kind: "rate_limit",
        scope: "ip",
        sharedBy: "ip",
        dimension: "requests",
        failover: false,
        retryable: true,
        retryAfterMs: 10_000,
      },
    ],
    [
      "an edge limit as a page",
      { status: 429, body: html("Error 1015 You are being rate limited") },
      { kind: "rate_limit", scope: "ip", failover: false },
    ],
    [
      "an edge block",
      { status: 403, body: "error code: 1020" },
      { kind: "forbidden", scope: "ip", failover: false, retryable: false },
    ],
    [
      "a challenge",
      { status: 403, headers: { "cf-mitigated": "challenge" }, body: html("Just a moment...") },
      { kind: "forbidden", scope: "ip", failover: false },
    ],
    [
      "a 502 page",
      { status: 502, body: html("502 Bad Gateway") },
      { kind: "server_error", ...provider, retryable: true },
    ],
    [
      "a 503 page about rate limits",
      { status: 503, body: html("Rate limit exceeded. Try again in 5s") },
      { kind: "server_error", ...provider, retryAfterMs: null },
    ],
    [
      "a 503 text about rate limits",
      { status: 503, body: "Rate limit exceeded" },
      { kind: "server_error", ...provider },
    ],
    ["a 504 page", { status: 504, body: html("504 Gateway Time-out") }, { kind: "timeout", ...provider }],
    ["a 401 page", { status: 401, body: html("Invalid API key") }, { kind: "invalid_key", disableKey: true }],
    [
      "a plain 401",
      { status: 401, body: "Authentication Fails (governor)" },
      { kind: "invalid_key", disableKey: true },
    ],
    ["a page with 200", { status: 200, body: html("Sign in") }, { kind: "bad_request", ...provider, retryable: false }],
  ])("recognises %s", (_name, input, expected) => {
    expect(classify(input)).toMatchObject(expected);
  });
});

describe("ErrorClassifier on success statuses", () => {
  const none: Partial<Classification> = {
    kind: "none",
    scope: "key",
    sharedBy: "key",
    retryable: false,
    failover: false,
    disableKey: false,
  };

  it.each<Row>([
    ["a completion", { status: 200, body: { choices: [{ message: { content: "ok" } }], usage: {} } }, none],
    [
      "a completion that talks of errors",
      { status: 200, body: { choices: [{ message: { content: "insufficient_quota: rate limit exceeded" } }] } },
      none,
    ],
    ["plain text that talks of errors", { status: 200, body: "rate limit exceeded" }, none],
    ["base_resp of a success", { status: 200, body: { base_resp: { status_code: 0, status_msg: "success" } } }, none],
    [
      "counters at zero",
      { status: 200, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4" }, body: {} },
      none,
    ],
    ["no content", { status: 204 }, none],
    ["a redirect", { status: 304 }, none],
    [
      "a long answer cut off",
      { status: 200, body: `{"error":null,"message":"${"rate limit exceeded ".repeat(5_000)}` },
      none,
    ],
    [
      "an error object",
      { status: 200, body: error("rpm exhausted") },
      { kind: "rate_limit", window: "minute", dimension: "requests", failover: true },
    ],
    [
      "an error with a status of its own",
      { status: 200, body: error("gone", { code: 502 }) },
      { kind: "server_error", ...provider },
    ],
    [
      "an error of a choice",
      { status: 200, body: { choices: [{ message: { content: "part" }, error: { code: 502, message: "x" } }] } },
      { kind: "server_error" },
    ],
    [
      "base_resp of an error",
      { status: 200, body: { base_resp: { status_code: 1008, status_msg: "insufficient balance" } } },
      { kind: "quota_exhausted" },
    ],
    [
      "GraphQL errors",
      { status: 200, body: { errors: [{ type: "RATE_LIMITED", message: "slow" }] } },
      { kind: "rate_limit", failover: true },
    ],
    [
      "an error event",
      {
        status: 200,
        body: 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
      },
      { kind: "overloaded", failover: false },
    ],
    [
      "a failed response event",
      {
        status: 200,
        body: `event: response.failed\ndata: ${JSON.stringify({ type: "response.failed", response: { error: { code: "rate_limit_exceeded", message: "tokens per min. Please try again in 11.054s." } } })}\n\n`,
      },
      { kind: "rate_limit", window: "minute", retryAfterMs: 11_054 },
    ],
    ["an unknown error object", { status: 200, body: error("hm") }, { kind: "server_error", failover: false }],
  ])("recognises %s", (_name, input, expected) => {
    expect(classify(input)).toMatchObject(expected);
  });
});

describe("ErrorClassifier on delays and reset headers", () => {
  it.each<[string, Record<string, string>, Partial<Classification>]>([
    ["a date", { "retry-after": "Fri, 20 Nov 2026 12:00:45 GMT" }, { retryAfterMs: 45_000 }],
    ["asctime", { "retry-after": "Fri Nov 20 12:00:30 2026" }, { retryAfterMs: 30_000 }],
    ["a past date", { "retry-after": "Fri, 20 Nov 2026 11:00:00 GMT" }, { retryAfterMs: null }],
    ["zero", { "retry-after": "0" }, { retryAfterMs: 0 }],
    [
      "a policy's unit",
      { ratelimit: '"tok";r=0;t=9', "ratelimit-policy": '"tok";q=100000;qu="content-bytes";w=60' },
      { window: "minute", dimension: null, retryAfterMs: 9_000 },
    ],
    [
      "a concurrency policy",
      { ratelimit: '"conc";r=0', "ratelimit-policy": '"conc";q=5;qu="concurrent-requests"' },
      { window: null, dimension: "concurrency", retryAfterMs: null },
    ],
    [
      "the exhausted policy",
      {
        ratelimit: '"burst";r=37;t=12,"daily";r=0;t=36400',
        "ratelimit-policy": '"burst";q=100;w=60,"daily";q=1000;w=86400',
      },
      { window: "day", dimension: "requests", retryAfterMs: 36_400_000 },
    ],
    [
      "the dictionary form",
      { ratelimit: "limit=100, remaining=0, reset=50", "ratelimit-policy": "100;w=60" },
      { window: "minute", dimension: "requests", retryAfterMs: 50_000 },
    ],
    [
      "policies inside the limit",
      { "ratelimit-limit": "10, 10;w=1, 50;w=60", "ratelimit-remaining": "0", "ratelimit-reset": "1" },
      { window: "second", dimension: "requests", retryAfterMs: 1_000 },
    ],
    [
      "epoch milliseconds",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795176300000" },
      { dimension: "requests", retryAfterMs: 300_000 },
    ],
    [
      "seconds",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "37" },
      { dimension: "requests", retryAfterMs: 37_000 },
    ],
    [
      "milliseconds in Go's form",
      { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms" },
      { dimension: "requests", retryAfterMs: 20 },
    ],
    [
      "an instant",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-11-20T12:01:30Z" },
      { dimension: "requests", retryAfterMs: 90_000 },
    ],
    [
      "a printed date",
      {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "Fri Nov 20 2026 12:00:42 GMT+0000 (Coordinated Universal Time)",
      },
      { dimension: "requests", retryAfterMs: 42_000 },
    ],
    [
      "an epoch where seconds belong",
      { "ratelimit-remaining": "0", "ratelimit-reset": "1795176025" },
      { dimension: "requests", retryAfterMs: 25_000 },
    ],
    [
      "two dry buckets",
      {
        "x-ratelimit-remaining-minute": "0",
        "x-ratelimit-reset-minute": "20",
        "x-ratelimit-remaining-day": "0",
        "x-ratelimit-reset-day": "40000",
      },
      { window: "day", dimension: "requests", retryAfterMs: 40_000_000 },
    ],
    [
      "one dry bucket of two",
      {
        "x-ratelimit-remaining-minute": "0",
        "x-ratelimit-reset-minute": "20",
        "x-ratelimit-remaining-day": "412",
        "x-ratelimit-reset-day": "40000",
      },
      { window: "minute", dimension: "requests", retryAfterMs: 20_000 },
    ],
  ])("reads %s", (_name, headers, expected) => {
    expect(classify({ status: 429, headers, body: tooMany })).toEqual({
      ...bareRateLimit,
      strength: "certain",
      ...expected,
    });
  });

  it("takes the unit of an ambiguous reset from the context", () => {
    const headers = { "x-rate-limit-remaining": "0", "x-rate-limit-reset": "600000" };
    expect(classify({ status: 429, headers, body: tooMany, context: { resetUnit: "ms" } }).retryAfterMs).toBe(600_000);
  });

  it("states no delay for what waiting does not end", () => {
    for (const status of [400, 401, 403]) {
      expect(classify({ status, headers: { "retry-after": "5" } }).retryAfterMs).toBeNull();
    }
  });
});

describe("ErrorClassifier on transport failures", () => {
  const fetchFailed = (code: string): Error =>
    new TypeError("fetch failed", { cause: Object.assign(new Error(""), { code }) });

  it.each<Row>([
    [
      "a header timeout",
      { error: fetchFailed("UND_ERR_HEADERS_TIMEOUT") },
      { kind: "timeout", ...provider, retryable: true },
    ],
    [
      "a timeout after bytes",
      { error: fetchFailed("UND_ERR_BODY_TIMEOUT"), context: { bytesDelivered: 1_532 } },
      { kind: "timeout", ...provider, retryable: false },
    ],
    [
      "a timeout under a success status",
      { status: 200, error: fetchFailed("UND_ERR_BODY_TIMEOUT") },
      { kind: "timeout" },
    ],
    [
      "a closed socket",
      { status: 0, error: fetchFailed("UND_ERR_SOCKET"), context: { bytesDelivered: 0 } },
      { kind: "network", ...provider, retryable: true },
    ],
    ["DNS", { error: fetchFailed("ENOTFOUND") }, { kind: "network", ...provider, retryable: true }],
    ["an abort", { error: new DOMException("stop", "AbortError") }, { kind: "aborted", ...request }],
    ["neither answer nor error", {}, { kind: "network", ...provider }],
    ["an error that carries a status", { status: 429, error: new Error("429") }, { kind: "rate_limit" }],
  ])("recognises %s", (_name, input, expected) => {
    expect(classify(input)).toMatchObject(expected);
  });
});

describe("ErrorClassifier on dead credentials", () => {
  const body = error("Incorrect API key provided.", { code: "invalid_api_key" });

  it.each([
    ["Incorrect API key provided"],
    ["invalid x-api-key"],
    ["Your API key has been revoked"],
    ["This API key was deactivated"],
    ["Bad credentials"],
    ["Invalid username or password."],
    ["token expired or incorrect"],
  ])("gives a key up on: %s", (message) => {
    expect(classify({ status: 401, body: error(message) })).toMatchObject({ kind: "invalid_key", disableKey: true });
  });

  it.each([["Unauthorized"], ["Authentication failed"], ["User not found."]])(
    "gives a key up that never worked on: %s",
    (message) => {
      expect(classify({ status: 401, body: error(message) })).toMatchObject({ kind: "invalid_key", disableKey: true });
    },
  );

  it.each([
    ["worked once", { keyAgeMs: 2_592_000_000, everSucceeded: true }],
    ["worked long ago", { lastSuccessAgoMs: 86_400_000 }],
  ])("spares a key that %s when the refusal does not say that it is dead", (_name, context) => {
    expect(classify({ status: 401, body: error("Unauthorized"), context })).toMatchObject({
      kind: "invalid_key",
      disableKey: false,
    });
  });

  it.each([
    ["is new", { keyAgeMs: 1_000 }],
    ["worked a moment ago", { everSucceeded: true, lastSuccessAgoMs: 4_000 }],
    ["is refused along with others", { otherKeys401Recently: 1 }],
    ["is renewed anyway", { credentialType: "oauth" }],
  ])("spares a key that %s, whatever the words", (_name, context) => {
    expect(classify({ status: 401, body, context })).toMatchObject({
      kind: "invalid_key",
      failover: true,
      disableKey: false,
    });
  });

  it("gives up an old key that worked long ago", () => {
    const context = { keyAgeMs: 2_592_000_000, everSucceeded: true };
    expect(classify({ status: 401, body, context }).disableKey).toBe(true);
  });

  it("spares an access token that the server calls expired", () => {
    const headers = { "www-authenticate": 'Bearer error="invalid_token", error_description="expired"' };
    expect(classify({ status: 401, headers, body }).disableKey).toBe(false);
  });

  it.each([402, 403, 429])("never gives a key up over money, here under %d", (status) => {
    expect(classify({ status, body: error("Invalid key: insufficient balance") })).toMatchObject({
      kind: "quota_exhausted",
      disableKey: false,
    });
  });
});

function asText(body: unknown): unknown {
  return body === undefined || typeof body === "string" ? body : JSON.stringify(body);
}
