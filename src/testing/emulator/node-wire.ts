import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Answer, pause } from "./answers/answer.ts";
import type { Exchange, ProviderCore } from "./provider-core.ts";

const host = "127.0.0.1";

/** Connections the system may queue before the server takes them: a burst of clients connects at once. */
const backlog = 4_096;

/** Puts the provider behind a `node:http` server. */
export class NodeWire {
  readonly #core: ProviderCore;
  #server: Server | undefined;
  #port = 0;

  constructor(core: ProviderCore) {
    this.#core = core;
  }

  get origin(): string | undefined {
    return this.#port === 0 ? undefined : `http://${host}:${this.#port}`;
  }

  /** Listens on a free port, or on the one it had before. */
  async listen(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (message, response) => {
      serve(this.#core, message, response).catch(() => response.destroy());
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port: this.#port, backlog }, resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Destroys every connection and stops listening. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  /** The next `listen` takes another port. */
  forgetPort(): void {
    this.#port = 0;
  }
}

async function serve(core: ProviderCore, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const closed = new AbortController();
  core.openRequests++;
  response.on("close", () => {
    core.openRequests--;
    closed.abort();
  });
  const body = await readBody(message);
  const exchange = core.receive({
    method: message.method ?? "GET",
    url: requestUrl(message.url ?? "/"),
    headers: plainHeaders(message),
    body,
  });
  let isCut = false;
  const noteAbort = (): void => {
    if (!isCut && !response.writableFinished) exchange.arrival.aborted = true;
  };
  const noteEnd = (): void => {
    noteAbort();
    exchange.finish();
  };
  // The client may be gone before its request is judged.
  if (closed.signal.aborted) noteEnd();
  else closed.signal.addEventListener("abort", noteEnd);
  isCut = await send(core, exchange, response, closed.signal);
  if (isCut) response.destroy();
}

/** A path that begins with two slashes is still a path. */
function requestUrl(target: string): URL {
  return new URL(target.startsWith("/") ? `http://${host}${target}` : target, `http://${host}`);
}

async function readBody(message: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function plainHeaders(message: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(message.headersDistinct)) headers[name] = (values ?? []).join(", ");
  return headers;
}

/** Resolves to whether the connection is to be cut now. */
async function send(
  core: ProviderCore,
  { answer, arrival }: Exchange,
  response: ServerResponse,
  closed: AbortSignal,
): Promise<boolean> {
  if (answer.delayMs > 0) await pause(core.clock, answer.delayMs, closed);
  if (closed.aborted) return false;
  if (answer.cut === "before-headers") return true;
  arrival.status = answer.status;
  if (!answer.isStream && answer.cut === undefined) {
    const body = answer.pieces.join("");
    response.writeHead(answer.status, { ...sizeHeader(answer, body), ...answer.headers }).end(body);
    return false;
  }
  response.writeHead(answer.status, answer.headers).flushHeaders();
  for (const [index, piece] of answer.pieces.entries()) {
    if (index > 0 && answer.chunkDelayMs > 0) await pause(core.clock, answer.chunkDelayMs, closed);
    if (closed.aborted) return false;
    if (!response.write(piece)) await drained(response, closed);
  }
  if (answer.cut === undefined) {
    response.end();
    return false;
  }
  // What was written must have left before the connection is destroyed, or the client sees less than promised.
  await new Promise<void>((resolve) => response.write("", () => setImmediate(resolve)));
  return true;
}

function sizeHeader(answer: Answer, body: string): Record<string, number> {
  const isBodyless = answer.status < 200 || answer.status === 204 || answer.status === 304;
  return isBodyless ? {} : { "content-length": Buffer.byteLength(body) };
}

function drained(response: ServerResponse, closed: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      closed.removeEventListener("abort", done);
      resolve();
    };
    response.on("drain", done);
    closed.addEventListener("abort", done);
    if (closed.aborted) done();
  });
}
