/** What belongs to one connection: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const ofTheConnection = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** The header with which a client sets the options of one call, as JSON. */
export const callOptionsHeader = "x-rotating-fetch-options";

const notUpstream: ReadonlySet<string> = new Set([
  ...ofTheConnection,
  // Whoever sends writes these anew.
  "host",
  "content-length",
  "expect",
  "accept-encoding",
  // The client's own: they are meant for whoever runs this proxy.
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "cookie",
  "origin",
  "referer",
  "forwarded",
  "via",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  // With these some servers answer another request than the one that was let through.
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
  callOptionsHeader,
]);

const notBack: ReadonlySet<string> = new Set([
  ...ofTheConnection,
  // These say something of the provider's site, and the client is on another.
  "set-cookie",
  "alt-svc",
  "strict-transport-security",
  "public-key-pins",
  "content-security-policy",
  "clear-site-data",
  "nel",
  "report-to",
  "reporting-endpoints",
]);

/** Does a header of a client's request go to the provider? Names in lower case. */
export function goesUpstream(name: string): boolean {
  if (notUpstream.has(name)) return false;
  // HTTP/2 tells method and path in these.
  if (name.startsWith(":")) return false;
  return !name.startsWith("x-forwarded-") && !name.startsWith("cf-") && !name.startsWith("sec-");
}

/** Does a header of the provider's answer go to the client? Names in lower case. */
export function goesBack(name: string): boolean {
  // Who may read an answer across origins is for the app to say.
  return !notBack.has(name) && !name.startsWith("access-control-") && !name.startsWith("proxy-");
}

/** Has an answer no body, whatever its headers say? */
export function hasNoBody(method: string, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 205 || status === 304;
}

/**
 * The length that an answer without a body states. A client waits for a body that is announced, or takes the next answer on
 * the connection for it: https://www.rfc-editor.org/rfc/rfc9110#section-8.6
 */
export function lengthWithoutBody<T>(method: string, status: number, stated: T | undefined): T | "0" | undefined {
  if (status === 204) return undefined;
  if (status === 205) return "0";
  // They tell the length of what a GET gets.
  if (method === "HEAD" || status === 304) return stated;
  return stated === undefined ? undefined : "0";
}

/** Names that a `Connection` header lists as belonging to it. */
export function listedIn(connection: string | null | undefined): ReadonlySet<string> | undefined {
  // What most connections say.
  if (connection === null || connection === undefined || connection === "keep-alive") return undefined;
  const names = connection
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "close" && name !== "keep-alive");
  return names.length === 0 ? undefined : new Set(names);
}

/** What keeps a stream from being held back on its way: by compression in the app, and by proxies in front of it. */
export const unbuffered = { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" } as const;
