import { createHash } from "node:crypto";
import { systemClock } from "../../clock.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { Clock } from "../../types.ts";
import { ArrivalJudge, assertProviderLimit, type ProviderLimit } from "../arrival-judge.ts";
import { type Answer, answerWith, type Content, jsonContent, scriptedContent } from "./answer.ts";
import type { Judged, LoggedArrival } from "./arrival-log.ts";
import { completionBody, completionEvents, completionRequest } from "./completion.ts";
import { credentialOf, pathWithoutCredential, withoutCredential } from "./credential.ts";
import type { ProviderEmulatorOptions } from "./emulator-options.ts";
import { KeyState } from "./key-state.ts";
import { defaultErrorBody, openaiError, rateLimitBody } from "./openai-errors.ts";
import type { EmulatedRequest, KeyBehaviour, Step } from "./step.ts";

/** A request that has arrived in full, from whichever wire. */
export interface IncomingRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** An answer to send, and the log's entry to keep up to date meanwhile. */
export interface Exchange {
  readonly answer: Answer;
  readonly arrival: LoggedArrival;
}

interface Decision {
  readonly judged: Judged;
  readonly content: Content;
  readonly step: Step;
}

interface Facts {
  readonly incoming: IncomingRequest;
  readonly request: EmulatedRequest;
  readonly bodySha256: string;
}

/** The provider without a wire: knows keys, judges requests, makes answers. Works off one request at a time, synchronously. */
export class ProviderCore {
  readonly clock: Clock;
  readonly arrivals: LoggedArrival[] = [];
  readonly keys = new Map<string, KeyState>();
  isOut = false;
  openRequests = 0;
  readonly #options: ProviderEmulatorOptions;
  readonly #judge: ArrivalJudge;
  #answered = 0;

  constructor(options: ProviderEmulatorOptions) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.#judge = new ArrivalJudge({ clock: this.clock, countRefused: options.countRefused });
    assertLimits(options.limits ?? [], "limits");
    for (const { secret, ...behaviour } of keyList(options.keys)) this.addKey(secret, behaviour);
  }

  addKey(secret: string, behaviour: KeyBehaviour): KeyState {
    const path = `keys[${this.keys.size}]`;
    if (secret === "")
      throw new InvalidOptionsError(path, `Expected \`${path}\` to have a secret, got an empty string`);
    assertLimits(behaviour.limits ?? [], `${path}.limits`);
    const state = new KeyState(behaviour);
    this.keys.set(secret, state);
    return state;
  }

  receive(incoming: IncomingRequest): Exchange {
    const secret = credentialOf(incoming.headers, incoming.url);
    const key = secret === undefined ? undefined : this.keys.get(secret);
    const facts = factsOf(incoming);
    const decision = this.#decide(facts, secret, key);
    this.#answered++;
    const content = withRequestId(decision.content, `req_${this.#answered}`);
    const arrival: LoggedArrival = {
      at: this.clock.monotonic(),
      secret,
      keyName: key?.name,
      method: incoming.method,
      path: facts.request.path,
      model: facts.request.model,
      status: null,
      judged: decision.judged,
      headers: incoming.headers,
      bodySha256: facts.bodySha256,
      bodyBytes: incoming.body.byteLength,
      aborted: false,
    };
    this.arrivals.push(arrival);
    return { answer: answerWith(content, decision.step, this.#options.chunkDelayMs ?? 0), arrival };
  }

  #decide(facts: Facts, secret: string | undefined, key: KeyState | undefined): Decision {
    if (this.isOut) return { judged: "scripted", content: jsonContent(503, defaultErrorBody(503)), step: {} };
    if (secret === undefined || key === undefined) return unknownKey(secret !== undefined);
    const step = key.next(facts.request, this.clock.monotonic());
    const scripted = scriptedContent(step);
    if (scripted !== undefined) return { judged: "scripted", content: scripted, step };
    const refusal = this.#refusal(facts.request, secret, key);
    if (refusal !== undefined) return { judged: "refused", content: refusal, step: {} };
    return { judged: "accepted", content: this.#content(facts), step };
  }

  #refusal(request: EmulatedRequest, secret: string, key: KeyState): Content | undefined {
    const limits: readonly ProviderLimit[] = key.limits ?? this.#options.limits ?? [];
    const { model } = request;
    const { account } = key;
    const verdict = this.#judge.judge({ key: secret, account, model, limits });
    if (verdict.accepted || verdict.limit === undefined) return undefined;
    if (this.#options.advertiseRetryAfter === false) {
      return jsonContent(429, rateLimitBody(verdict.limit, { model, account }));
    }
    const { retryAfterMs } = verdict;
    return jsonContent(429, rateLimitBody(verdict.limit, { model, account, retryAfterMs }), {
      "retry-after": String(Math.ceil(retryAfterMs / 1_000)),
      "retry-after-ms": String(Math.ceil(retryAfterMs)),
    });
  }

  #content(facts: Facts): Content {
    const { method, url } = facts.incoming;
    if (method === "POST" && url.pathname.endsWith("/chat/completions")) return this.#completion(facts.request);
    if (method === "GET" && url.pathname.endsWith("/models")) return this.#models();
    if (url.pathname.endsWith("/redirect")) return redirect(url);
    return echo(facts);
  }

  #completion(request: EmulatedRequest): Content {
    const wanted = completionRequest(request.json);
    if (wanted === undefined) {
      const message = "We could not parse the JSON body of your request, or it lacks `model` or `messages`.";
      return jsonContent(400, openaiError(message, "invalid_request_error"));
    }
    const { reply = "Hello from the emulated provider." } = this.#options;
    const parts = {
      id: `chatcmpl-${this.#answered + 1}`,
      created: this.#nowSeconds(),
      reply: typeof reply === "function" ? reply(request) : reply,
    };
    if (!wanted.stream) return jsonContent(200, completionBody(wanted, parts));
    return {
      status: 200,
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
      pieces: completionEvents(wanted, parts),
      isStream: true,
    };
  }

  #models(): Content {
    const created = this.#nowSeconds();
    const ids = this.#options.models ?? ["test-model"];
    const data = ids.map((id) => ({ id, object: "model", created, owned_by: "emulator" }));
    return jsonContent(200, { object: "list", data });
  }

  #nowSeconds(): number {
    return Math.floor(this.clock.wall() / 1_000);
  }
}

