import { readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ErrorRule, Provider, ResetPlace, ResetRule, ResetUnit } from "../../src/judgement/provider.ts";
import { normaliseEnvelope } from "../../src/judgement/reading/envelope.ts";
import { classifyTransportError } from "../../src/judgement/reading/transport.ts";
import { readRetryDelay } from "../../src/judgement/waits/retry-delay.ts";
import { ErrorClassifier } from "../../src/named/error-classifier.ts";
import type { Classification } from "../../src/types.ts";
import { runs } from "../support/runs.ts";

const numRuns = runs(1_000);
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
  const { limit, ...always } = result;
  expect(Object.keys(always)).toHaveLength(10);
  if (limit === undefined) return;
  expect(Number.isSafeInteger(limit.amount) && limit.amount > 0).toBe(true);
  expect(limit.window === null).toBe(limit.dimension === "concurrency" && limit.window === null);
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

  it("still reads the code of a body that is too nested or too long a list to be parsed", () => {
    for (const filler of ["[".repeat(50_000), "0,".repeat(20_000)]) {
      const body = `{"error":{"code":"insufficient_balance","message":"m"},"filler":[${filler}`;
      expect(classifier.classify({ status: 403, body, now: 0 }).kind).toBe("quota_exhausted");
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

const presetsFolder = new URL("../../src/judgement/providers/", import.meta.url);
const files = readdirSync(presetsFolder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const presets: readonly Provider[] = (
  await Promise.all(
    files.map(async (file) => {
      const module = (await import(new URL(file, presetsFolder).href)) as object;
      return Object.values(module).filter(isProvider);
    }),
  )
).flat();

function isProvider(value: unknown): value is Provider {
  return typeof value === "object" && value !== null && "origins" in value && "credential" in value;
}

const fuzzNow = Date.UTC(2026, 10, 20, 12);
/** Where grammars and bounds change over: signs, magnitudes, 31 days, the clock, what a double holds. */
const edgeNumbers = [
  ...[0, -0, 1, -1, 0.5, 59.999, 1e3, 1e9 - 1, 1e9, 1e9 + 1, 1e12 - 1, 1e12, 1e12 + 1],
  ...[2_678_400, 2_678_401, 2_678_400_000, 2_678_400_001, fuzzNow - 1, fuzzNow, fuzzNow + 1, fuzzNow / 1000],
  ...[fuzzNow / 1000 + 2_678_401, fuzzNow + 2_678_400_001, 8.64e15, 8.64e15 + 1, 2 ** 31, 2 ** 53, 1e21, 1e308],
  ...[5e-324, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];
const edgeNumber = fc.oneof(fc.constantFrom(...edgeNumbers), fc.double(), fc.integer());
const edgeText = fc.oneof(
  edgeNumber.map(String),
  fc.constantFrom(
    "",
    " ",
    " 7 ",
    "00",
    "+1",
    "1e3",
    "0x1f",
    "1_000",
    "99999999999999999999",
    "1.".padEnd(30, "9"),
    "٣",
  ),
);
const edgeDuration = fc
  .array(fc.tuple(edgeText, fc.constantFrom("ms", "s", "m", "h", "d", "us", "w", "")), { maxLength: 10 })
  .map((parts) => parts.flat().join(""));
const edgeInstant = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  fc.constantFrom("2026-02-30T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T12:00:00+99:99", "0000-00-00T00:00:00Z"),
);

function resetTexts(unit: ResetUnit | undefined): fc.Arbitrary<string> {
  const anything = fc.oneof(edgeText, edgeDuration, edgeInstant, prose);
  if (unit === "duration") return fc.oneof(edgeDuration, anything);
  return unit === "instant" ? fc.oneof(edgeInstant, anything) : fc.oneof(edgeText, anything);
}

function listed<Value>(value: Value | readonly Value[] | undefined): readonly Value[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly Value[]) : [value as Value];
}

function resetPlaces({ verdict }: ErrorRule): readonly ResetPlace[] {
  return listed<ResetRule>(verdict.reset).filter((rule) => typeof rule === "object");
}

/** Headers as this preset's grammar and rules name them, each there or not, with values at the edges. */
function headersOf({ headers: counters = [], errors = [] }: Provider): fc.Arbitrary<Record<string, unknown>> {
  const values: Record<string, fc.Arbitrary<unknown>> = {
    "retry-after": fc.oneof(edgeText, edgeDuration, edgeInstant),
    "retry-after-ms": edgeText,
    date: edgeInstant,
  };
  for (const { limit, remaining, reset, unit } of counters) {
    if (limit !== undefined) values[limit] = edgeText;
    if (remaining !== undefined) values[remaining] = fc.oneof(fc.constant("0"), edgeText);
    if (reset !== undefined) values[reset] = resetTexts(unit);
  }
  for (const rule of errors) {
    const [name, value] = typeof rule.header === "string" ? [rule.header] : (rule.header ?? []);
    if (name !== undefined) values[name] = value === undefined ? prose : fc.oneof(fc.constant(value), prose);
    for (const place of resetPlaces(rule))
      if (place.header !== undefined) values[place.header] = resetTexts(place.unit);
  }
  return fc.record(values, { requiredKeys: [] });
}

/** Bodies in the words of this preset's rules: codes, phrases and fields of different rules in one answer. */
function bodiesOf({ errors = [] }: Provider): fc.Arbitrary<unknown> {
  const codes = errors.flatMap(({ code }) => listed(code));
  const phrases = errors.flatMap(({ words, unless }) => [...listed(words), ...listed(unless)]);
  const code = codes.length === 0 ? prose : fc.oneof(fc.constantFrom(...codes), prose);
  const message = fc
    .array(phrases.length === 0 ? prose : fc.oneof(fc.constantFrom(...phrases), words, edgeText), { maxLength: 6 })
    .map((parts) => parts.join(" "));
  const fields = errors.flatMap(({ field }): [string, readonly unknown[]][] => {
    const [path, ...wanted] = listed(field) as readonly [string?, ...unknown[]];
    return path === undefined ? [] : [[path, wanted]];
  });
  const places = errors
    .flatMap(resetPlaces)
    .flatMap(({ field, unit }) => (field === undefined ? [] : [{ field, unit }]));
  const placed: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [path, wanted] of fields) placed[path] = fc.oneof(leaf, fc.constantFrom(...wanted, null));
  for (const { field, unit } of places) placed[field] = fc.oneof(resetTexts(unit), edgeNumber);
  const error = fc
    .tuple(
      fc.record({ code, type: code, status: code, message, retry_after: edgeNumber }, { requiredKeys: [] }),
      fc.record(placed, { requiredKeys: [] }),
    )
    .map(([plain, atPaths]) => withPaths(plain, atPaths));
  const body = fc
    .tuple(error, tree, fc.constantFrom("error", "errors", "list", "flat", "sse", "details", "choices", "response"))
    .map(([inner, other, envelope]) => enveloped(inner, other, envelope));
  const text = body.map((value) => (typeof value === "string" ? value : toJson(value)));
  const truncated = fc.tuple(text, fc.nat()).map(([whole, at]) => whole.slice(0, at % (whole.length + 1)));
  return fc.oneof(body, text, truncated, message, hostile);
}

function withPaths(plain: object, atPaths: Readonly<Record<string, unknown>>): object {
  const made: Record<string, unknown> = { ...plain };
  for (const [path, value] of Object.entries(atPaths)) {
    const names = path.split(".");
    let holder = made;
    for (const name of names.slice(0, -1)) {
      const inner = holder[name];
      const next: Record<string, unknown> = typeof inner === "object" && inner !== null ? { ...inner } : {};
      holder[name] = next;
      holder = next;
    }
    holder[names.at(-1) ?? ""] = value;
  }
  return made;
}

function enveloped(inner: object, other: unknown, envelope: string): unknown {
  switch (envelope) {
    case "error":
      return { error: inner, detail: other };
    case "errors":
      return { errors: [inner, other] };
    case "list":
      return [{ error: inner }, other];
    case "sse":
      return `event: error\ndata: ${toJson({ error: inner })}\n\n`;
    case "details":
      return { error: { message: "x", details: [inner, other], metadata: inner } };
    case "choices":
      return { choices: [{ error: inner }] };
    case "response":
      return { response: { error: inner } };
    default:
      return inner;
  }
}

describe("ErrorClassifier with every preset", { timeout }, () => {
  const perPreset = Math.ceil(numRuns / 25);
  const now = fc.oneof(
    { weight: 4, arbitrary: fc.constant(fuzzNow) },
    { weight: 1, arbitrary: fc.oneof(edgeNumber, fc.constant(undefined)) },
  );

  it.each(presets.map((preset) => [preset.name, preset] as const))(
    "%s answers with a valid classification",
    (...of) => {
      const [, provider] = of;
      const judge = new ErrorClassifier({ provider });
      const statuses = (provider.errors ?? []).flatMap(({ status }) => listed(status));
      const status = fc.constantFrom(200, 400, 401, 402, 403, 404, 429, 500, 503, ...statuses);
      fc.assert(
        fc.property(
          status,
          headersOf(provider),
          bodiesOf(provider),
          now,
          (givenStatus, givenHeaders, givenBody, at) => {
            const body = make(givenBody);
            expectValid(judge.classify({ status: givenStatus, headers: givenHeaders, body, now: at } as never));
            const asHeaders = { get: (name: string) => givenHeaders[name] ?? null };
            expectValid(judge.classify({ status: givenStatus, headers: asHeaders, body, now: at } as never));
          },
        ),
        { numRuns: perPreset },
      );
    },
  );

  it("judges by rule, but states no time, where the clock tells none", () => {
    const headers = { "modelscope-ratelimit-requests-remaining": "0" };
    const judge = new ErrorClassifier({ provider: presets.find(({ name }) => name === "modelscope") });
    expect(judge.classify({ status: 429, headers, now: Number.NaN, body: "{}" })).toMatchObject({
      kind: "rate_limit",
      window: "day",
      retryAfterMs: null,
    });
  });

  it("finds the presets", () => {
    expect(presets.map(({ name }) => name)).toContain("generic");
  });
});

function toJson(value: unknown): string {
  return JSON.stringify(value, (_name, part) => (typeof part === "bigint" ? String(part) : part)) ?? "";
}
