import type { Facts } from "../reading/facts.ts";
import type { Verdict } from "./verdict.ts";

const addressLimit: Verdict = {
  kind: "rate_limit",
  scope: "ip",
  sharedBy: "ip",
  dimension: "requests",
  failover: false,
};
const addressBlock: Verdict = { kind: "forbidden", scope: "ip", sharedBy: "ip", failover: false };

const limitMarkers = ["error code: 1015", "error 1015", 'cf-error-code">1015'];
const blockCodes = ["1005", "1006", "1007", "1008", "1009", "1010", "1012", "1020"];
const blockMarkers = blockCodes.flatMap((code) => [`error code: ${code}`, `cf-error-code">${code}`]);

/** What a CDN in front of the API says about this machine's address: no key is at fault, and no other key helps. */
export function verdictByEdge(facts: Facts): Verdict | null {
  const { page } = facts;
  if (facts.status < 400 || facts.status >= 500) return null;
  if (facts.headers.get("cf-mitigated") !== null) return facts.status === 429 ? addressLimit : addressBlock;
  if (page === "" || !page.includes("10")) return null;
  if (limitMarkers.some((marker) => page.includes(marker))) return addressLimit;
  return blockMarkers.some((marker) => page.includes(marker)) ? addressBlock : null;
}
