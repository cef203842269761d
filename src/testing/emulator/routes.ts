import type { Clock } from "../../types.ts";
import { type Content, eventStream, jsonContent } from "./answers/answer.ts";
import {
  type CompletionRequest,
  type CompletionUsage,
  completionBody,
  completionEvents,
  completionRequest,
  wordsOf,
} from "./answers/completion.ts";
import { openaiError } from "./answers/openai-errors.ts";
import type { CredentialReader } from "./credential.ts";
import type { ProviderEmulatorOptions } from "./emulator-options.ts";
import type { Facts } from "./incoming.ts";
import { assertReply, assertTokens } from "./option-checks.ts";
import type { EmulatedRequest } from "./step.ts";

/** An answer that is certain before it is given, so that limits can count what it costs. */
export interface PlannedAnswer {
  readonly usage: CompletionUsage;
  /** `number` counts all answers, from 1. */
  content(number: number): Content;
}

const noUsage: CompletionUsage = { inputTokens: 0, outputTokens: 0 };

/** What the provider answers on each of its paths when nothing keeps it from it. */
export class Routes {
  readonly #options: ProviderEmulatorOptions;
  readonly #clock: Clock;
  readonly #credentials: CredentialReader;

  constructor(options: ProviderEmulatorOptions, clock: Clock, credentials: CredentialReader) {
    this.#options = options;
    this.#clock = clock;
    this.#credentials = credentials;
  }

  plan(facts: Facts): PlannedAnswer {
    const { method, url } = facts.incoming;
    if (method === "POST" && url.pathname.endsWith("/chat/completions")) return this.#completion(facts.request);
    if (method === "GET" && url.pathname.endsWith("/models")) return free(() => this.#models());
    if (url.pathname.endsWith("/redirect")) return free(() => redirect(url));
    return free(() => this.#echo(facts));
  }

  #completion(request: EmulatedRequest): PlannedAnswer {
    const wanted = completionRequest(request.json);
    if (wanted === undefined) {
      const message = "We could not parse the JSON body of your request, or it lacks `model` or `messages`.";
      return free(() => jsonContent(400, openaiError(message, "invalid_request_error")));
    }
    const { reply: wantedReply = "Hello from the emulated provider." } = this.#options;
    const reply = typeof wantedReply === "function" ? wantedReply(request) : wantedReply;
    assertReply(reply);
    const usage = { inputTokens: wanted.promptTokens, outputTokens: this.#completionTokens(request, reply) };
    return { usage, content: (number) => this.#completionContent(wanted, reply, usage, number) };
  }

  #completionTokens(request: EmulatedRequest, reply: string): number {
    const { completionTokens = wordsOf(reply).length } = this.#options;
    const tokens = typeof completionTokens === "function" ? completionTokens(request) : completionTokens;
    assertTokens(tokens);
    return tokens;
  }

  #completionContent(wanted: CompletionRequest, reply: string, usage: CompletionUsage, number: number): Content {
    const parts = { id: `chatcmpl-${number}`, created: this.#nowSeconds(), reply, usage };
    if (!wanted.stream) return jsonContent(200, completionBody(wanted, parts));
    return eventStream(200, completionEvents(wanted, parts));
  }

  #models(): Content {
    const created = this.#nowSeconds();
    const ids = this.#options.models ?? ["test-model"];
    const data = ids.map((id) => ({ id, object: "model", created, owned_by: "emulator" }));
    return jsonContent(200, { object: "list", data });
  }

  /** Shows what arrived, so that a caller can tell whether it is what was sent. */
  #echo({ incoming, request, bodySha256 }: Facts): Content {
    return jsonContent(200, {
      method: incoming.method,
      path: request.path,
      headers: this.#credentials.withoutSecret(incoming.headers),
      bodyBytes: incoming.body.byteLength,
      bodySha256,
    });
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.wall() / 1_000);
  }
}

function free(content: () => Content): PlannedAnswer {
  return { usage: noUsage, content };
}

function redirect(url: URL): Content {
  const location = url.searchParams.get("to");
  if (location === null) return jsonContent(400, openaiError("The query lacks `to`.", "invalid_request_error"));
  const status = Number(url.searchParams.get("status") ?? 307);
  return { status, headers: { location }, pieces: [], isStream: false };
}
