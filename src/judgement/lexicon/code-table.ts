import { foldIdentifier } from "../reading/envelope.ts";
import type { Facts } from "../reading/facts.ts";
import { readQuotaFailure } from "../waits/limit-words.ts";
import type { Verdict } from "./verdict.ts";

const quota: Verdict = { kind: "quota_exhausted" };
const projectQuota: Verdict = { kind: "quota_exhausted", sharedBy: "project" };
const keyQuota: Verdict = { kind: "quota_exhausted", scope: "key", sharedBy: "key" };
const deadKey: Verdict = { kind: "invalid_key", isDefinitive: true };
const overloaded: Verdict = { kind: "overloaded" };
const contextLength: Verdict = { kind: "context_length", dimension: "tokens" };
const contentFilter: Verdict = { kind: "content_filter" };
const rateLimit: Verdict = { kind: "rate_limit" };
const requestRate: Verdict = { kind: "rate_limit", dimension: "requests" };
const tokenRate: Verdict = { kind: "rate_limit", dimension: "tokens" };
/** Missing, or only not open to this account: another one may have it. */
const noModel: Verdict = { kind: "bad_request", scope: "model", sharedBy: "account", failover: true };
const noCredential: Verdict = { kind: "bad_request" };

function table(rows: readonly (readonly [Verdict, readonly string[]])[]): ReadonlyMap<string, Verdict> {
  return new Map(rows.flatMap(([verdict, names]) => names.map((name) => [foldIdentifier(name), verdict] as const)));
}

/** Codes and types that mean one thing wherever they occur. */
const strongCodes = table([
  [
    quota,
    [
      "credit_balance_exhausted",
      "organization_spend_limit_exceeded",
      "organization_usage_limit_exceeded",
      "enforced_spend_limit_reached",
      "billing_not_active",
      "billing_hard_limit_reached",
      "billing_error",
      "exceeded_current_quota_error",
      "insufficient_balance",
      "insufficient_credits",
      "insufficient_user_quota",
      "payment_required",
      "AccountOverdueError",
      "Arrearage",
      "PostpaidBillOverdue",
      "PrepaidBillOverdue",
      "AllocationQuota.FreeTierOnly",
    ],
  ],
  [projectQuota, ["project_spend_limit_exceeded"]],
  [keyQuota, ["pre_consume_token_quota_failed", "budget_exceeded"]],
  [deadKey, ["invalid_api_key", "api_key_invalid", "incorrect_api_key", "api_key_expired", "api_key_revoked"]],
  [noCredential, ["unauthenticated:no-credentials", "missing_api_key", "no_api_key"]],
  [contextLength, ["context_length_exceeded", "context_window_exceeded"]],
  [
    contentFilter,
    [
      "content_filter",
      "content_policy_violation",
      "content_moderation",
      "moderation_blocked",
      "ResponsibleAIPolicyViolation",
      "DataInspectionFailed",
      "SensitiveContentDetected",
    ],
  ],
  [
    overloaded,
    [
      "overloaded_error",
      "engine_overloaded_error",
      "engine_overloaded",
      "model_overloaded",
      "server_overloaded",
      "server_is_overloaded",
      "queue_exceeded",
      "capacity_exceeded",
      "service_tier_capacity_exceeded",
      "temporary-reduced-capacity",
    ],
  ],
  [{ kind: "overloaded", dimension: "requests" }, ["global-rate-limit-exceeded"]],
  [
    { kind: "rate_limit", scope: "account", sharedBy: "account", dimension: "requests", failover: false },
    ["abnormal-usage-detected"],
  ],
  [{ kind: "rate_limit", scope: "account", sharedBy: "account", dimension: "requests" }, ["slow_down"]],
  [requestRate, ["request_quota_exceeded", "dynamic_request_limited", "Throttling.RateQuota"]],
  [tokenRate, ["token_quota_exceeded", "dynamic_token_limited"]],
  [noModel, ["model_not_found", "DeploymentNotFound"]],
  [{ kind: "forbidden", scope: "ip", sharedBy: "ip", failover: false }, ["unsupported_country_region_territory"]],
]);

/** Types that some providers also put on other refusals: words are asked first. */
const weakCodes = table([
  [
    rateLimit,
    [
      "rate_limit_exceeded",
      "rate_limit_error",
      "rate_limit_reached_error",
      "rate_limit_reached",
      "rate_limited",
      "rate_limit",
      "too_many_requests",
      "too_many_requests_error",
      "quota-exceeded",
      "throttled",
      "ThrottlingException",
      "RequestBurstTooFast",
      "RESOURCE_EXHAUSTED",
    ],
  ],
]);

/** Everything a machine-readable code says for certain. */
export function verdictByCode(facts: Facts): Verdict | null {
  for (const code of facts.codes) {
    const known = strongCodes.get(code);
    if (known !== undefined) return known;
    // insufficient_quota and the names derived from it.
    if (code.startsWith("insufficientquota")) return quota;
  }
  const failure = facts.envelope.details.length > 1 ? readQuotaFailure(facts.envelope.details) : null;
  return failure === null || failure.window === null ? null : rateLimit;
}

/** What a code suggests when the words did not say otherwise. */
export function verdictByWeakCode(facts: Facts): Verdict | null {
  for (const code of facts.codes) {
    const known = weakCodes.get(code);
    if (known !== undefined) return known;
  }
  return null;
}
