import type { Classification } from "../../types.ts";
import { readPath } from "./guarded.ts";

/** What a probe's good answer says of the account's balance; `found` where that is none or some is left. */
export function withBalance(found: Classification, text: string, left: string): Classification {
  let value: unknown;
  try {
    value = readPath([JSON.parse(text)], left);
  } catch {
    return found;
  }
  const isSpent = value === false || (typeof value === "number" && value <= 0);
  if (!isSpent) return found;
  return { ...found, kind: "quota_exhausted", scope: "account", sharedBy: "account", failover: true };
}
