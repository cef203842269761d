import type { AttemptSummary } from "../types.ts";

/** Response header that tells how an answer came about. */
export const traceHeader = "x-rotating-fetch-trace";

/**
 * The tries of a call as a structured field list (RFC 9651): the key's number in its pool, the outcome, the status where there
 * was an answer, and milliseconds, as in `key-3;outcome=rate_limit;status=429;ms=41, key-4;outcome=success;status=200;ms=380`.
 */
export function traceOf(tried: readonly AttemptSummary[]): string {
  return tried.map(textOf).join(", ");
}

function textOf({ key, outcome, status, elapsedMs }: AttemptSummary): string {
  const answered = status === null ? "" : `;status=${status}`;
  return `key-${key};outcome=${outcome === "none" ? "success" : outcome}${answered};ms=${elapsedMs}`;
}
