import type { Lease } from "../core/lease.ts";

/** Where a call's URL leads when a key has an endpoint or query parameters of its own. */
export function urlFor(callUrl: string, lease: Lease, baseURL: URL | undefined): string {
  if (lease.baseURL === undefined && lease.query === undefined) return callUrl;
  const url = lease.baseURL === undefined ? new URL(callUrl) : moved(new URL(callUrl), lease.baseURL, baseURL);
  for (const name in lease.query) url.searchParams.set(name, lease.query[name] as string);
  return url.href;
}

/**
 * The call's path below the common base moves below the key's base. Without a common base the key's path is put before
 * the call's, unless it stands there already.
 */
function moved(url: URL, to: URL, from: URL | undefined): URL {
  const target = new URL(to);
  const base = from === undefined || url.origin !== from.origin ? "" : withoutEndSlash(from.pathname);
  const own = withoutEndSlash(to.pathname);
  let rest = url.pathname;
  if (base !== "" && isBelow(rest, base)) rest = rest.slice(base.length);
  else if (own !== "" && isBelow(rest, own)) rest = rest.slice(own.length);
  target.pathname = `${own}${rest}`;
  target.search = url.search;
  for (const [name, value] of to.searchParams) target.searchParams.set(name, value);
  return target;
}

function isBelow(path: string, base: string): boolean {
  return path === base || path.startsWith(`${base}/`);
}

function withoutEndSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

/** Which origins keys may be sent to, and which of them a URL has. */
export class AllowedOrigins {
  readonly list: readonly string[];
  readonly #prefixes: readonly string[];

  constructor(origins: readonly string[]) {
    this.list = origins;
    this.#prefixes = origins.map((origin) => `${origin}/`);
  }

  /**
   * The allowed origin of a URL, or `undefined`. A URL that begins with an origin and a slash has that origin: no parsing
   * is needed for the usual call.
   */
  of(url: string): string | undefined {
    for (let place = 0; place < this.#prefixes.length; place++) {
      if (url.startsWith(this.#prefixes[place] as string)) return this.list[place];
    }
    const { origin, protocol } = new URL(url);
    // A blob: URL tells the origin it was made by, and goes to none.
    if (protocol !== "https:" && protocol !== "http:") return undefined;
    return this.list.includes(origin) ? origin : undefined;
  }
}
