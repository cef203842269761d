import type { CredentialPlacement } from "../judgement/provider.ts";
import type { Lease } from "../pool/lease.ts";
import { goesInQuery, type HeadersLike, placeCredential, placeInUrl } from "./credentials.ts";
import { urlFor } from "./endpoints.ts";

/** What is sent of a call, without the body. */
export interface KeylessRequest {
  readonly url: string;
  readonly headers: HeadersLike;
}

/** May the credential stand in the URL? For the usual call that is plain to see. */
function mayBeInUrl({ url }: KeylessRequest, { header, query }: CredentialPlacement): boolean {
  return query !== undefined && (header === undefined || url.includes("?"));
}

/** Where a call goes with this key. */
export function keyedUrl(call: KeylessRequest, lease: Lease, baseURL: URL | undefined): string {
  const placement = lease.provider.credential;
  const url = mayBeInUrl(call, placement) ? placeInUrl(call.url, call.headers, lease, placement) : call.url;
  // Most keys have no endpoint of their own.
  return lease.baseURL === undefined && lease.query === undefined ? url : urlFor(url, lease, baseURL);
}

/** The headers it goes with: a copy, with the key where the client's own credential stood, or where the provider wants it. */
export function keyedHeaders(call: KeylessRequest, lease: Lease): Record<string, string> {
  const placement = lease.provider.credential;
  const inQuery = mayBeInUrl(call, placement) && goesInQuery(call.url, call.headers, placement);
  return placeCredential(call.headers, lease, placement, inQuery);
}
