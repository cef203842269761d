import type { Facts } from "../reading/facts.ts";
import { containsAny } from "../reading/guarded.ts";
import { Phrases } from "../reading/phrases.ts";
import type { Verdict } from "./verdict.ts";

interface MessageRule {
  /** Statuses under which the words mean this; others may only quote them. */
  readonly statuses: ReadonlySet<number>;
  readonly phrases: Phrases;
  readonly verdict: Verdict;
}

const rateLimit: Verdict = { kind: "rate_limit" };
const contextLength: Verdict = { kind: "context_length", dimension: "tokens" };

/** The most specific first. Phrases are in lower case. */
const rules: readonly MessageRule[] = [
  {
    statuses: new Set([200, 400, 403, 413, 422, 429, 500]),
    phrases: new Phrases([
      "context length",
      "context_length",
      "context window",
      "maximum context",
      "prompt is too long",
      "input is too long",
      "range of input length",
      "model token limit",
      "reduce the length of the messages",
    ]),
    verdict: contextLength,
  },
  { statuses: new Set([200, 400, 413, 422]), phrases: new Phrases(["too many tokens:"]), verdict: contextLength },
  {
    statuses: new Set([200, 400, 403, 422, 451]),
    phrases: new Phrases([
      "content policy",
      "content management policy",
      "content filter",
      "content_filter",
      "safety system",
      "usage policies",
      "requires moderation",
      "input was flagged",
      "prompt was flagged",
      "was flagged for",
      "prompt injection",
      "不安全或敏感内容",
    ]),
    verdict: { kind: "content_filter" },
  },
  {
    statuses: new Set([200, 400, 401, 402, 403, 412, 413, 429]),
    phrases: new Phrases([
      "insufficient balance",
      "balance is insufficient",
      "balance is not enough",
      "insufficient credit",
      "insufficient funds",
      "insufficient quota",
      "quota is not enough",
      "credit balance",
      "credits expired",
      "credits are depleted",
      "credits remaining",
      "credits have been exhausted",
      "out of credits",
      "purchase more credits",
      "used all available credits",
      "have any credits",
      "included credits",
      "spend limit",
      "spending limit",
      "spending budget has",
      "maximum billing",
      "billing hard limit",
      "check your billing details",
      "overdue balance",
      "account is in good standing",
      "api usage limits",
      "budget has been exceeded",
      "free allocated quota exceeded",
      "余额不足",
      "欠费",
    ]),
    verdict: { kind: "quota_exhausted" },
  },
  {
    statuses: new Set([401, 403]),
    phrases: new Phrases(["令牌额度已用尽"]),
    verdict: { kind: "quota_exhausted", scope: "key", sharedBy: "key" },
  },
  {
    // The client sent none: no key can be at fault.
    statuses: new Set([200, 400, 401, 403]),
    phrases: new Phrases([
      "no credentials provided",
      "n't provide an api key",
      "please carry the api secret key",
      "missing api key",
      "api key is missing",
      "missing authorization header",
      "no api key provided",
    ]),
    verdict: { kind: "bad_request" },
  },
  {
    statuses: new Set([200, 400, 401, 403]),
    phrases: new Phrases([
      "invalid api key",
      "incorrect api key",
      "api key not valid",
      "api key is not valid",
      "api key is invalid",
      "api key expired",
      "api key has expired",
      "api key has been revoked",
      "api key has been disabled",
      "api key was reported as leaked",
      "reported as leaked",
      "invalid x-api-key",
      "invalid subscription key",
      "bad credentials",
      "invalid credentials",
      "invalid username or password",
      "invalid api token",
    ]),
    verdict: { kind: "invalid_key" },
  },
  {
    statuses: new Set([200]),
    phrases: new Phrases(["not authorized", "unauthorized"]),
    verdict: { kind: "invalid_key" },
  },
  {
    // A rejected parameter may be called rate_limit, so the words alone are not enough here.
    statuses: new Set([200, 400, 403, 413]),
    phrases: new Phrases([
      "rate limit exceeded",
      "rate limit reached",
      "rate limit has been",
      "exceeded your rate limit",
      "exceeded the rate limit",
      "secondary rate limit",
      "rate limited",
      "rate-limited",
      "rate limiting",
      "too many requests",
      "request limit exceeded",
      "usage limit",
      "request was throttled",
      "rpm exhausted",
      "tpm exhausted",
      "速率限制",
      "请求过于频繁",
    ]),
    verdict: rateLimit,
  },
  {
    statuses: new Set([429]),
    phrases: new Phrases([
      "rate limit",
      "rate-limit",
      "rate_limit",
      "too many requests",
      "limit exceeded",
      "limit reached",
      "throttl",
    ]),
    verdict: rateLimit,
  },
  {
    statuses: new Set([200, 400, 429, 498, 500, 502, 503, 504, 529]),
    phrases: new Phrases([
      "overloaded",
      "over capacity",
      "out of capacity",
      "at capacity",
      "capacity exceeded",
      "high demand",
      "high traffic",
      "unable to handle additional requests",
      "server busy",
      "server is busy",
      "service is busy",
      "负载已饱和",
    ]),
    verdict: { kind: "overloaded" },
  },
];

