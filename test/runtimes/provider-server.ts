import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Arrival, Environment, KeyRole } from "./suite/environment.ts";

type Keys = Environment["keys"];

interface Visit {
  readonly url: URL;
  readonly role: KeyRole | undefined;
  readonly method: string;
  /** How many requests came to this address, this one included. */
  readonly arrivalNumber: number;
}

const refusal = {
  error: { message: "Rate limit reached.", type: "requests", param: null, code: "rate_limit_exceeded" },
};

/**
 * A provider, or somebody else's server, that behaves as the address says: `/v1/<behaviour>/<case>`. It writes down what comes,
 * and tells of it under `/told/arrivals`, `/told/arrived` and `/told/closed`; `/told/release` lets a stream go on.
 */
export class ProviderServer {
  readonly #keys: Keys;
  readonly #arrivals: Arrival[] = [];
  /** Told `arrived`, `closed` and `released` of a path. */
  readonly #news = new EventEmitter().setMaxListeners(0);
  readonly #closed = new Set<string>();
  readonly #released = new Map<string, number>();
  readonly #server: Server;

  constructor(keys: Keys) {
    this.#keys = keys;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (url.pathname.startsWith("/told/")) {
      await this.#tell(url.pathname.slice("/told/".length), url.searchParams.get("path") ?? "", response);
      return;
    }
    const path = url.pathname;
    // As soon as the client leaves, not only when something is written to it.
    response.once("close", () => {
      if (response.writableFinished) return;
      this.#closed.add(path);
      this.#news.emit(`closed ${path}`);
    });
    const arrival = await this.#arrivalOf(request, url);
    this.#arrivals.push(arrival);
    this.#news.emit(`arrived ${path}`);
    const arrivalNumber = this.#arrivals.filter((one) => one.path === path).length;
    const role = arrival.credentials[0]?.role;
    await this.#behave({ url, role, method: arrival.method, arrivalNumber }, response);
  }

  async #tell(what: string, path: string, response: ServerResponse): Promise<void> {
    const arrivals = (): Arrival[] => this.#arrivals.filter((one) => one.path === path);
    if (what === "arrived" && arrivals().length === 0) await once(this.#news, `arrived ${path}`);
    if (what === "closed" && !this.#closed.has(path)) await once(this.#news, `closed ${path}`);
    if (what === "release") {
      this.#released.set(path, (this.#released.get(path) ?? 0) + 1);
      this.#news.emit(`released ${path}`);
    }
    sendJson(response, 200, arrivals());
  }

  async #behave({ url, role, method, arrivalNumber }: Visit, response: ServerResponse): Promise<void> {
    const behaviour = url.pathname.split("/")[2];
    const isSoonFree = behaviour === "frees" && arrivalNumber === 1;
    if (behaviour === "failing-stream" && role === "limited") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`: processing\n\ndata: ${JSON.stringify(refusal)}\n\n`);
    } else if (role === "limited" || isSoonFree) {
      sendJson(response, 429, refusal, { "retry-after": isSoonFree ? "1" : "30" });
    } else if (behaviour === "stream" || behaviour === "failing-stream") {
      await this.#stream(url.pathname, response, behaviour === "stream");
    } else if (behaviour === "redirect") {
      const location = url.searchParams.get("to") ?? "";
      response.writeHead(Number(url.searchParams.get("status")), { location }).end("moved");
    } else if (behaviour !== "hang" && !(behaviour === "hangs-once" && arrivalNumber === 1)) {
      sendJson(response, 200, { role, method });
    }
  }

  /** Chat chunks, each sent only after the one before was acknowledged by `/told/release`, or all at once. */
  async #stream(path: string, response: ServerResponse, isGated: boolean): Promise<void> {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const [place, content] of ["one", "two", "three"].entries()) {
      const chunk = { object: "chat.completion.chunk", choices: [{ index: 0, delta: { content } }] };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      while (isGated && (this.#released.get(path) ?? 0) <= place) {
        await once(this.#news, `released ${path}`);
      }
    }
    response.end("data: [DONE]\n\n");
  }

  async #arrivalOf(request: IncomingMessage, url: URL): Promise<Arrival> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const body = Buffer.concat(chunks);
    const contentType = request.headers["content-type"] ?? null;
    const credentials = Object.entries(request.headers).flatMap(([header, value]) => {
      const role = this.#roleIn(String(value));
      return role === undefined ? [] : [{ header, role }];
    });
    return {
      method: request.method ?? "",
      path: url.pathname,
      credentials,
      isKeyElsewhere: this.#roleIn(`${request.url} ${body.toString("latin1")}`) !== undefined,
      contentType: contentType?.split(";")[0] ?? null,
      body: await readable(body, contentType),
      atMs: performance.now(),
    };
  }

  #roleIn(text: string): KeyRole | undefined {
    return (Object.keys(this.#keys) as KeyRole[]).find((role) => text.includes(this.#keys[role]));
  }
}

/** Base64; of a form its fields, because each encoding makes up a boundary of its own. */
async function readable(body: Buffer, contentType: string | null): Promise<string> {
  if (contentType?.startsWith("multipart/form-data") !== true) return body.toString("base64");
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": contentType } }).formData();
  const fields: [string, unknown][] = [];
  for (const [name, value] of form) {
    const shown =
      typeof value === "string"
        ? value
        : { name: value.name, type: value.type.split(";")[0], text: await value.text() };
    fields.push([name, shown]);
  }
  return JSON.stringify(fields);
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
