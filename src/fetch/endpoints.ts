import type { Lease } from "../pool/lease.ts";

/** Where a call's URL leads when a key has an endpoint or query parameters of its own. */
export function urlFor(callUrl: string, lease: Lease, baseURL: URL | undefined): string {
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

/** Where the query of a URL begins and ends: behind its question mark, before the fragment. */
function queryOf(url: string): readonly [start: number, end: number] {
  const hash = url.indexOf("#");
  const end = hash === -1 ? url.length : hash;
  const mark = url.indexOf("?");
  return mark === -1 || mark > end ? [end, end] : [mark + 1, end];
}

/** The name in `name=value` as a server reads it. */
function nameIn(parameter: string): string {
  const end = parameter.indexOf("=");
  const name = end === -1 ? parameter : parameter.slice(0, end);
  if (!/[%+\t\n\r]/.test(name)) return name;
  // These are left out wherever they stand in a URL.
  const text = name.replaceAll(/[\t\n\r]/g, "");
  return new URLSearchParams(`&${text}=`).keys().next().value ?? text;
}

/** Has a URL a parameter of that name? */
export function hasParameter(url: string, name: string): boolean {
  const [start, end] = queryOf(url);
  if (start === end) return false;
  return url
    .slice(start, end)
    .split("&")
    .some((parameter) => nameIn(parameter) === name);
}

/**
 * The URL with a parameter set to a value: where it stands, else at the end. `undefined` takes it out. What stands there
 * again is dropped; the rest stays as it is written.
 */
export function withParameter(url: string, name: string, value: string | undefined): string {
  const [start, end] = queryOf(url);
  if (start === end && value === undefined) return url;
  const given = start === end ? [] : url.slice(start, end).split("&");
  let set = value === undefined ? undefined : `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
  let found = false;
  const parameters: string[] = [];
  for (const parameter of given) {
    if (nameIn(parameter) !== name) {
      parameters.push(parameter);
      continue;
    }
    found = true;
    if (set !== undefined) parameters.push(set);
    set = undefined;
  }
  if (!found && set === undefined) return url;
  if (set !== undefined) parameters.push(set);
  const path = url.slice(0, url[start - 1] === "?" ? start - 1 : start);
  return parameters.length === 0 ? `${path}${url.slice(end)}` : `${path}?${parameters.join("&")}${url.slice(end)}`;
}

/** Has a path a segment that leads out of where it is put, however that is written? */
export function leadsUp(path: string): boolean {
  const [plain = ""] = path.split(/[?#]/, 1);
  return plain.split(/[/\\]|%2f|%5c/i).some((segment) => /^(?:\.|%2e){2}$/i.test(segment));
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
