import { FinalFailure } from "../attempt/call.ts";
import { InvalidOptionsError } from "../errors.ts";
import type { Lease } from "../pool/lease.ts";
import type { KeyEndpoints } from "../pool/pool-port.ts";

export interface EndpointOptions {
  readonly keys: Pick<KeyEndpoints, "hasOwnEndpoints" | "endpoints">;
  /** What keys without an endpoint of their own are sent to; empty where each has one. */
  readonly origins: readonly string[];
  /** Base URL of these. */
  readonly home: URL | undefined;
}

/**
 * Where calls go with which key. Clients know one address; below whichever base a call's URL is, it leads to the same place below the
 * base of the key it is sent with, and a key never goes to an origin that is another's.
 */
export class Endpoints {
  readonly keys: EndpointOptions["keys"];
  readonly #options: EndpointOptions;
  readonly #own: AllowedOrigins;
  /** Bases by origin, the longest first, of the keys' endpoints as they were last seen. */
  #bases: ReadonlyMap<string, readonly string[]> = new Map();
  #seen: readonly URL[] | undefined = undefined;

  constructor(options: EndpointOptions) {
    this.keys = options.keys;
    this.#options = options;
    this.#own = new AllowedOrigins(options.origins);
  }

  /** All origins that calls may name. */
  get list(): readonly string[] {
    const { list } = this.#own;
    if (!this.keys.hasOwnEndpoints) return list;
    return [...new Set([...list, ...this.keys.endpoints.map(({ origin }) => origin)])];
  }

  /** The origin of a URL that calls may name; `undefined`: no key is meant for it. */
  of(url: string): string | undefined {
    const own = this.#own.of(url);
    if (own !== undefined || !this.keys.hasOwnEndpoints) return own;
    const { origin } = new URL(url);
    return this.#known().has(origin) ? origin : undefined;
  }

  /** Where a call leads with a key that has an endpoint or query parameters of its own, or among such keys. */
  urlFor(callUrl: string, lease: Lease): string {
    const url = new URL(callUrl);
    const to = lease.baseURL ?? (this.#own.list.includes(url.origin) ? undefined : this.baseFor(lease));
    const target = to === undefined ? url : moved(url, to, this.#baseOf(url));
    for (const name in lease.query) target.searchParams.set(name, lease.query[name] as string);
    return target.href;
  }

  /** May this key be sent to a URL? */
  mayGo(url: string, { baseURL }: Lease): boolean {
    return baseURL === undefined ? this.#own.of(url) !== undefined : new URL(url).origin === baseURL.origin;
  }

  /** Where this key may be sent. */
  originsFor({ baseURL }: Lease): readonly string[] {
    return baseURL === undefined ? this.#own.list : [baseURL.origin];
  }

  /** The base URL of a key's requests. */
  baseFor(lease: Lease): URL {
    if (lease.baseURL !== undefined) return lease.baseURL;
    const { home, origins } = this.#options;
    const base = home?.href ?? origins[0];
    if (base !== undefined) return new URL(base);
    const message = `Expected \`baseURL\` to be given, of the pool or of the key ${lease.keyId}: no endpoint is known for it`;
    throw new FinalFailure(new InvalidOptionsError("baseURL", message));
  }

  #known(): ReadonlyMap<string, readonly string[]> {
    const { endpoints } = this.keys;
    if (this.#seen !== endpoints) {
      this.#seen = endpoints;
      this.#bases = basesByOrigin(endpoints, this.#options.home);
    }
    return this.#bases;
  }

  /** The path of the longest base that a URL is below. */
  #baseOf({ origin, pathname }: URL): string | undefined {
    return this.#known()
      .get(origin)
      ?.find((base) => isBelow(pathname, base));
  }
}

function basesByOrigin(endpoints: readonly URL[], home: URL | undefined): ReadonlyMap<string, readonly string[]> {
  const bases = new Map<string, string[]>();
  for (const { origin, pathname } of home === undefined ? endpoints : [...endpoints, home]) {
    const known = bases.get(origin);
    if (known === undefined) bases.set(origin, [withoutEndSlash(pathname)]);
    else known.push(withoutEndSlash(pathname));
  }
  for (const paths of bases.values()) paths.sort((one, other) => other.length - one.length);
  return bases;
}

/** A path below a base moves below the key's. Without one the key's path is put before it, unless it stands there already. */
function moved(url: URL, to: URL, base = ""): URL {
  const target = new URL(to);
  const own = withoutEndSlash(to.pathname);
  let rest = url.pathname;
  if (base !== "") rest = rest.slice(base.length);
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
