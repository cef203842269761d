import type { Dimension } from "../../../types.ts";
import type { LimitStanding } from "../../limits/limit-judge.ts";
import { goDuration } from "./openai-errors.ts";

const names: Readonly<Record<Exclude<Dimension, "concurrency">, string>> = {
  requests: "requests",
  tokens: "tokens",
  inputTokens: "input-tokens",
  outputTokens: "output-tokens",
};

/** Headers in OpenAI's grammar: for every dimension the limit with the least left, the first declared of equals. */
export function rateLimitHeaders(standings: readonly LimitStanding[]): Record<string, string> {
  const tightest = new Map<string, LimitStanding>();
  for (const standing of standings) {
    if (standing.dimension === "concurrency") continue;
    const name = names[standing.dimension];
    const known = tightest.get(name);
    if (known === undefined || leftOf(standing) < leftOf(known)) tightest.set(name, standing);
  }
  return Object.fromEntries(
    [...tightest].flatMap(([name, standing]) => [
      [`x-ratelimit-limit-${name}`, String(standing.max)],
      [`x-ratelimit-remaining-${name}`, String(leftOf(standing))],
      [`x-ratelimit-reset-${name}`, goDuration(standing.resetMs ?? 0)],
    ]),
  );
}

function leftOf({ max, used }: LimitStanding): number {
  return Math.max(0, max - used);
}
