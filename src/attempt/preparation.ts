import type { CallPort } from "../pool/pool-port.ts";
import { isPromise } from "../realms.ts";
import type { TokenEstimate } from "../types.ts";
import { type Call, modelIn } from "./call.ts";
import type { PoolPins } from "./resource-pins.ts";

export interface PreparationOptions<C> {
  /** Which conversation a call belongs to. */
  readonly affinityOf: ((call: C) => string | undefined) | undefined;
  /** How many tokens a call may use, better guessed than by its length. */
  readonly estimateOf: ((call: C) => number | TokenEstimate) | undefined;
  readonly pins: PoolPins;
}

/** Pools that were told of a model nobody could read. */
const toldOfModels = new WeakSet<CallPort>();

/** What has to be known of a call before a key is asked for, and only where a pool needs it. */
export class Preparation<C extends Call> {
  readonly #pool: CallPort;
  readonly #options: PreparationOptions<C>;

  constructor(pool: CallPort, options: PreparationOptions<C>) {
    this.#pool = pool;
    this.#options = options;
  }

  /** Returns a promise where a body is unpacked or a store has to be asked; when it is over, a call is prepared once more. */
  prepare(call: C): Promise<unknown> | undefined {
    const reading = call.makeReadable(this.#pool);
    if (reading !== undefined) return reading;
    const { affinityOf, pins } = this.#options;
    if (pins.isInUse) {
      const account = pins.accountFor(call);
      if (account instanceof Promise) return account;
      call.account = account;
    }
    if (affinityOf !== undefined && call.affinity === undefined) call.affinity = this.#affinityOf(call, affinityOf);
    if (this.#pool.countsTokens) call.tokens = () => this.#estimateOf(call);
    return undefined;
  }

  /** What a pool asks for that tells models apart; a promise: ask again when it is over. */
  about(call: C): Promise<void> | undefined {
    const reading = call.makeReadable(this.#pool);
    if (reading !== undefined) return reading;
    call.model = modelIn(call, this.#pool.providers);
    if (call.model === undefined) this.#onUnknownModel(call);
    if (this.#pool.readsRequests) call.tokens ??= () => this.#estimateOf(call);
    return undefined;
  }

  /** A model matters, and the request names none: is that because nobody could read it? */
  #onUnknownModel(call: C): void {
    if (!this.#pool.wants("model-unknown") || toldOfModels.has(this.#pool)) return;
    const reason = call.unreadable;
    if (reason === undefined) return;
    toldOfModels.add(this.#pool);
    call.requestId ??= this.#pool.nameOf(call);
    this.#pool.emit("model-unknown", { requestId: call.requestId, reason });
  }

  #affinityOf(call: C, affinityOf: (call: C) => string | undefined): string | undefined {
    try {
      const affinity = affinityOf(call);
      if (affinity === undefined || typeof affinity === "string") return affinity === "" ? undefined : affinity;
      throw new TypeError(`Expected \`affinity()\` to return a string or undefined, got ${typeof affinity}`);
    } catch (error) {
      this.#pool.emit("internal-error", { part: "affinity", error });
      return undefined;
    }
  }

  #estimateOf(call: C): TokenEstimate {
    const { estimateOf } = this.#options;
    if (estimateOf === undefined) return call.estimateTokens();
    try {
      return checked(estimateOf(call));
    } catch (error) {
      this.#pool.emit("internal-error", { part: "estimate", error });
      return call.estimateTokens();
    }
  }
}

function checked(estimate: unknown): TokenEstimate {
  if (isAmount(estimate)) return { input: estimate, output: 0 };
  if (typeof estimate === "object" && estimate !== null && !isPromise(estimate)) {
    const { input, output } = estimate as TokenEstimate;
    if ((input === undefined || isAmount(input)) && (output === undefined || isAmount(output)))
      return { input, output };
  }
  // Nobody will wait for it, and its failure is no news.
  if (isPromise(estimate)) Promise.resolve(estimate).catch(() => {});
  const came = isPromise(estimate) ? "a promise" : typeof estimate;
  throw new TypeError(
    `Expected \`estimateTokens()\` to return a number >= 0 or { input, output } of such, got ${came}`,
  );
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
