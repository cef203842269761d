import type { Lease } from "../core/lease.ts";
import type { CredentialPlacement } from "../providers/provider.ts";

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

/** Does the client send a credential along? */
export function hasCredential(headers: HeadersLike, { header }: CredentialPlacement): boolean {
  for (const [name] of entriesOf(headers)) if (isCredentialHeader(name, header)) return true;
  return false;
}

/** A header of the provider's own, which no client knows of: the secret stands there, whatever the client used. */
function isOwnHeader(header: string): boolean {
  return header.length !== 13 && !isCredentialHeader(header, "");
}

/**
 * A copy of the client's headers with the leased secret in place of whichever credential the client used, its scheme
 * kept. Where it used none, and where the provider has a header of its own that no client knows of, the provider's placement.
 * Further credentials of the client do not travel.
 */
export function placeCredential(
  headers: HeadersLike,
  lease: Lease,
  placement: CredentialPlacement,
): Record<string, string> {
  const copy: Record<string, string> = {};
  const isOwn = isOwnHeader(placement.header);
  // Then whatever credential the client sends is left out.
  let placed = isOwn;
  if (headers === undefined || headers === null || isPlain(headers)) {
    // The common shapes: an object literal, or nothing.
    for (const name in headers) {
      const value = headers[name];
      if (value === undefined) continue;
      if (!isCredentialHeader(name, placement.header)) copy[name] = value;
      else if (!placed) {
        copy[name] = credentialLike(value, name, lease, placement);
        placed = true;
      }
    }
  } else {
    // A `Headers` has joined its repetitions already.
    const mayRepeat = Array.isArray(headers);
    for (const [name, value] of entriesOf(headers)) {
      if (!isCredentialHeader(name, placement.header)) {
        copy[name] = mayRepeat && Object.hasOwn(copy, name) ? `${copy[name]}, ${value}` : value;
      } else if (!placed) {
        copy[name] = credentialLike(value, name, lease, placement);
        placed = true;
      }
    }
  }
  if (!placed || isOwn) copy[placement.header] = withScheme(placement.scheme, lease);
  const own = lease.headers;
  if (own !== undefined) addHeaders(copy, own);
  return copy;
}

/** The headers without any credential, and without those named: for requests that leave the origin they were meant for. */
export function withoutCredential(headers: HeadersLike, names: readonly string[]): Record<string, string> {
  const dropped = new Set(["cookie", "proxy-authorization", ...names.map((name) => name.toLowerCase())]);
  const copy: Record<string, string> = {};
  for (const [name, value] of entriesOf(headers)) {
    if (!isCredentialHeader(name, "") && !dropped.has(name.toLowerCase())) copy[name] = value;
  }
  return copy;
}

/** Adds headers in place of those of the same name, whatever their case. */
function addHeaders(copy: Record<string, string>, added: Readonly<Record<string, string>>): void {
  for (const name in added) {
    const lower = name.toLowerCase();
    for (const existing in copy) if (existing.toLowerCase() === lower) delete copy[existing];
    copy[name] = added[name] as string;
  }
}

function credentialLike(before: string, header: string, lease: Lease, placement: CredentialPlacement): string {
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

function isPlain(headers: NonNullable<HeadersLike>): headers is Record<string, string> {
  const prototype: unknown = Object.getPrototypeOf(headers);
  return prototype === Object.prototype || prototype === null;
}

function entriesOf(headers: HeadersLike): Iterable<[string, string]> {
  if (headers === undefined || headers === null) return [];
  if (Symbol.iterator in headers) return headers as Iterable<[string, string]>;
  return Object.entries(headers as Record<string, string>).filter(([, value]) => value !== undefined);
}
