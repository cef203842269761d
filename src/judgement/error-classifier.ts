import { expectKnown } from "../checks.ts";
import type { Classification } from "../types.ts";
import { lexicon } from "./classifier.ts";
import type { AnswerClassifier, ClassifierInput, Provider } from "./provider.ts";
import { expectProvider } from "./provider-options.ts";

/** What holds for every API. */
const unknownProvider: Provider = { name: "unknown", origins: [], credential: {} };

export interface ErrorClassifierOptions {
  /** Whose answers are classified. @default none: what holds for every API */
  readonly provider?: Provider | undefined;
}

/**
 * Says what an answer of an API means: what happened, what it covers, until when, and what may be done about it. Needs no pool.
 * Synchronous and pure; `classify` never throws, whatever it is given.
 *
 * @example
 * const classifier = new ErrorClassifier({ provider: "openai" });
 * const found = classifier.classify({ status: 429, headers: response.headers, body: await response.text(), now: Date.now() });
 * if (found.failover) console.log(`${found.kind} of ${found.scope}, for ${found.retryAfterMs ?? "some"} ms`);
 */
export class ErrorClassifier {
  readonly provider: Provider | undefined;
  readonly #classify: AnswerClassifier;

  /** @throws InvalidOptionsError for a provider that is none, and for any other option. */
  constructor(options: ErrorClassifierOptions = {}) {
    expectKnown("options", options, { provider: true });
    this.provider = options.provider === undefined ? undefined : expectProvider("provider", options.provider);
    this.#classify = (this.provider?.classifier ?? lexicon)(this.provider ?? unknownProvider);
  }

  classify(input: ClassifierInput): Classification {
    return this.#classify(input);
  }
}
