import { modelIn } from "../../attempt/call.ts";
import type { RequestShape } from "../../judgement/provider.ts";
import type { ProviderReading } from "../../judgement/provider-reading.ts";
import { isA } from "../../realms.ts";
import { credentialHeaders, type Placements, shownUrl, withoutCredential } from "../credentials.ts";
import type { FetchCall } from "../fetch-call.ts";
import type { CacheRequest } from "./cache-options.ts";

/** What the caller says with `fetch`'s own words when it wants no answer of before. */
const freshOnly: readonly unknown[] = ["no-store", "no-cache", "reload"];

/** A call as a key function sees it; `undefined` for one whose answer is never cached. */
export function cacheRequestOf(call: FetchCall, providers: readonly ProviderReading[]): CacheRequest | undefined {
  const { url, method, init, tags } = call;
  // A body that is sent once only was not read to its end.
  if ((method !== "GET" && method !== "POST") || !call.replayable) return undefined;
  if (freshOnly.includes(init?.cache)) return undefined;
  const body = textOf(call.body);
  // Without its body a request looks like others: whoever makes a key of it would mix up their answers.
  if (body === null) return undefined;
  const headers = headersOf(call, providers);
  if (headers === undefined || headers.has("range")) return undefined;
  if (/\bno-(store|cache)\b/i.test(headers.get("cache-control") ?? "")) return undefined;
  if (providers.some(({ request }) => asksForStream(url, headers, body, request))) return undefined;
  return {
    url: shownUrl(url, providers),
    method,
    headers,
    body,
    model: call.model ?? modelIn(call, providers),
    tags,
  };
}

/** `undefined`: there is none. `null`: it is not known to be text. */
function textOf(body: BodyInit | null | undefined): string | undefined | null {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") return body;
  if (isA(body, "URLSearchParams")) return body.toString();
  if (!isA(body, "ArrayBuffer") && !ArrayBuffer.isView(body)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
}

/** `undefined` for headers no request can have: whoever sends says so, and may repeat a value in doing it. */
function headersOf({ headers }: FetchCall, placements: Placements): Headers | undefined {
  try {
    return new Headers(withoutCredential(new Headers(headers ?? undefined), credentialHeaders(placements)));
  } catch {
    return undefined;
  }
}

function asksForStream(url: string, headers: Headers, body: string | undefined, shape: RequestShape): boolean {
  const { streamField = "stream", streamInPath } = shape;
  if (headers.get("accept")?.trimStart().startsWith("text/event-stream")) return true;
  if (streamInPath !== undefined && url.includes(streamInPath)) return true;
  // Most bodies need not be parsed to know.
  return body?.includes(`"${streamField}"`) === true && topLevelField(body, streamField) === true;
}

/** A field of a text that is a JSON object; `undefined` for any other text. */
export function topLevelField(text: string, field: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>)[field] : undefined;
  } catch {
    return undefined;
  }
}
