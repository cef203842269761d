import type { IncomingMessage } from "node:http";
import { ProxyError, tooLarge } from "../../http/proxy-error.ts";

/** What body parsers leave on a request. */
interface ParsedRequest extends IncomingMessage {
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** A request's body, bounded: as it comes, or as a parser before us left it. `undefined`: there is none. */
export function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> | Buffer | undefined {
  const { method, headers } = request;
  if (method === "GET" || method === "HEAD") return undefined;
  if (request.readableEnded || request.readableDidRead) return bounded(parsedBody(request), maxBytes);
  const length = headers["content-length"];
  if (length === undefined && headers["transfer-encoding"] === undefined) return undefined;
  if (Number(length) > maxBytes) throw tooLarge(maxBytes);
  return length === "0" ? undefined : read(request, maxBytes);
}

function read(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
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
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
      chunks = undefined;
    });
    request.on("error", onBroken);
    request.on("close", onBroken);
  });
}

/** Somebody read it before: what is left of it is what a parser made of it. */
export function parsedBody(request: IncomingMessage): Buffer | undefined {
  const { rawBody, body, headers } = request as ParsedRequest;
  if (rawBody instanceof Uint8Array || typeof rawBody === "string") return Buffer.from(rawBody as Uint8Array);
  if (body === undefined) {
    const message = "The request's body was read before it came here. Mount the proxy in front of whoever reads it.";
    throw new ProxyError(500, "body_already_read", message);
  }
  if (body instanceof Uint8Array) return Buffer.from(body);
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/x-www-form-urlencoded") && typeof body === "object" && body !== null) {
    return Buffer.from(formText(body));
  }
  if (typeof body === "string" && !type.includes("json")) return Buffer.from(body);
  return Buffer.from(JSON.stringify(body));
}

function formText(body: object): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) {
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, String(one));
  }
  return form.toString();
}

function bounded(body: Buffer | undefined, maxBytes: number): Buffer | undefined {
  if (body === undefined || body.length === 0) return undefined;
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  return body;
}
