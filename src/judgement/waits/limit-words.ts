import type { Dimension, StatedLimit, WindowName } from "../../types.ts";
import { readField, readList, readText } from "../reading/guarded.ts";
import { Phrases } from "../reading/phrases.ts";
import { parseDecimal } from "../reading/reset-grammar.ts";

const windowPhrases = new Map<string, WindowName>([
  ["per second", "second"],
  ["per-second", "second"],
  ["/second", "second"],
  ["/ second", "second"],
  ["per min", "minute"],
  ["per-min", "minute"],
  ["per_min", "minute"],
  ["permin", "minute"],
  ["/min", "minute"],
  ["/ min", "minute"],
  ["byminute", "minute"],
  ["per 60s", "minute"],
  ["rpm", "minute"],
  ["tpm", "minute"],
  ["per hour", "hour"],
  ["per-hour", "hour"],
  ["/hour", "hour"],
  ["/ hour", "hour"],
  ["hourly", "hour"],
  ["5-hour", "hour"],
  ["per day", "day"],
  ["per-day", "day"],
  ["per_day", "day"],
  ["perday", "day"],
  ["/day", "day"],
  ["/ day", "day"],
  ["byday", "day"],
  ["per 86400s", "day"],
  ["24 hour", "day"],
  ["24-hour", "day"],
  ["daily", "day"],
  ["weekly", "day"],
  ["rpd", "day"],
  ["tpd", "day"],
  ["per month", "month"],
  ["per-month", "month"],
  ["/month", "month"],
  ["/ month", "month"],
  ["monthly", "month"],
  ["next month", "month"],
]);

const dimensionPhrases = new Map<string, Dimension>([
  ["concurren", "concurrency"],
  ["tokens per", "tokens"],
  ["token rate limit", "tokens"],
  ["token limit", "tokens"],
  ["token_count", "tokens"],
  ["request tokens", "tokens"],
  ["too many tokens", "tokens"],
  ["tpm", "tokens"],
  ["tpd", "tokens"],
  ["requests per", "requests"],
  ["tokens_per", "tokens"],
  ["requests_per", "requests"],
  ["_requests", "requests"],
  ["request rate", "requests"],
  ["api calls", "requests"],
  ["calls per", "requests"],
  ["operation has reached", "requests"],
  ["rpm", "requests"],
  ["rpd", "requests"],
  ["rps", "requests"],
]);

/** These would be found inside other words. */
const abbreviations = ["rpm", "tpm", "rpd", "tpd", "rps"];

const windowNames = phrasesOf(windowPhrases);
const dimensionNames = phrasesOf(dimensionPhrases);

const windowOrder: readonly WindowName[] = ["second", "minute", "hour", "day", "month"];

/** The window a message names first. @param lower the message in lower case */
export function windowInWords(lower: string): WindowName | null {
  const named = lower === "" ? null : windowNames.firstIn(lower);
  return named === null ? null : (windowPhrases.get(named) ?? null);
}

/** What a message says was counted, by what it names first. @param lower the message in lower case */
export function dimensionInWords(lower: string): Dimension | null {
  const named = lower === "" ? null : dimensionNames.firstIn(lower);
  return named === null ? null : (dimensionPhrases.get(named) ?? null);
}

/** The name of the largest unit that fits: 300 s is a matter of minutes, seven days one of days. */
export function windowOfSeconds(seconds: number): WindowName | null {
  if (!(seconds > 0)) return null;
  if (seconds < 60) return "second";
  if (seconds < 3_600) return "minute";
  if (seconds < 86_400) return "hour";
  return seconds < 28 * 86_400 ? "day" : "month";
}

export interface QuotaFailure {
  readonly window: WindowName | null;
  readonly dimension: Dimension | null;
  /** Counted for each model apart. */
  readonly isPerModel: boolean;
  /** Counted for all keys of a project together. */
  readonly isPerProject: boolean;
  /** How much the quota holds; `null` when not said. */
  readonly limit: number | null;
  /** Does it count only what goes in? */
  readonly isInput: boolean;
}

