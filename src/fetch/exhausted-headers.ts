import type { ExhaustedAnswer } from "../attempt/call.ts";

/** What the answer of an exhausted pool says in headers; `null` takes one away that a provider's own refusal may have. */
export function exhaustedHeaders({ retryAfterMs, headers }: ExhaustedAnswer): Readonly<Record<string, string | null>> {
  return {
    "retry-after": retryAfterMs === null ? null : String(Math.ceil(retryAfterMs / 1000)),
    "retry-after-ms": retryAfterMs === null ? null : String(Math.ceil(retryAfterMs)),
    // SDKs that obey it make one call instead of three, and do not sleep an hour-long Retry-After.
    "x-should-retry": "false",
    "x-rotating-fetch": "exhausted",
    ...headers,
  };
}
