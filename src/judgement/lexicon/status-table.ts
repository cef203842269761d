import type { Facts } from "../reading/facts.ts";
import { readHeaderDelay } from "../reading/headers.ts";
import { isDefinitiveRefusal } from "./message-rules.ts";
import type { Verdict } from "./verdict.ts";

const refusedKey: Verdict = { kind: "invalid_key" };
const deadKey: Verdict = { kind: "invalid_key", isDefinitive: true };
const badRequest: Verdict = { kind: "bad_request" };
const serverError: Verdict = { kind: "server_error" };
const timeout: Verdict = { kind: "timeout" };
const overloaded: Verdict = { kind: "overloaded" };
const cancelled: Verdict = { kind: "timeout", scope: "request", sharedBy: "request", retryable: false };

const verdictOfStatus: ReadonlyMap<number, Verdict> = new Map([
  [402, { kind: "quota_exhausted" }],
  [403, { kind: "forbidden" }],
  [407, { kind: "network" }],
  [408, timeout],
  [429, { kind: "rate_limit" }],
  [498, overloaded],
  [499, cancelled],
  [504, timeout],
  [524, timeout],
  [529, overloaded],
]);

/** What is left to say when only the status speaks. */
export function verdictByStatus(facts: Facts): Verdict {
  const { effectiveStatus: status, headers } = facts;
  if (status === 401) return isDefinitiveRefusal(facts.message) ? deadKey : refusedKey;
  const known = verdictOfStatus.get(status);
  if (known !== undefined) return known;
  if (status === 503) return readHeaderDelay(headers, facts.serverNow) === null ? serverError : overloaded;
  if (status >= 500) return serverError;
  if (status < 400) return facts.isErrorObject ? serverError : badRequest;
  // The server knows better than the table, for example about a conflict that passes.
  return headers.get("x-should-retry")?.trim().toLowerCase() === "true" ? serverError : badRequest;
}
