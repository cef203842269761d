import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { openaiError } from "../../src/testing/index.ts";

/** How the provider answers one request. */
export interface Play {
  readonly kind: "json" | "stream" | "refuse" | "overloaded" | "stream-error" | "redirect";
  /** Milliseconds before the headers. */
  readonly headersMs?: number | undefined;
  /** What a refusal says of when to come again, milliseconds. */
  readonly restMs?: number | undefined;
  /** Pieces of the body, and milliseconds before each but the first. */
  readonly pieces?: number | undefined;
  readonly pieceMs?: number | undefined;
  /** Bytes that are put into every piece. */
  readonly padding?: number | undefined;
}

/** What a request carries so that the provider knows what to do: its name, and what becomes of each try. */
export function playHeaders(name: string, plays: readonly Play[]): Record<string, string> {
  return { "x-name": name, "x-plays": JSON.stringify(plays) };
}

const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
const delta = (content: object): object => ({ choices: [{ index: 0, delta: content, finish_reason: null }] });

/** The body of a good answer, in pieces. */
export function goodPieces(name: string, { kind, pieces = 1, padding = 0 }: Play, bodyBytes: number): string[] {
  const places = Array.from({ length: pieces }, (_, place) => place);
  const filler = "x".repeat(padding);
  if (kind !== "stream")
    return [`{"name":"${name}","bytes":${bodyBytes},"of":[`, ...places.map((at) => `"${filler}",${at},`), "0]}"];
  const words = places.map((at) => event(delta({ content: `${name}-${bodyBytes}-${at} ${filler}` })));
  return [event(delta({ role: "assistant", content: "" })), ...words, "data: [DONE]\n\n"];
}

/** A provider that does what the header of a request says, and knows what it has done. */
export class AbortProvider {
  readonly #server: Server;
  /** Tries so far, by request name. */
  readonly #tries = new Map<string, number>();
  /** Names of requests of which one was answered to the end. */
  readonly completed = new Set<string>();
  /** Connections that were opened for calls which were gone by then; whoever opened them keeps them for others. */
  readonly #unused = new Set<Socket>();
  readonly #inProgress = new Set<IncomingMessage>();
  /** Failures told to each pool, by its name. */
  readonly failuresTold = new Map<string, number>();

  constructor() {
    this.#server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
      this.#inProgress.add(request);
      this.#unused.delete(request.socket);
      response.on("close", () => this.#inProgress.delete(request));
      response.on("error", () => undefined);
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#server.on("connection", (socket) => {
      this.#unused.add(socket);
      socket.on("close", () => this.#unused.delete(socket));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen({ host: "127.0.0.1", port: 0, backlog: 1_024 }, resolve));
    onTestFinished(async () => {
      this.#server.closeAllConnections();
      await new Promise((resolve) => this.#server.close(resolve));
    });
    return this;
  }

  /** Names of the requests that have come and are not over. */
  get inProgress(): readonly string[] {
    return [...this.#inProgress].map(({ headers }) => headers["x-name"] as string);
  }

  get unusedConnections(): number {
    return this.#unused.size;
  }

  /** Connections that were used and stay open when the idle ones are closed. */
  async busyConnections(): Promise<number> {
    this.#server.closeIdleConnections();
    const open = await new Promise<number>((resolve, reject) =>
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
    return open - this.#unused.size;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let bodyBytes = 0;
    for await (const part of request) bodyBytes += (part as Buffer).byteLength;
    const { "x-name": name, "x-plays": text } = request.headers as { "x-name": string; "x-plays": string };
    const tries = this.#tries.get(name) ?? 0;
    this.#tries.set(name, tries + 1);
    const plays = JSON.parse(text) as readonly Play[];
    const play = plays[Math.min(tries, plays.length - 1)] as Play;
    if (play.headersMs !== undefined) await pause(play.headersMs);
    if (response.destroyed) return;
    if (play.kind === "redirect") {
      response.writeHead(307, { location: request.url ?? "/" }).end();
      return;
    }
    const isGood = play.kind === "json" || play.kind === "stream";
    const pool = request.url?.split("/")[1] ?? "";
    if (!isGood) this.failuresTold.set(pool, (this.failuresTold.get(pool) ?? 0) + 1);
    await this.#send(response, play, isGood ? goodPieces(name, play, bodyBytes) : badPieces(play));
    if (response.destroyed) return;
    if (isGood) this.completed.add(name);
    response.end();
  }

  async #send(response: ServerResponse, play: Play, pieces: readonly string[]): Promise<void> {
    const { kind, pieceMs = 0 } = play;
    const isStream = kind === "stream" || kind === "stream-error";
    const type = isStream ? "text/event-stream" : "application/json";
    const rest = play.restMs === undefined ? {} : { "retry-after-ms": String(play.restMs) };
    const status = kind === "refuse" ? 429 : kind === "overloaded" ? 503 : 200;
    response.writeHead(status, { "content-type": type, ...rest }).flushHeaders();
    for (const [place, piece] of pieces.entries()) {
      if (place > 0 && pieceMs > 0) await pause(pieceMs);
      if (response.destroyed) return;
      if (!response.write(piece)) await drained(response);
    }
  }
}

/** The body of a refusal, in as many pieces as are to drip. */
function badPieces({ kind, pieces = 1 }: Play): string[] {
  if (kind === "stream-error") {
    return [
      event(delta({ role: "assistant" })),
      event({ error: { code: "rate_limit_exceeded", message: "Slow down." } }),
    ];
  }
  const code = kind === "refuse" ? "rate_limit_exceeded" : "server_is_overloaded";
  const text = JSON.stringify(openaiError("Not now.", "requests", code));
  const size = Math.ceil(text.length / pieces);
  return Array.from({ length: pieces }, (_, place) => text.slice(place * size, (place + 1) * size));
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });
}
