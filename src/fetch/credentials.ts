import type { Lease } from "../core/lease.ts";
import type { CredentialPlacement } from "../providers/provider.ts";

/** Headers that clients put credentials in, by their length: most headers are told apart by that alone. */
function isCredentialHeader(name: string): boolean {
  switch (name.length) {
    case 7:
      return name.toLowerCase() === "api-key";
    case 9:
      return name.toLowerCase() === "x-api-key";
    case 13:
      return name.toLowerCase() === "authorization";
    case 14:
      return name.toLowerCase() === "x-goog-api-key";
    default:
      return false;
  }
}

/** What a client may hand over as headers. */
export type HeadersLike = HeadersInit | undefined;

/** Does the client send a credential along? */
export function hasCredential(headers: HeadersLike): boolean {
  for (const [name] of entriesOf(headers)) if (isCredentialHeader(name)) return true;
  return false;
}

/**
 * A copy of the client's headers with the leased secret in place of whichever credential the client used, its scheme
 * kept. Where it used none, the provider's placement. Further credentials of the client do not travel.
 */
export function placeCredential(
  headers: HeadersLike,
  lease: Lease,
  placement: CredentialPlacement,
): Record<string, string> {
  const copy: Record<string, string> = {};
  let placed = false;
  if (headers === undefined || isPlain(headers)) {
    // The common shapes: an object literal, or nothing.
    for (const name in headers) {
      if (!isCredentialHeader(name)) {
        const value = headers[name];
        if (value !== undefined) copy[name] = value;
      } else if (!placed) {
        copy[name] = credentialLike(headers[name] as string, name, lease.secret);
        placed = true;
      }
    }
  } else {
    for (const [name, value] of entriesOf(headers)) {
      if (!isCredentialHeader(name)) copy[name] = name in copy ? `${copy[name]}, ${value}` : value;
      else if (!placed) {
        copy[name] = credentialLike(value, name, lease.secret);
        placed = true;
      }
    }
  }
  if (!placed) copy[placement.header] = withScheme(placement.scheme, lease.secret);
  const own = lease.headers;
  if (own !== undefined) addHeaders(copy, own);
  return copy;
}

/** The client's headers without any credential: for requests that leave the allowed origins. */
export function withoutCredential(headers: HeadersLike): Record<string, string> {
  const copy: Record<string, string> = {};
  for (const [name, value] of entriesOf(headers)) {
    const lower = name.toLowerCase();
    if (!isCredentialHeader(name) && lower !== "cookie" && lower !== "proxy-authorization") copy[name] = value;
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

function credentialLike(before: string, header: string, secret: string): string {
  // Only this header carries a scheme before the credential.
  if (header.length !== 13) return secret;
  const space = before.indexOf(" ");
  return space > 0 ? `${before.slice(0, space)} ${secret}` : withScheme("Bearer", secret);
}

function withScheme(scheme: string | undefined, secret: string): string {
  return scheme === undefined || scheme === "" ? secret : `${scheme} ${secret}`;
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