function keyList(keys: ProviderEmulatorOptions["keys"]): (KeyBehaviour & { readonly secret: string })[] {
  if (isList(keys)) return keys.map((key) => (typeof key === "string" ? { secret: key } : key));
  return Object.entries(keys).map(([secret, behaviour]) => ({ ...behaviour, secret }));
}

/** `Array.isArray` does not narrow a read-only array. */
function isList<Item>(value: readonly Item[] | object): value is readonly Item[] {
  return Array.isArray(value);
}

/** Throws `InvalidOptionsError` for the first limit that cannot be. */
export function assertLimits(limits: readonly ProviderLimit[], path: string): void {
  for (const [index, limit] of limits.entries()) assertProviderLimit(limit, `${path}[${index}]`);
}

function factsOf(incoming: IncomingRequest): Facts {
  const json = parsedBody(incoming);
  const model = typeof json === "object" && json !== null ? (json as { model?: unknown }).model : undefined;
  return {
    incoming,
    request: {
      method: incoming.method,
      path: pathWithoutCredential(incoming.url),
      headers: incoming.headers,
      model: typeof model === "string" ? model : undefined,
      json,
    },
    bodySha256: createHash("sha256").update(incoming.body).digest("hex"),
  };
}

function parsedBody({ headers, body }: IncomingRequest): unknown {
  if (body.byteLength === 0 || !(headers["content-type"] ?? "").includes("json")) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown;
  } catch {
    return undefined;
  }
}

function withRequestId(content: Content, id: string): Content {
  return { ...content, headers: { ...content.headers, "x-request-id": id } };
}

function unknownKey(hasSecret: boolean): Decision {
  const body = hasSecret
    ? openaiError("Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
    : openaiError("You didn't provide an API key.", "invalid_request_error");
  return { judged: "unauthorized", content: jsonContent(401, body), step: {} };
}

function redirect(url: URL): Content {
  const location = url.searchParams.get("to");
  if (location === null) return jsonContent(400, openaiError("The query lacks `to`.", "invalid_request_error"));
  const status = Number(url.searchParams.get("status") ?? 307);
  return { status, headers: { location }, pieces: [], isStream: false };
}

/** Shows what arrived, so that a caller can tell whether it is what was sent. */
function echo({ incoming, request, bodySha256 }: Facts): Content {
  return jsonContent(200, {
    method: incoming.method,
    path: request.path,
    headers: withoutCredential(incoming.headers),
    bodyBytes: incoming.body.byteLength,
    bodySha256,
  });
}
