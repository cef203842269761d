import type { Dimension, WindowName } from "../../types.ts";
import type { HeaderView } from "../reading/headers.ts";
import { boundDelay, parseDecimal, parseReset, type ResetUnit } from "../reading/reset-grammar.ts";
import { type FieldItem, parseFieldList } from "../reading/structured-fields.ts";
import { windowOfSeconds } from "./limit-words.ts";

/** One counter as response headers describe it. */
export interface HeaderBucket {
  readonly dimension: Dimension | null;
  readonly window: WindowName | null;
  /** `null` when the headers do not say. */
  readonly remaining: number | null;
  /** Milliseconds until the counter is full again, `null` when unknown. */
  readonly resetMs: number | null;
}

interface BucketName {
  readonly bucketId: string;
  readonly field: "limit" | "remaining" | "reset";
  readonly dimension: Dimension | null;
  readonly window: WindowName | null;
}

interface BucketDraft {
  readonly name: BucketName;
  limit?: string;
  remaining?: string;
  reset?: string;
}

const maxParsedNames = 512;
const parsedNames = new Map<string, BucketName | null>();

const families = ["x-ratelimit-", "x-rate-limit-", "anthropic-ratelimit-", "ratelimit-"] as const;
const windowTokens: Readonly<Record<string, WindowName>> = {
  second: "second",
  minute: "minute",
  min: "minute",
  hour: "hour",
  day: "day",
  daily: "day",
  month: "month",
};

/**
 * Every counter the headers describe: the `X-RateLimit-*`, `RateLimit-*` and `anthropic-ratelimit-*` families and the
 * `RateLimit` structured field in both of its syntaxes.
 */
export function readHeaderBuckets(headers: HeaderView, now: number, unit?: ResetUnit): readonly HeaderBucket[] {
  const buckets = structuredBuckets(headers);
  const drafts = new Map<string, BucketDraft>();
  for (const [name, value] of headers.rateLimits()) {
    const parsed = parseName(name);
    if (parsed === null) continue;
    let draft = drafts.get(parsed.bucketId);
    if (draft === undefined) {
      draft = { name: parsed };
      drafts.set(parsed.bucketId, draft);
    }
    draft[parsed.field] = value;
  }
  for (const draft of drafts.values()) {
    if (draft.remaining === undefined && draft.reset === undefined) continue;
    const { dimension, window } = draft.name;
    // "0, 4" left with "32400, 1" until the reset: one counter for each window.
    const lefts = draft.remaining?.split(",", 8) ?? [undefined];
    const resets = lefts.length > 1 ? draft.reset?.split(",", 8) : [draft.reset];
    for (const [place, left] of lefts.entries()) {
      const reset = resets?.[place];
      buckets.push({
        dimension,
        window: window ?? windowOfLimit(draft.limit),
        remaining: left === undefined ? null : parseRemaining(left),
        resetMs: reset === undefined ? null : parseReset(reset, now, unit),
      });
    }
  }
  return buckets;
}

/** The counter that ran dry; of several the one that takes longest to recover. */
export function exhaustedBucket(buckets: readonly HeaderBucket[]): HeaderBucket | null {
  let found: HeaderBucket | null = null;
  for (const bucket of buckets) {
    if (bucket.remaining === null || bucket.remaining > 0) continue;
    if (found === null || (bucket.resetMs ?? -1) > (found.resetMs ?? -1)) found = bucket;
  }
  return found;
}

/**
 * The counter the body names, for limits that refuse before they reach zero. Headers that state one reset and no
 * count describe the refusal itself. Where more than one counter fits, none is chosen.
 */
export function namedBucket(
  buckets: readonly HeaderBucket[],
  dimension: Dimension | null,
  window: WindowName | null,
): HeaderBucket | null {
  const resetting = buckets.filter((bucket) => bucket.resetMs !== null);
  if (resetting.length === 1 && buckets.every((bucket) => bucket.remaining === null)) return resetting[0] ?? null;
  if (dimension === null) return null;
  let fitting = resetting.filter((bucket) => bucket.dimension === dimension);
  if (fitting.some((bucket) => bucket.window !== null)) {
    fitting = fitting.filter((bucket) => bucket.window === window);
  }
  return fitting.length === 1 ? (fitting[0] ?? null) : null;
}

/** Header names are few and come again with every answer, so each is taken apart once. */
function parseName(name: string): BucketName | null {
  const known = parsedNames.get(name);
  if (known !== undefined) return known;
  const parsed = takeApart(name);
  if (parsedNames.size < maxParsedNames && name.length <= 64) parsedNames.set(name, parsed);
  return parsed;
}

