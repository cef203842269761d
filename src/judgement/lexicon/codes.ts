import { foldIdentifier } from "../reading/envelope.ts";
import type { Facts } from "../reading/facts.ts";
import { readQuotaFailure } from "../waits/limit-words.ts";
import type { Verdict } from "./verdict.ts";

const rateLimit: Verdict = { kind: "rate_limit" };

/** Codes whose words do not say what they mean; each with where it is said. */
const opaque: ReadonlyMap<string, Verdict> = new Map(
  (
    [
      // https://developers.openai.com/api/docs/guides/error-codes: the whole account grew too fast.
      ["slow_down", { kind: "rate_limit", scope: "account", sharedBy: "account", dimension: "requests" }],
      // https://platform.claude.com/docs/en/api/errors
      ["billing_error", { kind: "quota_exhausted" }],
      // https://github.com/QuantumNous/new-api: the token's own allowance.
      ["pre_consume_token_quota_failed", { kind: "quota_exhausted", scope: "key", sharedBy: "key" }],
      // https://help.aliyun.com/zh/model-studio/error-code
      ["DataInspectionFailed", { kind: "content_filter" }],
      // Akamai's API gateway: the limit of all its customers together.
      ["global-rate-limit-exceeded", { kind: "overloaded", dimension: "requests" }],
    ] as const
  ).map(([code, verdict]) => [foldIdentifier(code), verdict]),
);

/** What a code means that words cannot tell, and quota details that name their window. */
export function verdictByCode(facts: Facts): Verdict | null {
  for (const code of facts.codes) {
    const known = opaque.get(code);
    if (known !== undefined) return known;
  }
  const failure = facts.envelope.details.length > 1 ? readQuotaFailure(facts.envelope.details) : null;
  return failure === null || failure.window === null ? null : rateLimit;
}