/** What google.rpc.QuotaFailure details say; of several violations the longest window governs. */
export function readQuotaFailure(details: readonly unknown[]): QuotaFailure | null {
  let longest: QuotaFailure | null = null;
  for (const detail of details) {
    if (readText(detail, "@type")?.endsWith("google.rpc.QuotaFailure") !== true) continue;
    for (const violation of readList(readField(detail, "violations"))) {
      const quotaId = (readText(violation, "quotaId") ?? "").toLowerCase();
      const metric = (readText(violation, "quotaMetric") ?? "").toLowerCase();
      const found: QuotaFailure = {
        window: windowInWords(quotaId) ?? windowInWords(metric),
        dimension: dimensionInWords(metric),
        isPerModel: quotaId.includes("permodel") || quotaId.includes("perbasemodel"),
        isPerProject: quotaId.includes("perproject"),
        limit: parseDecimal(readText(violation, "quotaValue") ?? ""),
        isInput: metric.includes("input_token"),
      };
      if (longest === null || rank(found.window) > rank(longest.window)) longest = found;
    }
  }
  return longest;
}

function rank(window: WindowName | null): number {
  return window === null ? -1 : windowOrder.indexOf(window);
}

function phrasesOf(phrases: ReadonlyMap<string, unknown>): Phrases {
  const names = [...phrases.keys()];
  return new Phrases(
    names.filter((name) => !abbreviations.includes(name)),
    names.filter((name) => abbreviations.includes(name)),
  );
}

/** Where a message states its limit: near its beginning. */
const searched = 2048;

/** "Limit 30000, Used ...", "limit: 20", "rate limit of 8,000 output tokens per minute", "limit of 50 per 86400s". */
const amountPattern = /\blimit(?:: ?| of | is | )(\d[\d,]{0,14})(?![\d.])/;
const secondsPattern = /^ per (\d{1,8})s\b/;

/** Words right behind the amount that say which tokens are meant. */
const precise: readonly (readonly [words: string, dimension: Dimension])[] = [
  ["input token", "inputTokens"],
  ["output token", "outputTokens"],
  ["concurrent", "concurrency"],
];

/**
 * The limit that a message says was hit; `null` where it states none, or does not say what was counted in which time.
 * @param lower the message in lower case
 */
export function statedLimitIn(
  lower: string,
  dimension: Dimension | null,
  window: WindowName | null,
): StatedLimit | null {
  const text = lower.slice(0, searched);
  const found = mayStateAmount(text) ? amountPattern.exec(text) : null;
  if (found === null) return null;
  const behind = text.slice(found.index + found[0].length, found.index + found[0].length + 40);
  const named = precise.find(([words]) => behind.includes(words))?.[1];
  const seconds = secondsPattern.exec(behind);
  const span = seconds === null ? window : windowOfSeconds(Number(seconds[1]));
  return limitOf(Number((found[1] as string).replaceAll(",", "")), named ?? dimension, span);
}

/** A quick look before the pattern: does a digit stand where one could, in "limit 3", "limit: 3", "limit of 3" and "limit is 3"? */
function mayStateAmount(text: string): boolean {
  for (let at = text.indexOf("limit"); at !== -1; at = text.indexOf("limit", at + 5)) {
    for (const place of [6, 7, 9]) if (text.charAt(at + place) >= "0" && text.charAt(at + place) <= "9") return true;
  }
  return false;
}

/** A limit that can be counted; zero says that something is not offered, which is no limit. */
export function limitOf(
  amount: number | null,
  dimension: Dimension | null,
  window: WindowName | null,
): StatedLimit | null {
  if (amount === null || dimension === null || (window === null && dimension !== "concurrency")) return null;
  return Number.isSafeInteger(amount) && amount > 0 ? { amount, dimension, window } : null;
}
