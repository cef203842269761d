import type { IncomingMessage, ServerResponse } from "node:http";
import { isA } from "../../realms.ts";
import { ProxyError, tooLarge } from "../proxy/proxy-error.ts";

/** What body parsers leave on a request. */
interface ParsedRequest extends IncomingMessage {
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** A request's body, bounded: as it comes, or as a parser before us left it. `undefined`: there is none. */
export function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> | Buffer | undefined {
  const { method } = request;
  if (method === "GET" || method === "HEAD" || !mayHaveBody(request)) return undefined;
  if (wasReadBefore(request)) return bounded(parsedBody(request), maxBytes);
  if (Number(request.headers["content-length"]) > maxBytes) throw tooLarge(maxBytes);
  return read(request, maxBytes);
}

/** Says a request that a body comes with it? What parsers make of none looks like an empty object. */
export function mayHaveBody({ headers, httpVersionMajor }: IncomingMessage): boolean {
  const length = headers["content-length"];
  // In HTTP/2 a body needs no announcement.
  if (length === undefined) return headers["transfer-encoding"] !== undefined || httpVersionMajor > 1;
  return length !== "0";
}

/** Did somebody before us read its body, or a part of it? */
export function wasReadBefore(request: IncomingMessage): boolean {
  return request.readableEnded || request.readableDidRead;
}

function read(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] | undefined = [];
    let bytes = 0;
    const fail = (error: ProxyError): void => {
      chunks = undefined;
      reject(error);
    };
    const onBroken = (): void => {
      if (chunks !== undefined) fail(new ProxyError(400, "broken_body", "The request's body broke off."));
    };
    request.on("data", (chunk: Buffer) => {
      if (chunks === undefined) return;
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > maxBytes) fail(tooLarge(maxBytes));
    });
    request.on("end", () => {
      if (chunks === undefined) return;
      if (bytes === 0) resolve(undefined);
      else resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
      chunks = undefined;
    });
    request.on("error", onBroken);
    request.on("close", onBroken);
  });
}

/** Somebody read it before: what is left of it is what a parser made of it. */
export function parsedBody(request: IncomingMessage): Buffer | undefined {
  const { rawBody, body, headers } = request as ParsedRequest;
  if (isA(rawBody, "Uint8Array") || typeof rawBody === "string") return Buffer.from(rawBody as Uint8Array);
  const type = headers["content-type"] ?? "";
  // Of a form with files a parser leaves the fields at most.
  if (body === undefined || type.startsWith("multipart/")) {
    const message = "The request's body was read before it came here. Mount the proxy in front of whoever reads it.";
    throw new ProxyError(500, "body_already_read", message);
  }
  if (isA(body, "Uint8Array")) return Buffer.from(body);
  if (type.startsWith("application/x-www-form-urlencoded") && typeof body === "object" && body !== null) {
    return Buffer.from(formText(body));
  }
  if (typeof body === "string" && !type.includes("json")) return Buffer.from(body);
  return Buffer.from(JSON.stringify(body));
}

function formText(body: object): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) addField(form, name, value);
  return form.toString();
}

/** Fields within fields are written as those parsers read them: `name[part]`. */
function addField(form: URLSearchParams, name: string, value: unknown): void {
  if (typeof value !== "object" || value === null) form.append(name, String(value ?? ""));
  else if (Array.isArray(value)) {
    for (const [place, one] of value.entries()) {
      addField(form, typeof one === "object" ? `${name}[${place}]` : name, one);
    }
  } else for (const [part, one] of Object.entries(value)) addField(form, `${name}[${part}]`, one);
}

function bounded(body: Buffer | undefined, maxBytes: number): Buffer | undefined {
  if (body === undefined || body.length === 0) return undefined;
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  return body;
}

/** So much of a body that nobody wants is read on, for its connection to be used again; bytes. */
const mostRead = 1_048_576;

/**
 * Lets go of a request's body: its call has failed, or was answered without it. The rest is read and dropped, but nobody who
 * sends on and on is listened to for ever: once the answer is out, such a connection is closed.
 */
export function dropBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete || request.destroyed) return;
  let bytes = 0;
  request.on("data", (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes <= mostRead) return;
    request.pause();
    if (response.writableFinished || response.destroyed) request.destroy();
    else response.once("finish", () => request.destroy());
  });
  request.resume();
}
