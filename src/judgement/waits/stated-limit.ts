import type { Dimension, StatedLimit, WindowName } from "../../types.ts";
import { windowOfSeconds } from "./limit-words.ts";

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
