import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  classifyTransportError,
  ErrorClassifier,
  normaliseEnvelope,
  readRetryDelay,
} from "../../src/core/error-classifier.ts";
import type { Classification } from "../../src/types.ts";

const { FUZZ_RUNS = "2000" } = process.env;
const numRuns = Number(FUZZ_RUNS);
const timeout = Math.max(20_000, numRuns * 10);
const classifier = new ErrorClassifier();
const maxDelayMs = 31 * 86_400_000;

const kinds = [
  "none",
  "rate_limit",
  "quota_exhausted",
  "invalid_key",
  "forbidden",
  "overloaded",
  "server_error",
  "bad_request",
  "content_filter",
  "context_length",
  "timeout",
  "network",
  "aborted",
];
const scopes = ["request", "model", "key", "account", "ip", "provider"];
const sharers = ["key", "account", "project", "ip", "provider", "request"];
const windows = [null, "second", "minute", "hour", "day", "month"];
const dimensions = [null, "requests", "tokens", "inputTokens", "outputTokens", "concurrency"];

const words = fc.constantFrom(
  "rate limit exceeded",
  "try again in ",
  "retry after ",
  "6m0s",
  "1e308",
  "-5",
  "Limit 5, ",
  "Requested 9",
  "request too large",
  "insufficient balance",
  "invalid api key",
  "context length",
  "overloaded",
  "error code: 1015",
  "per day",
  "2026-11-20T12:00:00Z",
  "\u0000",
  "İ",
  "界",
  "{",
  "<html>",
  "data: ",
  "\n",
  '"error":',
  ";r=0;t=9",
  "limit=1",
);
const prose = fc.array(fc.oneof(words, fc.string()), { maxLength: 12 }).map((parts) => parts.join(""));
const leaf = fc.oneof(
  prose,
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.bigInt(),
);
const names = fc.constantFrom(
  "error",
  "errors",
  "message",
  "code",
  "type",
  "status",
  "detail",
  "details",
  "metadata",
  "response",
  "choices",
  "base_resp",
  "status_code",
  "retry_after",
  "retryDelay",
  "@type",
  "violations",
  "quotaId",
  "data",
  "__proto__",
  "length",
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(names, tie("tree"), { maxKeys: 6 }),
  ),
}));
const headerNames = fc.constantFrom(
  "retry-after",
  "Retry-After",
  "retry-after-ms",
  "date",
  "ratelimit",
  "ratelimit-policy",
  "ratelimit-limit",
  "x-ratelimit-remaining",
  "x-ratelimit-reset",
  "x-ratelimit-reset-tokens",
  "x-ratelimit-remaining-tokens",
  "anthropic-ratelimit-tokens-reset",
  "www-authenticate",
  "x-should-retry",
  "cf-mitigated",
);
const headers = fc.dictionary(headerNames, fc.oneof(prose, fc.double().map(String), leaf));
/** Made inside the property: the fuzzer itself would trip over them. */
const hostileMakers: readonly (() => unknown)[] = [
  () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error("no");
        },
        ownKeys: () => {
          throw new Error("no");
        },
        has: () => true,
      },
    ),
  () => {
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    return proxy;
  },
  () => {
    const cyclic = {};
    return Object.assign(cyclic, { error: cyclic, cause: cyclic, errors: [cyclic] });
  },
  () => new Proxy({}, { get: (_target, _name, self) => self }),
  () => Object.assign(() => {}, { error: 1 }),
  () => Symbol("x"),
  () => "[".repeat(200_000),
  () => `{"error":{"message":"${"again in ".repeat(20_000)}`,
  () => Array.from({ length: 100_000 }, () => ({ error: 1 })),
  () => new Uint8Array(8),
];
const hostile = fc.constantFrom(...hostileMakers);

function make(value: unknown): unknown {
  const maker = hostileMakers.find((candidate) => candidate === value);
  return maker === undefined ? value : maker();
}

function expectValid(result: Classification): void {
  expect(kinds).toContain(result.kind);
  expect(scopes).toContain(result.scope);
  expect(sharers).toContain(result.sharedBy);
  expect(windows).toContain(result.window);
  expect(dimensions).toContain(result.dimension);
  for (const flag of [result.retryable, result.failover, result.disableKey]) expect(typeof flag).toBe("boolean");
  expectDelay(result.retryAfterMs);
  if (result.disableKey) expect(result.kind).toBe("invalid_key");
  expect(Object.keys(result)).toHaveLength(9);
}

function expectDelay(delayMs: number | null): void {
  if (delayMs === null) return;
  expect(Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= maxDelayMs).toBe(true);
}

describe("ErrorClassifier under hostile input", { timeout }, () => {
  const status = fc.oneof(
    fc.constantFrom(200, 400, 401, 402, 403, 413, 429, 498, 500, 503),
    fc.integer(),
    fc.constant(undefined),
    fc.double(),
  );
  const body = fc.oneof(tree, prose, tree.map(toJson), hostile);

  it("always answers with a valid classification", () => {
    const context = fc.option(
      fc.dictionary(
        fc.constantFrom("keyAgeMs", "lastSuccessAgoMs", "resetUnit", "credentialType", "bytesDelivered"),
        leaf,
      ),
      { nil: undefined },
    );
    const thrown = fc.option(fc.oneof(tree, hostile), { nil: undefined, freq: 4 });
    const now = fc.oneof(fc.constant(Date.UTC(2026, 10, 20)), fc.double());
    fc.assert(
      fc.property(status, fc.oneof(headers, hostile), body, thrown, now, context, (...parts) => {
        const [givenStatus, givenHeaders, givenBody, error, givenNow, givenContext] = parts;
        const input = {
          status: givenStatus,
          headers: make(givenHeaders),
          body: make(givenBody),
          error: make(error),
          now: givenNow,
          context: givenContext,
        };
        expectValid(classifier.classify(make(input) as never));
      }),
      { numRuns },
    );
  });

  it("still judges by the status when body and headers cannot be read", () => {
    for (const maker of hostileMakers) {
      const input = { status: 429, headers: maker(), body: maker(), now: Number.NaN };
      expect(classifier.classify(input as never)).toMatchObject({ kind: "rate_limit", failover: true });
    }
  });

  it("never throws for an input that is no input", () => {
    fc.assert(
      fc.property(fc.oneof(leaf, hostile), (input) => expectValid(classifier.classify(make(input) as never))),
      { numRuns: Math.min(numRuns, 500) },
    );
  });

  it("says the same of a body whether it comes parsed or as text", () => {
    fc.assert(
      fc.property(status, headers, fc.dictionary(names, tree), (givenStatus, givenHeaders, given) => {
        const text = toJson(given);
        const common = { status: givenStatus, headers: givenHeaders as never, now: Date.UTC(2026, 10, 20) };
        fc.pre(text.length < 60_000);
        expect(classifier.classify({ ...common, body: text })).toEqual(
          classifier.classify({ ...common, body: JSON.parse(text) }),
        );
      }),
      { numRuns },
    );
  });

  it("keeps its parts from throwing as well", () => {
    fc.assert(
      fc.property(body, headers, (givenBody, givenHeaders) => {
        const body = make(givenBody);
        classifyTransportError(body);
        const envelope = normaliseEnvelope(body);
        expectDelay(readRetryDelay(givenHeaders as never, envelope, Date.UTC(2026, 10, 20)));
      }),
      { numRuns },
    );
  });
});

function toJson(value: unknown): string {
  return JSON.stringify(value, (_name, part) => (typeof part === "bigint" ? String(part) : part)) ?? "";
}
