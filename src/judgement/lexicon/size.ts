import type { Facts } from "../reading/facts.ts";
import type { Verdict } from "./verdict.ts";

/**
 * A request that is larger than its limit is refused however long one waits; one that only does not fit now is throttled.
 * Either may say "request too large".
 */
export function verdictBySize({ message, effectiveStatus }: Facts): Verdict | null {
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
