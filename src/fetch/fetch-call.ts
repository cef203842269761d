import { Call, type CallOptions } from "../attempt/call.ts";
import type { Place } from "../attempt/reading/form-fields.ts";
import { topLevelString } from "../attempt/reading/request-facts.ts";
import { estimateTokens } from "../attempt/reading/token-estimate.ts";
import { asksForUsage, withUsageAsked } from "../attempt/reading/usage-request.ts";
import type { RequestShape } from "../judgement/provider.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import { isError } from "../realms.ts";
import type { TokenEstimate } from "../types.ts";
import { isPlatformSignal, platformSignal } from "./bodies/abort-watch.ts";
import type { PreparedBody } from "./bodies/prepared-body.ts";
import { makeReadable, readableBody, textFieldOf, type Unreadable, unreadableOf } from "./bodies/readable-body.ts";
import { type HeadersLike, headerIn } from "./credentials.ts";

const idempotentMethods = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

const decoder = new TextDecoder();

/** A fetch call taken apart. Nothing the caller passed is changed. */
export class FetchCall extends Call {
  declare readonly url: string;
  declare readonly origin: string;
  /** The caller's; what goes on for several callers has one of its own. */
  declare signal: AbortSignal | undefined;
  /** Everything the caller set, fields this library does not know included. */
  declare readonly init: RequestInit | undefined;
  declare readonly headers: HeadersLike;
  /** The body as it was rebuilt from a stream: how long it is, is the transport's to say. */
  declare rebuilt: PreparedBody | undefined;
  /** The caller's own, where it passed one. */
  declare request: Request | undefined;

  constructor(url: string, origin: string, init: RequestInit | undefined, options: CallOptions | undefined) {
    super(options);
    this.url = url;
    this.origin = origin;
    this.signal = init?.signal ?? undefined;
    this.init = init;
    this.headers = init?.headers;
    this.rebuilt = undefined;
    this.request = undefined;
  }

  get body(): BodyInit | null | undefined {
    return this.rebuilt === undefined ? this.init?.body : this.rebuilt.body;
  }

  get method(): string {
    return this.init?.method?.toUpperCase() ?? "GET";
  }

  get idempotent(): boolean {
    if (idempotentMethods.has(this.method)) return true;
    return this.headerText("idempotency-key") !== null;
  }

  headerText(name: string): string | null {
    return headerIn(this.headers, name) ?? null;
  }

  isUnsendable(error: unknown): boolean {
    // A connection that failed says why in its cause.
    if (!isError(error) || error.name !== "TypeError" || error.cause !== undefined) return false;
    try {
      const { method, headers, body } = this;
      new Request(this.url, {
        method,
        ...(headers === undefined ? undefined : { headers: headers as HeadersInit }),
        ...(body === undefined || body === null ? undefined : { body: "any" }),
      });
      return false;
    } catch {
      return true;
    }
  }

  get text(): string | undefined {
    const { body, rebuilt } = this;
    if (typeof body === "string") return body;
    return rebuilt?.plain === undefined || isMultipart(this) ? undefined : decoder.decode(rebuilt.plain.bytes);
  }

  makeReadable(pool: { readonly renamesModels: boolean } | undefined): Promise<void> | undefined {
    return typeof this.body === "string" ? undefined : makeReadable(this, pool?.renamesModels === true);
  }

  get unreadable(): Unreadable | undefined {
    return unreadableOf(this);
  }

  estimateTokens(): TokenEstimate {
    const { body } = this;
    // What is uploaded is no text, whatever it is made of.
    if (this.rebuilt !== undefined && isMultipart(this)) return {};
    if (body === undefined || body === null) return estimateTokens(undefined, { path: this.url });
    const known = readableBody(this);
    const isText = typeof known === "string" || known instanceof Uint8Array;
    return isText ? estimateTokens(known, { path: this.url }) : {};
  }

  findModel({ modelField = "model", modelInPath }: RequestShape): string | undefined {
    return (modelInPath && modelInUrl(this.url, modelInPath)) ?? this.#textField(modelField);
  }

  #textField(field: string): string | undefined {
    const { body } = this;
    return typeof body === "string" && body.startsWith("{") ? topLevelString(body, field) : textFieldOf(this, field);
  }
}

/** Has a stream say what it used, where that is the default of none of the providers that may be asked. */
export function askForUsage(call: FetchCall, providers: readonly ProviderReading[]): void {
  const { text } = call;
  if (text === undefined || !providers.every(({ provider }) => asksForUsage(call.url, provider.usage))) return;
  const body = withUsageAsked(text);
  if (body !== text) call.rebuilt = { body, replayable: true };
}

/** What stands in a URL's path between two texts. */
export function modelInUrl(url: string, between: readonly [before: string, after: string]): string | undefined {
  const place = modelPlace(url, between);
  return place && decodedSegment(url.slice(...place));
}

/** Where it stands. */
export function modelPlace(url: string, [before, after]: readonly [string, string]): Place | undefined {
  const query = url.indexOf("?");
  const path = query === -1 ? url : url.slice(0, query);
  const found = path.indexOf(before);
  if (found === -1) return undefined;
  const start = found + before.length;
  const end = after === "" ? path.length : path.indexOf(after, start);
  return end > start ? [start, end] : undefined;
}

function decodedSegment(written: string): string {
  try {
    return decodeURIComponent(written);
  } catch {
    return written;
  }
}

function isMultipart({ rebuilt, headers }: FetchCall): boolean {
  if (rebuilt?.form !== undefined) return true;
  const type = rebuilt?.contentType ?? headerIn(headers, "content-type");
  return type?.toLowerCase().startsWith("multipart/") ?? false;
}

const requestFields = [
  "method",
  "headers",
  "signal",
  "credentials",
  "cache",
  "redirect",
  "referrer",
  "referrerPolicy",
  "integrity",
  "keepalive",
] as const;

/**
 * The init with a signal that the platform hears.
 * @throws TypeError when its signal is none.
 */
export function withPlatformSignal(init: RequestInit | undefined): RequestInit | undefined {
  if (init === undefined || isPlatformSignal(init.signal)) return init;
  const taken: Record<string, unknown> = {};
  const given = init as Record<string, unknown>;
  for (const field in given) taken[field] = given[field];
  taken["signal"] = platformSignal(init.signal);
  return taken;
}

/** For these `null` says the same as nothing; a signal of `null` takes the Request's own away. */
const nullIsNone: ReadonlySet<string> = new Set(["method", "headers", "body"]);

/**
 * What a `Request` of whatever class holds, as an init; what the caller set beside it wins.
 * @throws TypeError when its body is the one to be sent and was read already.
 */
export function initOfRequest(request: Request, init: RequestInit | null | undefined): RequestInit {
  const taken: Record<string, unknown> = {};
  for (const field of requestFields) if (request[field] !== undefined) taken[field] = request[field];
  if (request.mode !== undefined && request.mode !== "navigate") taken["mode"] = request.mode;
  const given = init as Record<string, unknown> | null | undefined;
  // An init may be a Request itself: its fields are not its own.
  for (const field in given) {
    const value = given[field];
    if (value !== undefined && (value !== null || !nullIsNone.has(field))) taken[field] = value;
  }
  if (taken["body"] !== undefined) return taken;
  if (request.bodyUsed || request.body?.locked === true) {
    throw new TypeError("Cannot send a Request whose body was used already");
  }
  if (request.body !== null && request.body !== undefined) taken["body"] = request.body;
  return taken;
}