/** The same sentence as OpenAI's billing stop, with a wait added, is a throttle. */
const exceededQuota = "exceeded your current quota";

const quotaExhausted: Verdict = { kind: "quota_exhausted" };
const deadKey: Verdict = { kind: "invalid_key", isDefinitive: true };

/**
 * What the words of an answer say. Pages in front of the API are never searched, and on a 5xx only for what such an
 * answer can truly mean.
 */
export function verdictByMessage(facts: Facts): Verdict | null {
  const { message } = facts;
  if (message === "" || facts.format === "markup") return null;
  const unsatisfiable = verdictOnSize(facts);
  if (unsatisfiable !== null) return unsatisfiable;
  const status = facts.isEmbedded ? 200 : facts.effectiveStatus;
  if (status === 429 && message.includes(exceededQuota)) {
    return message.includes("retry in ") || message.includes("try again in ") ? rateLimit : quotaExhausted;
  }
  // A plain text with a server error is some gateway's page without the tags.
  const isPlainServerError = status >= 500 && facts.format === "text";
  for (const { statuses, phrases, verdict } of rules) {
    if (!statuses.has(status) || phrases.firstIn(message) === null) continue;
    if (isPlainServerError && verdict.kind !== "overloaded") continue;
    return verdict.kind === "invalid_key" && isDefinitiveRefusal(message) ? deadKey : verdict;
  }
  return null;
}

const credentialWords = ["key", "token", "credential", "password"];
const deathWords = [
  "invalid",
  "incorrect",
  "not valid",
  "revoked",
  "deactivated",
  "disabled",
  "leaked",
  "expired",
  "bad credentials",
];

/** Do the words name a credential and say that it is dead? "Unauthorized" and "authentication failed" do not. */
export function isDefinitiveRefusal(message: string): boolean {
  return containsAny(message, deathWords) && containsAny(message, credentialWords);
}

/**
 * A request that is larger than its limit is refused however long one waits; one that only does not fit now is throttled.
 * Either may say "request too large".
 */
function verdictOnSize({ message, effectiveStatus }: Facts): Verdict | null {
  if (effectiveStatus !== 429 && effectiveStatus !== 413) return null;
  if (!message.includes("request too large")) return null;
  const limit = numberAfter(message, "limit ");
  const requested = numberAfter(message, "requested ");
  if (limit === null || requested === null || requested <= limit) return null;
  return {
    kind: "context_length",
    scope: "model",
    sharedBy: "account",
    failover: true,
    ignoresDelay: true,
  };
}

function numberAfter(text: string, phrase: string): number | null {
  for (let at = text.indexOf(phrase); at !== -1; at = text.indexOf(phrase, at + phrase.length)) {
    const start = at + phrase.length;
    let end = start;
    while (end - start < 16 && (((text[end] ?? "") >= "0" && (text[end] ?? "") <= "9") || text[end] === ",")) end += 1;
    const digits = text.slice(start, end).replaceAll(",", "");
    if (digits !== "") return Number(digits);
  }
  return null;
}

const addressLimit: Verdict = {
  kind: "rate_limit",
  scope: "ip",
  sharedBy: "ip",
  dimension: "requests",
  failover: false,
};
const addressBlock: Verdict = { kind: "forbidden", scope: "ip", sharedBy: "ip", failover: false };

const limitMarkers = ["error code: 1015", "error 1015", 'cf-error-code">1015'];
const blockCodes = ["1005", "1006", "1007", "1008", "1009", "1010", "1012", "1020"];
const blockMarkers = blockCodes.flatMap((code) => [`error code: ${code}`, `cf-error-code">${code}`]);

/** What a CDN in front of the API says about this machine's address: no key is at fault, and no other key helps. */
export function verdictByEdge(facts: Facts): Verdict | null {
  const { page } = facts;
  if (facts.status < 400 || facts.status >= 500) return null;
  if (facts.headers.get("cf-mitigated") !== null) return facts.status === 429 ? addressLimit : addressBlock;
  if (page === "" || !page.includes("10")) return null;
  if (limitMarkers.some((marker) => page.includes(marker))) return addressLimit;
  return blockMarkers.some((marker) => page.includes(marker)) ? addressBlock : null;
}
