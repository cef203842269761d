import { createHash, randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";

/** What becomes of a key: it serves, is at its limit, or is not known to the provider. */
export type KeyRole = "good" | "limited" | "revoked";

/** A request as it came to the provider. */
export interface Arrival {
  readonly id: string;
  readonly method: string;
  /** Path and query, as they stood in the request line. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** Names and values by turns. */
  readonly rawHeaders: readonly string[];
  readonly role: KeyRole | undefined;
  readonly body: Buffer;
}

/** What is told of a request's body: short enough to compare, and different for every other body. */
export interface BodyPrint {
  readonly bytes: number;
  readonly sha256: string;
}

export function printOf(body: Uint8Array): BodyPrint {
  return { bytes: body.byteLength, sha256: createHash("sha256").update(body).digest("hex") };
}

type Behave = (response: ServerResponse, arrival: Arrival) => void | Promise<void>;

const answerHeaders = {
  "content-type": "application/json",
  connection: "keep-alive, x-listed",
  "x-listed": "of this connection",
  "keep-alive": "timeout=9",
  "proxy-authenticate": "Basic",
  "set-cookie": ["site=provider", "edge=provider"],
  "access-control-allow-origin": "*",
  "alt-svc": 'h3=":443"',
  "strict-transport-security": "max-age=1",
  "x-request-id": "req-1",
};

/** The pieces in which `flood` is sent. */
export const floodPiece = Buffer.alloc(262_144, "flood ");
export const floodPieces = 1_024;

/**
 * A provider that behaves as the path says, `/v1/<behaviour>/<id>`, and writes down what comes. What happens to a request can be
 * waited for by its id: `arrived`, `left` when its client is gone before the answer is complete.
 */
export class Upstream {
  readonly arrivals: Arrival[] = [];
  readonly #roles = new Map<string, KeyRole>();
  readonly #news = new EventEmitter().setMaxListeners(0);
  readonly #left = new Map<string, number>();
  readonly #released = new Map<string, number>();
  readonly #behaviours = new Map<string, Behave>();
  /** Bytes of an answer that were handed to its connection, by id. */
  readonly #sent = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#server.on("connection", (socket) => this.#sockets.add(socket));
    // Connections of a proxy are kept for longer than a test takes.
    this.#server.keepAliveTimeout = 60_000;
  }

  /** Behaves as is said under a name of its own. */
  behave(name: string, behaviour: Behave): void {
    this.#behaviours.set(name, behaviour);
  }

  async start(): Promise<this> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get secrets(): readonly string[] {
    return [...this.#roles.keys()];
  }

  /** A new key. */
  key(role: KeyRole): string {
    const secret = `test-${randomBytes(20).toString("hex")}`;
    this.#roles.set(secret, role);
    return secret;
  }

  async arrived(id: string): Promise<Arrival> {
    if (!this.arrivals.some((arrival) => arrival.id === id)) await once(this.#news, `arrived ${id}`);
    return this.arrivalsOf(id).at(-1) as Arrival;
  }

  arrivalsOf(id: string): readonly Arrival[] {
    return this.arrivals.filter((arrival) => arrival.id === id);
  }

  /** When its client left before the answer was complete, on the clock of `performance`. */
  async left(id: string): Promise<number> {
    if (!this.#left.has(id)) await once(this.#news, `left ${id}`);
    return this.#left.get(id) as number;
  }

  /** Lets an answer that waits go on by a step. */
  release(id: string): void {
    this.#released.set(id, (this.#released.get(id) ?? 0) + 1);
    this.#news.emit(`released ${id}`);
  }

  sentOf(id: string): number {
    return this.#sent.get(id) ?? 0;
  }

  /** Resolves at the moment more is taken of an answer that stood still. */
  async goesOn(id: string): Promise<void> {
    await once(this.#news, `sending ${id}`);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers, rawHeaders } = request;
    const [behaviour = "", id = ""] = /^\/v1\/([^/?]+)\/([^/?]+)/.exec(url)?.slice(1) ?? [];
    response.once("close", () => {
      if (response.writableFinished) return;
      this.#left.set(id, performance.now());
      this.#news.emit(`left ${id}`);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const secret = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
    const role = this.#roles.get(secret);
    const arrival = { id, method, url, headers, rawHeaders, role, body: Buffer.concat(chunks) };
    this.arrivals.push(arrival);
    this.#news.emit(`arrived ${id}`);
    await this.#answer(behaviour, arrival, response);
  }

  async #answer(behaviour: string, arrival: Arrival, response: ServerResponse): Promise<void> {
    const own = this.#behaviours.get(behaviour);
    if (own !== undefined) return own(response, arrival);
    if (arrival.role === "limited") return refuse(response, 429, "rate_limit_exceeded", { "retry-after": "30" });
    if (arrival.role !== "good") return refuse(response, 401, "invalid_api_key");
    const { id, method } = arrival;
    switch (behaviour) {
      case "stream":
        return this.#stream(id, response);
      case "flood":
        return this.#flood(id, response);
      case "hang":
        return;
      case "cut":
        return this.#cut(id, response);
      case "status":
        response.writeHead(Number(/\d{3}$/.exec(arrival.url)?.[0]), { etag: '"1"', "x-request-id": "req-1" }).end();
        return;
      case "gzip": {
        const body = gzipSync(JSON.stringify({ text: "packed ".repeat(1_000) }));
        response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
        response.end(body);
        return;
      }
      default: {
        if (method === "OPTIONS") response.setHeader("allow", "GET, POST");
        const body = JSON.stringify({ method, url: arrival.url, ...printOf(arrival.body) });
        response.writeHead(200, { ...answerHeaders, "content-length": Buffer.byteLength(body) });
        response.end(body);
      }
    }
  }

  /** Events, each sent only after a release. */
  async #stream(id: string, response: ServerResponse): Promise<void> {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    for (const [place, content] of ["one", "two", "three"].entries()) {
      await this.#step(id, place);
      response.write(`data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`);
    }
    await this.#step(id, 3);
    response.end("data: [DONE]\n\n");
  }

  /** Breaks off in the middle, when released. */
  async #cut(id: string, response: ServerResponse): Promise<void> {
    const length = id.endsWith("-stated") ? { "content-length": "1000" } : {};
    response.writeHead(200, { "content-type": "text/plain", ...length });
    response.write("half of");
    await this.#step(id, 0);
    response.destroy();
  }

  /** More than buffers on the way hold, as fast as it is taken. */
  async #flood(id: string, response: ServerResponse): Promise<void> {
    response.writeHead(200, { "content-type": "application/octet-stream" });
    const flood = Readable.from(this.#pieces(id), { highWaterMark: 1 });
    await pipeline(flood, response);
  }

  *#pieces(id: string): Generator<Buffer> {
    for (let piece = 0; piece < floodPieces; piece++) {
      this.#sent.set(id, this.sentOf(id) + floodPiece.length);
      this.#news.emit(`sending ${id}`);
      yield floodPiece;
    }
  }

  async #step(id: string, place: number): Promise<void> {
    while ((this.#released.get(id) ?? 0) <= place) await once(this.#news, `released ${id}`);
  }
}

function refuse(response: ServerResponse, status: number, code: string, headers: Record<string, string> = {}): void {
  const body = JSON.stringify({ error: { message: "No.", type: "refused", param: null, code } });
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
}