function takeApart(name: string): BucketName | null {
  const family = families.find((prefix) => name.startsWith(prefix));
  if (family === undefined) return null;
  const tokens = name.slice(family.length).split("-");
  // "remaining-requests" in most families, "requests-remaining" in one.
  const isFieldFirst = isField(tokens[0]);
  const field = isFieldFirst ? tokens[0] : tokens.at(-1);
  if (!isField(field)) return null;
  let rest = isFieldFirst ? tokens.slice(1) : tokens.slice(0, -1);
  if (field === "reset" && rest.length === 1 && rest[0] === "after") rest = [];
  return {
    bucketId: `${family}:${rest.join("-")}`,
    field,
    dimension: dimensionOfTokens(rest),
    window: windowOfTokens(rest),
  };
}

function isField(token: string | undefined): token is "limit" | "remaining" | "reset" {
  return token === "limit" || token === "remaining" || token === "reset";
}

function parseRemaining(text: string): number | null {
  const trimmed = text.trim();
  if (trimmed.startsWith("-")) return parseDecimal(trimmed.slice(1)) === null ? null : 0;
  return parseDecimal(trimmed);
}

function dimensionOfTokens(tokens: readonly string[]): Dimension | null {
  let isPlain = true;
  for (const token of tokens) {
    if (token === "tokens" || token === "token") return "tokens";
    if (token === "requests" || token === "request" || token === "req") return "requests";
    if (token === "concurrent" || token === "concurrency") return "concurrency";
    if (!Object.hasOwn(windowTokens, token)) isPlain = false;
  }
  // A counter without a name of its own counts requests.
  return isPlain ? "requests" : null;
}

function windowOfTokens(tokens: readonly string[]): WindowName | null {
  for (const token of tokens) if (Object.hasOwn(windowTokens, token)) return windowTokens[token] ?? null;
  return null;
}

/** `10, 10;w=1, 50;w=60`: the first number is the limit that binds, the rest are policies. */
function windowOfLimit(limit: string | undefined): WindowName | null {
  if (limit === undefined || !limit.includes(";")) return null;
  const [binding, ...policies] = parseFieldList(limit) ?? [];
  if (binding === undefined) return null;
  const policy = policies.find(({ value }) => value === binding.value) ?? binding;
  return windowOfPolicy(policy);
}

function structuredBuckets(headers: HeaderView): HeaderBucket[] {
  const text = headers.get("ratelimit");
  const items = text === null ? null : parseFieldList(text);
  if (items === null) return [];
  const policyText = headers.get("ratelimit-policy");
  const policies = policyText === null ? [] : (parseFieldList(policyText) ?? []);
  if (items.every(({ value }) => value.includes("="))) return [dictionaryBucket(items, policies)];
  return items.map((item) => {
    const policy = policies.find(({ value }) => value === item.value);
    return {
      dimension: policy === undefined ? null : dimensionOfUnit(policy.parameters.get("qu")),
      window: policy === undefined ? null : windowOfPolicy(policy),
      remaining: parseDecimal(item.parameters.get("r") ?? ""),
      resetMs: secondsToMs(item.parameters.get("t")),
    };
  });
}

/** `limit=100, remaining=0, reset=50` with `100;w=60` as its policy. */
function dictionaryBucket(items: readonly FieldItem[], policies: readonly FieldItem[]): HeaderBucket {
  const members = new Map<string, string>();
  for (const { value } of items) members.set(value.slice(0, value.indexOf("=")), value.slice(value.indexOf("=") + 1));
  const binding = policies.find(({ value }) => value === members.get("limit"));
  const policy = binding ?? (policies.length === 1 ? policies[0] : undefined);
  return {
    dimension: "requests",
    window: policy === undefined ? null : windowOfPolicy(policy),
    remaining: parseDecimal(members.get("remaining") ?? ""),
    resetMs: secondsToMs(members.get("reset")),
  };
}

function windowOfPolicy(policy: FieldItem): WindowName | null {
  return windowOfSeconds(parseDecimal(policy.parameters.get("w") ?? "") ?? 0);
}

function dimensionOfUnit(unit: string | undefined): Dimension | null {
  if (unit === undefined || unit === "requests") return "requests";
  return unit === "concurrent-requests" ? "concurrency" : null;
}

function secondsToMs(text: string | undefined): number | null {
  const seconds = text === undefined ? null : parseDecimal(text);
  return seconds === null ? null : boundDelay(seconds * 1_000);
}
