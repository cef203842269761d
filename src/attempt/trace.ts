import type { Lease } from "../pool/lease.ts";
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

/** Both names of a model that a key's provider knows under another one. */
export function renamedBy(lease: Lease, model: string | undefined): AttemptSummary["renamed"] {
  const realModel = lease.model;
  return model === undefined || realModel === undefined || model === realModel ? undefined : { model, realModel };
}

/** The same, with them. */
export function withNames(tried: AttemptSummary, lease: Lease, model: string | undefined): AttemptSummary {
  return Object.assign(tried, { renamed: renamedBy(lease, model) });
}

/** As a token of a structured field, or as a string where it cannot be one. */
function tokenOf(text: string): string {
  if (/^[A-Za-z*][\w!#$%&'*+.^`|~:/-]*$/.test(text)) return text;
  return `"${text.replaceAll(/[^\x20-\x7e]/g, "?").replaceAll(/["\\]/g, "\\$&")}"`;
}

function textOf({ key, provider, outcome, status, elapsedMs, renamed }: AttemptSummary): string {
  const whose = provider === undefined ? "" : `;provider=${tokenOf(provider)}`;
  const answered = status === null ? "" : `;status=${status}`;
  const names = renamed === undefined ? "" : `;model=${tokenOf(renamed.model)};as=${tokenOf(renamed.realModel)}`;
  return `key-${key}${whose};outcome=${outcome === "none" ? "success" : outcome}${answered};ms=${elapsedMs}${names}`;
}
