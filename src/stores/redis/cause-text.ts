import { isError } from "../../realms.ts";

/** Longer causes are cut. */
const longestCause = 200;

/**
 * What went wrong, in words an operator may read: without addresses' user info and queries, what a server repeats of a command
 * (which may be a password), and whatever else looks like a secret.
 * @param status what the client says of itself
 */
export function causeText(error: unknown, status?: string): string {
  const [line = ""] = messageOf(error).split("\n");
  const text = line
    .replace(/,? with args beginning with.*/i, "")
    .replace(/\/\/[^\s/]*@/g, "//")
    .replace(/\?[^\s?]*=\S*/g, "")
    .replace(/\b(bearer|basic)\s+\S+/gi, "$1 …")
    .replace(/[\w+/=-]{20,}/g, (run) => (/\d/.test(run) ? "…" : run));
  const short = text.length > longestCause ? `${text.slice(0, longestCause)}…` : text;
  return status === undefined ? short : `${short} (the client is ${status})`;
}

/** An error for several addresses has none of its own. */
function messageOf(error: unknown): string {
  if (!isError(error)) return typeof error === "string" ? error : "The client failed without saying why";
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  if (error.message !== "") return error.message;
  const [first] = Array.isArray(errors) ? (errors as unknown[]) : [];
  return isError(first) ? messageOf(first) : typeof code === "string" ? code : error.name;
}
