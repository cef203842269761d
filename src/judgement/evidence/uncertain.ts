import type { RefusedAttempt } from "../../ports.ts";
import type { Classification } from "../../types.ts";
import { isOwnerRefused } from "../reading/owner-words.ts";

/** May it be an account's matter, a request's or everybody's, for all that words and codes say? */
export function isUncertain({ kind, strength, scope }: Classification): boolean {
  switch (kind) {
    case "none":
    case "aborted":
    case "network":
    case "timeout":
    case "overloaded":
    case "server_error":
      return false;
    case "invalid_key":
    case "rate_limit":
    case "quota_exhausted":
      return strength !== "certain";
    default:
      return strength !== "certain" || scope === "request" || scope === "model" || scope === "key";
  }
}

/** Refusals by an account that a status or words alone speak of: 4xx, but neither a limit nor what is certain of a key. */
export function isLookedAt({ status, classification, fingerprint }: RefusedAttempt): boolean {
  const isOther = status !== null && status >= 400 && status < 500 && status !== 429;
  if (!isOther || classification.kind === "rate_limit" || !isUncertain(classification)) return false;
  return classification.kind !== "forbidden" || !isOwnerRefused(fingerprint);
}

export function isAlike(one: RefusedAttempt, other: RefusedAttempt): boolean {
  const { lease } = one;
  const isSibling = lease.provider === other.lease.provider && lease.accountId !== other.lease.accountId;
  return isSibling && one.fingerprint === other.fingerprint && isLookedAt(one);
}
