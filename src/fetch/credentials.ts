import type { CredentialPlacement, TokenPlacement } from "../judgement/provider.ts";
import { scrubSecrets } from "../mask.ts";
import type { Lease } from "../pool/lease.ts";
import { hasParameter, withParameter } from "./endpoints.ts";

/** Headers that clients put credentials in, by their length: most headers are told apart by that alone. */
function isCredentialHeader(name: string, own: string): boolean {
  switch (name.length) {
    case 7:
      if (name.toLowerCase() === "api-key") return true;
      break;
    case 9:
      if (name.toLowerCase() === "x-api-key") return true;
      break;
    case 13:
      if (name.toLowerCase() === "authorization") return true;
      break;
    case 14:
      if (name.toLowerCase() === "x-goog-api-key") return true;
      break;
  }
  // The header of a provider of the user's own.
  return name.length === own.length && name.toLowerCase() === own.toLowerCase();
}

/** What a client may hand over as headers. */
export type HeadersLike = HeadersInit | undefined;

/** Where the credentials of several providers go. */
export type Placements = Iterable<{ readonly credential: CredentialPlacement }>;

/** Where one key's credential goes. */
export interface Placement extends CredentialPlacement {
  /** Is it accepted there only? Then it goes there, whatever the client used. */
  readonly isFixed?: true | undefined;
  /** Headers that go along with it. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Where the key's own settings say, or where its provider wants a credential that begins so. What the client used is the way of the
 * pool's provider: a key of another one goes where that wants it.
 */
export function placementOf(lease: Lease): Placement {
  const { credential } = lease.provider;
  const { route } = lease.key.config;
  const own: Placement | undefined =
    route?.credential ?? tokenPlacement(credential, lease) ?? (route?.provider === undefined ? undefined : credential);
  if (own?.header === undefined) return credential;
  return { header: own.header, scheme: own.scheme, query: credential.query, isFixed: true, headers: own.headers };
}

function tokenPlacement({ tokens }: CredentialPlacement, { secret }: Lease): TokenPlacement | undefined {
  return tokens?.find(({ prefix }) => secret.startsWith(prefix));
}

/** Does the client send a credential along? One in the URL is not told from any other parameter. */
export function hasCredential(headers: HeadersLike, { header = "" }: CredentialPlacement): boolean {
  for (const [name] of entriesOf(headers)) if (isCredentialHeader(name, header)) return true;
  return false;
}

/** The headers that some provider wants its credential in. */
export function credentialHeaders(placements: Placements): readonly (string | undefined)[] {
  return Array.from(placements, ({ credential }) => credential.header);
}

/** What a header says, whatever the shape of the headers and however its name is written. */
export function headerIn(headers: HeadersLike, wanted: string): string | undefined {
  for (const [name, value] of entriesOf(headers)) if (name.toLowerCase() === wanted) return String(value);
  return undefined;
}

/** Does the secret go into the URL? Where the client put its own there and in no header, or where there is no other place. */
export function goesInQuery(url: string, headers: HeadersLike, placement: Placement): boolean {
  const { header, query, isFixed } = placement;
  if (query === undefined || isFixed) return false;
  return header === undefined || (hasParameter(url, query) && !hasCredential(headers, placement));
}

/** The URL with the secret in place of the client's credential, or without any where the secret is in a header. */
export function placeInUrl(url: string, headers: HeadersLike, lease: Lease, placement: Placement): string {
  const { query } = placement;
  if (query === undefined) return url;
  return withParameter(url, query, goesInQuery(url, headers, placement) ? lease.secret : undefined);
}

/** A URL for others to see. */
export function shownUrl(url: string, placements: Placements): string {
  let shown = url;
  for (const { credential } of placements) {
    if (credential.query !== undefined) shown = withParameter(shown, credential.query, undefined);
  }
  return shown;
}

/** A header of the provider's own, which no client knows of? Then the secret stands there, whatever the client used. */
function isOwnHeader(header: string): boolean {
  return header !== "" && !isCredentialHeader(header, "");
}

/**
 * A copy of the client's headers with the leased secret in place of whichever credential the client used, its scheme
 * kept. Where it used none, and where the provider has a header of its own that no client knows of, the provider's placement.
 * Further credentials of the client do not travel. None does where the secret goes into the URL.
 */
export function placeCredential(
  headers: HeadersLike,
  lease: Lease,
  placement: Placement,
  inQuery = false,
): Record<string, string> {
  const copy: Record<string, string> = {};
  const { header = "" } = placement;
  const isElsewhere = inQuery || placement.isFixed === true || (header !== "authorization" && isOwnHeader(header));
  // Then whatever credential the client sends is left out.
  let placed = isElsewhere;
  const prototype: unknown = headers === undefined || headers === null ? null : Object.getPrototypeOf(headers);
  if (prototype === Object.prototype || prototype === null) {
    // The common shapes: an object literal, or nothing.
    const plain = headers as Record<string, string> | undefined;
    for (const name in plain) {
      const value = plain[name];
      if (value === undefined || value === null) continue;
      if (!isCredentialHeader(name, header)) copy[name] = value;
      else if (!placed) {
        const isUsual = name.length === 13 && typeof value === "string" && value.startsWith("Bearer ");
        copy[name] = isUsual ? lease.bearer : credentialLike(value, name, lease, placement);
        placed = true;
      }
    }
  } else {
    // A `Headers` has joined its repetitions already.
    const mayRepeat = Array.isArray(headers);
    for (const [name, value] of entriesOf(headers)) {
      if (!isCredentialHeader(name, header)) {
        copy[name] = mayRepeat && Object.hasOwn(copy, name) ? `${copy[name]}, ${value}` : value;
      } else if (!placed) {
        copy[name] = credentialLike(value, name, lease, placement);
        placed = true;
      }
    }
  }
  if ((!placed || isElsewhere) && !inQuery) copy[header] = withScheme(placement.scheme, lease);
  const own = lease.key.config.route?.headers;
  if (own !== undefined) addHeaders(copy, own);
  return copy;
}

/** The headers without any credential, and without those named: for requests that leave the origin they were meant for. */
export function withoutCredential(
  headers: HeadersLike,
  names: readonly (string | undefined)[],
): Record<string, string> {
  const dropped = new Set(["cookie", "proxy-authorization", ...names.map((name) => name?.toLowerCase())]);
  const copy: Record<string, string> = {};
  for (const [name, value] of entriesOf(headers)) {
    if (!isCredentialHeader(name, "") && !dropped.has(name.toLowerCase())) copy[name] = value;
  }
  return copy;
}

/** Adds headers in place of those of the same name, whatever their case; to a list it adds what is not in it. */
export function addHeaders(copy: Record<string, string>, added: Readonly<Record<string, string>>): void {
  for (const name in added) {
    const lower = name.toLowerCase();
    let value = added[name] as string;
    for (const existing in copy) {
      if (existing.toLowerCase() !== lower) continue;
      if (isList(lower)) value = joined(copy[existing] as string, value);
      delete copy[existing];
    }
    copy[name] = value;
  }
}

/** A header that names features somebody takes part in: `anthropic-beta`, `openai-beta`. */
function isList(lowerCaseName: string): boolean {
  return /-betas?$/.test(lowerCaseName);
}

/** The entries of both, none twice, the first one's first. */
function joined(one: string, other: string): string {
  const entries = `${one},${other}`.split(",").map((entry) => entry.trim());
  return [...new Set(entries)].filter((entry) => entry !== "").join(",");
}

function credentialLike(given: unknown, header: string, lease: Lease, placement: CredentialPlacement): string {
  // As `fetch` takes it.
  const before = typeof given === "string" ? given : String(given);
  if (header.length === 13 && before.startsWith("Bearer ")) return lease.bearer;
  const name = header.toLowerCase();
  // Only this header carries a scheme before the credential, unless the provider says so.
  if (name !== "authorization") return name === placement.header ? withScheme(placement.scheme, lease) : lease.secret;
  const space = before.indexOf(" ");
  return space > 0 ? `${before.slice(0, space)} ${lease.secret}` : lease.bearer;
}

function withScheme(scheme: string | undefined, lease: Lease): string {
  if (scheme === "Bearer") return lease.bearer;
  return scheme === undefined || scheme === "" ? lease.secret : `${scheme} ${lease.secret}`;
}

export function entriesOf(headers: HeadersLike): Iterable<readonly [string, string]> {
  if (headers === undefined || headers === null) return [];
  if (Symbol.iterator in headers) return headers as Iterable<[string, string]>;
  return Object.entries(headers as Record<string, string>).filter(([, value]) => value !== undefined && value !== null);
}

/** How far back causes are looked at. */
const mostCauses = 8;

/** The same error without the secret of a URL: some runtimes name the URL that could not be reached. */
export function withoutSecret(error: unknown, secret: string): unknown {
  let at = error;
  for (let depth = 0; depth < mostCauses && typeof at === "object" && at !== null; depth++) {
    const fields = at as Record<string, unknown>;
    for (const name of Object.getOwnPropertyNames(fields)) scrubField(fields, name, secret);
    at = fields["cause"];
  }
  return error;
}

function scrubField(fields: Record<string, unknown>, name: string, secret: string): void {
  const value = fields[name];
  if (typeof value !== "string") return;
  const clean = scrubSecrets(value, [secret]);
  if (clean === value) return;
  try {
    fields[name] = clean;
  } catch {
    // A field nobody may write stays as it is.
  }
}
