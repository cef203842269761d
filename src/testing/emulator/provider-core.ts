import { systemClock } from "../../clock.ts";
import { InvalidOptionsError } from "../../errors.ts";
import { isError } from "../../realms.ts";
import type { Clock } from "../../types.ts";
import type { LimitTicket } from "../limits/judge-log.ts";
import { LimitJudge, type LimitRefusal, type LimitRequest, type LimitStanding } from "../limits/limit-judge.ts";
import type { ProviderLimit } from "../limits/provider-limit.ts";
import { type Answer, answerWith, type Content, jsonContent, scriptedContent } from "./answers/answer.ts";
import type { CompletionUsage } from "./answers/completion.ts";
import { defaultErrorBody, openaiError, rateLimitBody } from "./answers/openai-errors.ts";
import { rateLimitHeaders } from "./answers/rate-limit-headers.ts";
import type { Judged, LoggedArrival } from "./arrival-log.ts";
import { CredentialReader } from "./credential.ts";
import type { ProviderEmulatorOptions } from "./emulator-options.ts";
import { type Facts, factsOf, type IncomingRequest } from "./incoming.ts";
import { KeyState } from "./key-state.ts";
import { assertOptions } from "./option-checks.ts";
import { Routes } from "./routes.ts";
import type { KeyBehaviour, Step } from "./step.ts";

/** An answer to send, and the log's entry to keep up to date meanwhile. */
export interface Exchange {
  readonly answer: Answer;
  readonly arrival: LoggedArrival;
  /** To be called when the answer has been sent or the connection has closed. Does nothing the second time. */
  readonly finish: () => void;
}

interface Decision {
  readonly judged: Judged;
  readonly content: Content;
  readonly step: Step;
  readonly usage?: CompletionUsage;
  readonly refusedBy?: ProviderLimit;
  readonly ticket?: LimitTicket;
}

/** The provider without a wire: knows keys, judges requests, makes answers. Works off one request at a time, synchronously. */
export class ProviderCore {
  readonly clock: Clock;
  readonly arrivals: LoggedArrival[] = [];
  readonly keys = new Map<string, KeyState>();
  readonly judge: LimitJudge;
  isOut = false;
  openRequests = 0;
  readonly #options: ProviderEmulatorOptions;
  readonly #credentials: CredentialReader;
  readonly #routes: Routes;
  /** What a secret is called; a key that comes back goes on with what was counted for it. */
  readonly #labels = new Map<string, string>();
  #answered = 0;

  constructor(options: ProviderEmulatorOptions) {
    assertOptions(options);
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.judge = new LimitJudge([], { countRefused: options.countRefused });
    this.#credentials = new CredentialReader(options.credential);
    this.#routes = new Routes(options, this.clock, this.#credentials);
    for (const [place, { secret, ...behaviour }] of keyList(options.keys).entries()) {
      const known = this.labelOf(secret);
      if (known !== undefined) {
        const path = `keys[${place}]`;
        throw new InvalidOptionsError(path, `Expected \`${path}\` to be unique, got the secret of \`${known}\` again`);
      }
      this.addKey(secret, behaviour);
    }
  }

  addKey(secret: string, behaviour: KeyBehaviour): KeyState {
    const label = this.labelOf(secret) ?? `keys[${this.#labels.size}]`;
    this.#labels.set(secret, label);
    const state = new KeyState(label, behaviour);
    this.keys.set(secret, state);
    return state;
  }

  /** What the judge calls a key, whether it is still known or not. */
  labelOf(secret: string): string | undefined {
    return this.#labels.get(secret);
  }

