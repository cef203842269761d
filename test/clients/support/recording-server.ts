import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Answer, Api, Asked } from "./answers/answer.ts";
import { anthropicApi } from "./answers/anthropic.ts";
import { geminiApi } from "./answers/gemini.ts";
import { openaiApi } from "./answers/openai.ts";
import { cohereApi, githubApi, mcpApi, plainApi } from "./answers/other-apis.ts";
import { type Refusal, rateLimitAnswer, unknownKeyAnswer, unknownPathAnswer } from "./answers/refusals.ts";

const apis: Readonly<Record<string, Api>> = {
  "api.openai.com": openaiApi,
  "api.groq.com": openaiApi,
  "api.mistral.ai": openaiApi,
  "openrouter.ai": openaiApi,
  "llm.example.com": openaiApi,
  "api.anthropic.com": anthropicApi,
  "generativelanguage.googleapis.com": geminiApi,
  "api.cohere.com": cohereApi,
  "api.github.com": githubApi,
  "api.example.com": plainApi,
  "mcp.example.com": mcpApi,
};

/** A request as it arrived, to the byte. */
export interface Arrival extends Asked {
  readonly host: string;
  /** Names and values by turns, as they were sent. */
  readonly rawHeaders: readonly string[];
  /** Every credential in it, wherever it stood, without its scheme. */
  readonly credentials: readonly string[];
  /** The headers and query parameters the credentials stood in. */
  readonly places: readonly string[];
  readonly status: number;
}

const credentialHeaders = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/**
 * All providers in one: the first segment of a path is the host that was asked. Says 429 to the keys that are to be refused,
 * 401 to those it does not know, and writes down everything.
 */
export class RecordingServer {
  readonly arrivals: Arrival[] = [];
  readonly #keys: ReadonlyMap<string, Refusal | undefined>;
  readonly #server: Server;

  /** The keys it knows, with how they are refused; `undefined`: they are good. */
  constructor(keys: ReadonlyMap<string, Refusal | undefined>) {
    this.#keys = keys;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Where a request for a host goes. */
  urlFor({ host, pathname, search }: URL): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${host}${pathname}${search}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [, host = "", path = ""] = /^\/([^/]+)(.*)$/.exec(request.url ?? "") ?? [];
    const headers = request.headers as Record<string, string | undefined>;
    const asked = { method: request.method ?? "", path, headers, body: Buffer.concat(chunks) };
    const { credentials, places } = credentialsIn(asked);
    const answer = this.#answer(host, asked, credentials);
    const { rawHeaders } = request;
    this.arrivals.push({ ...asked, host, rawHeaders, credentials, places, status: answer.status });
    await send(response, answer);
  }

  #answer(host: string, asked: Asked, credentials: readonly string[]): Answer {
    const [secret = ""] = credentials;
    if (!this.#keys.has(secret)) return unknownKeyAnswer();
    const refusal = this.#keys.get(secret);
    if (refusal !== undefined) return rateLimitAnswer(host, refusal);
    return apis[host]?.(asked) ?? unknownPathAnswer();
  }
}

async function send(response: ServerResponse, { status, headers, pieces }: Answer): Promise<void> {
  response.writeHead(status, headers);
  for (const piece of pieces) {
    response.write(piece);
    // Each piece is a packet of its own, as with a model that thinks.
    await new Promise(setImmediate);
  }
  response.end();
}

function credentialsIn({ path, headers }: Asked): { readonly credentials: string[]; readonly places: string[] } {
  const inHeaders = credentialHeaders.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [{ place: name, value: value.replace(/^(Bearer|token) /, "") }];
  });
  const query = new URL(path, "http://localhost").searchParams.get("key");
  const all = query === null ? inHeaders : [...inHeaders, { place: "?key", value: query }];
  return { credentials: all.map(({ value }) => value), places: all.map(({ place }) => place) };
}
