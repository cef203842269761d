import { decodeBody } from "./body.ts";
import { readPath } from "./guarded.ts";

/** Names of fields that say whether anything is left, in lower-case letters only. */
const switches = new Set(["isavailable", "isactive", "hascredit", "hasquota"]);
const remainders = new Set(["limitremaining", "remaining", "remainingcredits", "creditsremaining", "quotaremaining"]);
const balance = /balance$/;

const deepest = 4;
const mostFields = 64;

/**
 * Does the good answer of a probe say that nothing is left? A provider's own says so where its preset knows: `false`, zero or less.
 * In any other, `is_available: false`, nothing remaining, or a balance below zero; one of zero says nothing there, as free allowances
 * are mostly not in it.
 * @param path to what is left, dots between names; `undefined`: nobody knows
 */
export function tellsSpent(text: string, path: string | undefined): boolean {
  const body = decodeBody(text).value;
  if (path !== undefined) {
    const known = readPath([body], path);
    return known === false || (typeof known === "number" && known <= 0);
  }
  let left = mostFields;
  const look = (value: unknown, depth: number): boolean => {
    if (typeof value !== "object" || value === null || depth > deepest) return false;
    return Object.entries(value).some(
      ([name, field]) => left-- > 0 && (isSpent(name, field) || look(field, depth + 1)),
    );
  };
  return look(body, 0);
}

function isSpent(name: string, value: unknown): boolean {
  const folded = name.toLowerCase().replaceAll(/[^a-z]/g, "");
  if (switches.has(folded)) return value === false;
  const amount =
    typeof value === "number" ? value : typeof value === "string" && value !== "" ? Number(value) : Number.NaN;
  return (remainders.has(folded) && amount <= 0) || (balance.test(folded) && amount < 0);
}
