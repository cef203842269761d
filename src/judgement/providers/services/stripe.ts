import type { Provider } from "../../provider.ts";

/**
 * https://docs.stripe.com/api/errors, https://docs.stripe.com/rate-limits, https://docs.stripe.com/api/idempotent_requests,
 * https://docs.stripe.com/declines/codes
 *
 * A preset for what must not be rotated. Customers, payments and idempotency keys belong to one account: a payment that another
 * account's key repeats is a second payment. So limits and trouble are waited out with the same key, a declined card is the
 * buyer's, and requests about a thing go to the account that made it. Only a refused key is left for another: give all keys of a
 * pool the same `account`.
 */
export const stripe: Provider = {
  name: "stripe",
  origins: ["https://api.stripe.com", "https://files.stripe.com"],
  baseURL: "https://api.stripe.com/v1",
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  errors: [
    { code: "idempotency_key_in_use", verdict: { kind: "bad_request", retryable: true } },
    // Another request holds the object.
    {
      code: "lock_timeout",
      verdict: { kind: "rate_limit", scope: "request", sharedBy: "request", failover: false },
    },
    // What a restricted key may not do, another key of the account may.
    {
      status: 403,
      words: "required permissions",
      verdict: { kind: "forbidden", scope: "request", sharedBy: "key" },
    },
    { status: 429, verdict: { kind: "rate_limit", failover: false } },
  ],
  bindsToAccount: true,
  probe: { method: "GET", path: "/balance", proves: "credential" },
  resources: {
    prefixes: ["cus_", "pi_", "ch_", "seti_", "cs_", "sub_1", "in_1"],
    made: ["/v1/"],
  },
};