  receive(incoming: IncomingRequest): Exchange {
    const at = this.clock.monotonic();
    const secret = this.#credentials.secretOf(incoming.headers, incoming.url);
    const key = secret === undefined ? undefined : this.keys.get(secret);
    const facts = factsOf(incoming, this.#credentials);
    const decision = this.#decideSafely(facts, at, secret !== undefined, key);
    this.#answered++;
    const { judged, ticket, usage } = decision;
    const arrival: LoggedArrival = {
      at,
      secret,
      keyName: key?.name,
      account: key?.account,
      method: incoming.method,
      path: facts.request.path,
      model: facts.request.model,
      status: null,
      judged,
      refusedBy: decision.refusedBy,
      inputTokens: usage?.inputTokens ?? 0,
      outputTokens: usage?.outputTokens ?? 0,
      headers: incoming.headers,
      bodySha256: facts.bodySha256,
      bodyBytes: incoming.body.byteLength,
      aborted: false,
      finishedAt: null,
    };
    this.arrivals.push(arrival);
    const content = withRequestId(decision.content, `req_${this.#answered}`);
    const answer = answerWith(content, decision.step, this.#options.chunkDelayMs ?? 0);
    return { answer, arrival, finish: () => this.#finish(arrival, ticket) };
  }

  #finish(arrival: LoggedArrival, ticket: LimitTicket | undefined): void {
    if (arrival.finishedAt !== null) return;
    arrival.finishedAt = this.clock.monotonic();
    if (ticket !== undefined) this.judge.finish(ticket, arrival.finishedAt);
  }

  /** A function of the test's that fails shows in the answer: over a network there is no one to throw to. */
  #decideSafely(facts: Facts, at: number, hasSecret: boolean, key: KeyState | undefined): Decision {
    try {
      return this.#decide(facts, at, hasSecret, key);
    } catch (error) {
      const message = `The emulator could not answer: ${isError(error) ? error.message : String(error)}`;
      return { judged: "scripted", content: jsonContent(500, openaiError(message, "emulator_error")), step: {} };
    }
  }

  #decide(facts: Facts, at: number, hasSecret: boolean, key: KeyState | undefined): Decision {
    if (this.isOut) return { judged: "scripted", content: jsonContent(503, defaultErrorBody(503)), step: {} };
    if (key === undefined) return unknownKey(hasSecret);
    const step = key.next(facts.request, at);
    const scripted = scriptedContent(step);
    if (scripted !== undefined) return { judged: "scripted", content: scripted, step };
    const planned = this.#routes.plan(facts);
    const { usage } = planned;
    const request: LimitRequest = {
      ...usage,
      at,
      wall: this.clock.wall(),
      key: key.label,
      account: key.account,
      model: facts.request.model,
      limits: key.limits ?? this.#options.limits ?? [],
    };
    const verdict = this.judge.arrive(request);
    const standings = this.#options.rateLimitHeaders === true ? this.judge.standings(request) : [];
    if (!verdict.allowed) {
      const content = this.#refusal(request, verdict.by, verdict.retryAfterMs, standings);
      return { judged: "refused", content, step: {}, usage, refusedBy: verdict.by.limit };
    }
    const content = withHeaders(planned.content(this.#answered + 1), rateLimitHeaders(standings));
    return { judged: "accepted", content, step, usage, ticket: verdict.ticket };
  }

  #refusal(
    { model, account }: LimitRequest,
    by: LimitRefusal,
    retryAfterMs: number | null,
    standings: readonly LimitStanding[],
  ): Content {
    const headers = rateLimitHeaders(standings);
    if (retryAfterMs === null || this.#options.advertiseRetryAfter === false) {
      return jsonContent(429, rateLimitBody(by, { model, account }), headers);
    }
    return jsonContent(429, rateLimitBody(by, { model, account, retryAfterMs }), {
      ...headers,
      "retry-after": String(Math.ceil(retryAfterMs / 1_000)),
      "retry-after-ms": String(Math.ceil(retryAfterMs)),
    });
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

function withHeaders(content: Content, headers: Readonly<Record<string, string>>): Content {
  return { ...content, headers: { ...content.headers, ...headers } };
}

function withRequestId(content: Content, id: string): Content {
  return withHeaders(content, { "x-request-id": id });
}

function unknownKey(hasSecret: boolean): Decision {
  const body = hasSecret
    ? openaiError("Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
    : openaiError("You didn't provide an API key.", "invalid_request_error");
  return { judged: "unauthorized", content: jsonContent(401, body), step: {} };
}
