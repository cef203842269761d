import type { CredentialPlacement } from "../judgement/provider.ts";
import type { Lease } from "../pool/lease.ts";
import { addHeaders, goesInQuery, type HeadersLike, placeCredential, placeInUrl, placementOf } from "./credentials.ts";
import type { Endpoints } from "./endpoints.ts";

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
export function keyedUrl(call: KeylessRequest, lease: Lease, endpoints: Endpoints): string {
  const placement = placementOf(lease);
  const url = mayBeInUrl(call, placement) ? placeInUrl(call.url, call.headers, lease, placement) : call.url;
  // Most pools have one endpoint.
  return !endpoints.keys.hasOwnEndpoints && lease.query === undefined ? url : endpoints.urlFor(url, lease);
}

/** The headers it goes with: a copy, with the key where the client's own credential stood, or where the provider wants it. */
export function keyedHeaders(call: KeylessRequest, lease: Lease): Record<string, string> {
  const placement = placementOf(lease);
  const inQuery = mayBeInUrl(call, placement) && goesInQuery(call.url, call.headers, placement);
  const headers = placeCredential(call.headers, lease, placement, inQuery);
  if (placement.headers !== undefined) addHeaders(headers, placement.headers);
  return headers;
}
