import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { bodyOfProxyError, expectMethod, headersOfProxyError, proxyErrorOf } from "../proxy/proxy-error.ts";
import { hasNoBody, lengthWithoutBody } from "../proxy/proxy-headers.ts";
import { dropBody, mayHaveBody, parsedBody, wasReadBefore } from "./incoming-body.ts";
import { hasStatusText } from "./outgoing-answer.ts";

/** A handler of node:http, which frameworks on top of it take as well. */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/** What speaks `Request` and `Response`. */
export type WebHandler = (request: Request) => Promise<Response>;

/** Runs a handler of `Request` and `Response` on node:http. How long a body may be is the handler's to say. */
export function nodeHandlerOf(handle: WebHandler): NodeHandler {
  return (request, response, next) => {
    const answered = bridge(handle, request, response).finally(() => {
      // The stream that was made of the body, if one was, has no reader any more, and holds the rest of it back.
      request.removeAllListeners("data");
      dropBody(request, response);
    });
    answered.catch((error: unknown) => {
      if (response.destroyed || response.writableEnded) return;
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const failed = proxyErrorOf(error);
      if (next !== undefined && failed.status >= 500) next(failed);
      else response.writeHead(failed.status, headersOfProxyError(failed)).end(bodyOfProxyError(failed));
    });
  };
}

async function bridge(handle: WebHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "GET", url = "/", headers: given } = request;
  expectMethod(method);
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableEnded) controller.abort();
  });
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    // HTTP/2 tells method and path in these.
    if (name.startsWith(":")) continue;
    for (const one of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, one);
  }
  // Parsers unpack what they read.
  if (wasReadBefore(request)) headers.delete("content-encoding");
  const body = bodyFor(request);
  // The host is of no matter to a handler that goes by the path.
  const asked = `http://localhost${url.startsWith("/") ? url : "/"}`;
  const init = { method, headers, signal: controller.signal, ...(body && { body, duplex: "half" }) };
  const answer = await handle(new Request(asked, init as RequestInit));
  // A body that was given up holds its connection back, and nobody can read on.
  const isHeldBack = request.destroyed && !request.complete && hasStatusText(response);
  await send(answer, method, response, isHeldBack ? { connection: "close" } : {});
}

/** As it comes, or as a parser before us left it. */
function bodyFor(request: IncomingMessage): BodyInit | undefined {
  const { method } = request;
  if (method === "GET" || method === "HEAD" || !mayHaveBody(request)) return undefined;
  if (wasReadBefore(request)) {
    const parsed = parsedBody(request);
    return parsed === undefined ? undefined : new Uint8Array(parsed);
  }
  return Readable.toWeb(request) as unknown as ReadableStream<Uint8Array>;
}

async function send(
  answer: Response,
  method: string,
  response: ServerResponse,
  headers: Record<string, string | string[]>,
): Promise<void> {
  for (const [name, value] of answer.headers) if (name !== "set-cookie") headers[name] = value;
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  const isBodiless = answer.body === null || hasNoBody(method, answer.status);
  if (isBodiless) {
    const length = lengthWithoutBody(method, answer.status, headers["content-length"]);
    if (length === undefined) delete headers["content-length"];
    else headers["content-length"] = length;
  }
  response.writeHead(answer.status, headers);
  if (isBodiless) {
    await answer.body?.cancel();
    response.end();
    return;
  }
  await pipeline(Readable.fromWeb(answer.body as NodeReadableStream), response);
}
