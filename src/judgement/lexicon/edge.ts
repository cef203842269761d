import { errorTextsIn } from "../reading/claims.ts";
import type { Facts } from "../reading/facts.ts";
import { readField, readIdentifier } from "../reading/guarded.ts";
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
/** Under these, a page comes from something in front of the API. Under 401 and 404 an API's own web server answers so, too. */
const pageStatuses = [403, 405, 406, 418, 429, 451];

/** What a CDN in front of the API says about this machine's address: no key is at fault, and no other key helps. */
export function verdictByEdge(facts: Facts): Verdict | null {
  const { page, status, body } = facts;
  if (status < 400 || status >= 500) return null;
  if (facts.headers.get("cf-mitigated") !== null) return ofAddress(status);
  // Cloudflare's own error in JSON.
  if (readField(body, "cloudflare_error") === true && readIdentifier(body, "error_code") !== null)
    return ofAddress(status);
  if (page === "" || !page.includes("10")) return null;
  if (limitMarkers.some((marker) => page.includes(marker))) return addressLimit;
  return blockMarkers.some((marker) => page.includes(marker)) ? addressBlock : null;
}

/** What vendors of such an edge put below their texts. */
const edgeReferences = ["reference #", "ray id", "incident id"];

/** A page where an API answers in JSON: the edge's, whoever runs it. */
export function verdictByPage({ format, page, status, headers }: Facts): Verdict | null {
  if (!pageStatuses.includes(status)) return null;
  if (format === "text" && edgeReferences.some((words) => page.includes(words))) return ofAddress(status);
  if (format !== "markup") return null;
  if (page.startsWith("<?xml") || errorTextsIn(headers).length > 0) return null;
  return ofAddress(status);
}

function ofAddress(status: number): Verdict {
  return status === 429 ? addressLimit : addressBlock;
}
