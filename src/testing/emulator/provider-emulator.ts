import { InvalidOptionsError } from "../../errors.ts";
import type { LimitPeak } from "../limits/limit-judge.ts";
import type { ProviderLimit } from "../limits/provider-limit.ts";
import { type Arrival, type ArrivalFilter, maxUseInWindow, type UseFilter } from "./arrival-log.ts";
import type { ProviderEmulatorOptions } from "./emulator-options.ts";
import type { KeyState } from "./key-state.ts";
import { NodeWire } from "./node-wire.ts";
import { assertLimits, assertNewKey, assertScript } from "./option-checks.ts";
import { ProviderCore } from "./provider-core.ts";
import type { KeyBehaviour, Script, Step } from "./step.ts";
import { handleRequest } from "./web-wire.ts";

/** Changes one key while the emulator runs. */
export interface KeyControls {
  /** Replaces the script and starts it anew; `always` follows its last step. @default always: a normal completion */
  script(script: Script, always?: Step): KeyControls;
  /** Replaces the limits. What was counted before stays counted. */
  limits(limits: readonly ProviderLimit[]): KeyControls;
}

/** What the emulator needs of msw's `http`. */
export interface MswHttp<Handler> {
  all(path: string, resolver: (info: { request: Request }) => Promise<Response>): Handler;
}

/**
 * A provider with an OpenAI-compatible API that can be told what to do, and writes down what it sees.
 *
 * It answers `POST …/chat/completions` (JSON and SSE) and `GET …/models`; `…/redirect?to=<url>&status=307` redirects;
 * every other path answers with `{ method, path, headers, bodyBytes, bodySha256 }` of the request.
 */
export class ProviderEmulator {
  readonly #core: ProviderCore;
  readonly #wire: NodeWire;

  constructor(options: ProviderEmulatorOptions) {
    this.#core = new ProviderCore(options);
    this.#wire = new NodeWire(this.#core);
  }

  /** Listens on a free port of 127.0.0.1. Does nothing when it already does. */
  start(): Promise<void> {
    return this.#wire.listen();
  }

  /** Destroys all connections and stops listening. The log stays readable. */
  async stop(): Promise<void> {
    await this.#wire.close();
    this.#wire.forgetPort();
  }

  /** The same as `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The origin, like `http://127.0.0.1:41234`. Throws before `start()`. */
  get url(): string {
    const { origin } = this.#wire;
    if (origin === undefined) throw new Error("The emulator has no address before `await emulator.start()`.");
    return origin;
  }

  /** The address OpenAI's client wants: `url` with `/v1`. Throws before `start()`. */
  get baseURL(): string {
    return `${this.url}/v1`;
  }

  /**
   * Answers a request without a network: usable as a `fetch` that takes a `Request`. Rejects with a `TypeError` where a
   * connection would be cut before the headers, and with the signal's reason when aborted.
   */
  handle(request: Request): Promise<Response> {
    return handleRequest(this.#core, request);
  }

  /**
   * Request handlers for msw that answer everything under `origin` (like `https://api.example.test`). `http` is msw's.
   *
   * @example
   * const server = setupServer(...emulator.handlers(http, "https://api.example.test"));
   */
  handlers<Handler>(http: MswHttp<Handler>, origin: string): Handler[] {
    const resolver = ({ request }: { request: Request }): Promise<Response> =>
      // msw turns a thrown error into an answer with status 500, and this one into a failed fetch.
      this.handle(request).catch(() => Response.error());
    return [http.all(`${origin.replace(/\/+$/, "")}/*`, resolver)];
  }

  /** The controls of a key. Throws `InvalidOptionsError` when the provider does not know it. */
  key(secret: string): KeyControls {
    const state = this.#core.keys.get(secret);
    if (state === undefined) {
      throw new InvalidOptionsError("secret", "Expected `secret` to be one of the emulator's keys");
    }
    return controlsOf(state);
  }

  /** Adds a key, or puts a fresh one in the place of the one with this secret. */
  addKey(secret: string, behaviour: KeyBehaviour = {}): KeyControls {
    assertNewKey(secret, behaviour);
    return controlsOf(this.#core.addKey(secret, behaviour));
  }

  /** Makes the provider forget a key: from now on it is answered with 401. */
  removeKey(secret: string): void {
    this.#core.keys.delete(secret);
  }

  /** While `isOut`, every request is answered with 503 and not counted. */
  outage(isOut: boolean): void {
    this.#core.isOut = isOut;
  }

  /** While `refuse`, connections are refused, and those that were open are destroyed; the port stays the same. */
  async refuseConnections(refuse = true): Promise<void> {
    // Without an address there is nothing to refuse, and later nothing to come back to.
    if (this.#wire.origin === undefined) throw new Error("The emulator was not started.");
    await (refuse ? this.#wire.close() : this.#wire.listen());
  }

  /** Every request that arrived in full, in the order it was judged. */
  get arrivals(): readonly Arrival[] {
    return this.#core.arrivals;
  }

  /** Requests whose answer is not complete yet. */
  get openRequests(): number {
    return this.#core.openRequests;
  }

  /** The arrivals that came with this secret. */
  arrivalsOf(secret: string): readonly Arrival[] {
    return this.arrivals.filter((arrival) => arrival.secret === secret);
  }

  /** The arrivals that a limit refused. */
  refusals(): readonly Arrival[] {
    return this.arrivals.filter((arrival) => arrival.judged === "refused");
  }

  /**
   * The most that accepted arrivals used in any half-open window of `windowMs` milliseconds: requests or tokens, of one
   * key (its secret or `{ secret }`), of an account, of models, or of all.
   */
  maxInAnyWindow(windowMs: number, of: string | UseFilter = {}): number {
    return maxUseInWindow(this.arrivals, windowMs, typeof of === "string" ? { secret: of } : of);
  }

  /**
   * The most accepted requests that were under way at once: from their judgement until their answer had been sent or
   * their connection had closed.
   */
  peakConcurrency(of: string | ArrivalFilter = {}): number {
    const { secret, account, models } = typeof of === "string" ? { secret: of } : of;
    // A secret nobody knows has no label, and nothing may match instead of everything.
    const key = secret === undefined ? undefined : (this.#core.labelOf(secret) ?? "");
    return this.#core.judge.peakConcurrency({ key, account, models });
  }

  /**
   * How far every limit was used at most, and how often it refused: an entry for each key or account it counts for.
   * A key is called `keys[0]`, `keys[1]` and so on, in the order in which they were given and added.
   */
  peaks(): readonly LimitPeak[] {
    return this.#core.judge.peaks();
  }

  /** Empties the log, and starts the peaks anew. What limits have counted stays counted, and scripts go on where they are. */
  clear(): void {
    this.#core.arrivals.length = 0;
    this.#core.judge.clearLog();
  }
}

function controlsOf(state: KeyState): KeyControls {
  const controls: KeyControls = {
    script(script, always = {}) {
      assertScript(script, always);
      state.setScript(script, always);
      return controls;
    },
    limits(limits) {
      assertLimits(limits);
      state.limits = limits;
      return controls;
    },
  };
  return controls;
}

/**
 * Makes a provider that exists only for a test.
 *
 * @example
 * const emulator = createProviderEmulator({ keys: [first, second], limits: [{ requests: 20, per: 2_000 }] });
 * await emulator.start();
 * emulator.key(first).script([rateLimited({ retryAfterSeconds: 2 })]);
 */
export function createProviderEmulator(options: ProviderEmulatorOptions): ProviderEmulator {
  return new ProviderEmulator(options);
}
