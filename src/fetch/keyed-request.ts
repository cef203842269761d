import type { CredentialPlacement } from "../judgement/provider.ts";
import { realName } from "../limits/model-names.ts";
import type { Lease } from "../pool/lease.ts";
import type { PreparedBody } from "./bodies/prepared-body.ts";
import { renamedBody } from "./bodies/renamed-body.ts";
import {
  addHeaders,
  entriesOf,
  goesInQuery,
  type HeadersLike,
  placeCredential,
  placeInUrl,
  placementOf,
} from "./credentials.ts";
import type { Endpoints } from "./endpoints.ts";
import { type FetchCall, modelInUrl, modelPlace } from "./fetch-call.ts";

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

/** A call as it is sent with one key, before the key is put in. */
export interface KeysRequest {
  readonly url: string;
  readonly headers: HeadersLike;
  readonly init: RequestInit | undefined;
  readonly body: BodyInit | null | undefined;
  readonly rebuilt: PreparedBody | undefined;
}

/** What calls were last renamed to: repeats with the same key send the same bytes. */
const lastRenamed = new WeakMap<
  FetchCall,
  { readonly lease: Lease; readonly name: string; readonly sent: KeysRequest }
>();

/** They speak of the bytes that the client sent. */
const ofTheBytes: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-length",
  "content-md5",
  "digest",
  "content-digest",
  "repr-digest",
]);

/** The call itself, unless the key's provider knows the model under another name: then the same with that name. */
export function requestFor(call: FetchCall, lease: Lease): KeysRequest {
  const { model } = call;
  if (model === undefined) return call;
  const name = realName(lease.key.config.models, model);
  if (name === model) return call;
  const known = lastRenamed.get(call);
  if (known?.name === name && known.lease.provider === lease.provider) return known.sent;
  const sent = renamed(call, lease, model, name);
  lastRenamed.set(call, { lease, name, sent });
  return sent;
}

function renamed(call: FetchCall, lease: Lease, from: string, to: string): KeysRequest {
  const { modelField: field = "model", modelInPath } = lease.provider.request;
  const { init, headers } = call;
  const url = modelInPath === undefined ? call.url : renamedUrl(call.url, modelInPath, from, to);
  const body = renamedBody(call, { field, from, to });
  if (body === undefined) return { url, headers, init, body: call.body, rebuilt: call.rebuilt };
  return { url, headers: headersOfOther(headers), init, body: body.body, rebuilt: body };
}

function renamedUrl(url: string, between: readonly [string, string], from: string, to: string): string {
  const place = modelPlace(url, between);
  if (place === undefined || modelInUrl(url, between) !== from) return url;
  return url.slice(0, place[0]) + encodeURIComponent(to) + url.slice(place[1]);
}

/** Few headers have names as long as one of these. */
const lengths = new Set(Array.from(ofTheBytes, ({ length }) => length));

function speaksOfBytes(name: string): boolean {
  return lengths.has(name.length) && ofTheBytes.has(name.toLowerCase());
}

/** The client's headers, without what is not true of other bytes. */
function headersOfOther(headers: HeadersLike): HeadersLike {
  for (const [name] of entriesOf(headers)) {
    if (speaksOfBytes(name))
      return [...entriesOf(headers)].filter(([name]) => !speaksOfBytes(name)) as [string, string][];
  }
  return headers;
}
