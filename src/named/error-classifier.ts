import * as objects from "../judgement/error-classifier.ts";
import type { Provider } from "../judgement/provider.ts";
import { type ProviderName, providerNamed } from "./presets.ts";

export interface ErrorClassifierOptions {
  /** Whose answers are classified: a preset's name or a `Provider`. @default none: what holds for every API */
  readonly provider?: ProviderName | Provider | undefined;
}

/**
 * Classifies answers: what happened, what it covers and what may be done about it. Synchronous and pure; it never throws,
 * whatever it is given.
 */
export class ErrorClassifier extends objects.ErrorClassifier {
  /** The build has two classes of the name, and would call this one otherwise. */
  static override readonly name = "ErrorClassifier";

  /** @throws InvalidOptionsError for a provider that is none, and for any other option. */
  constructor(options: ErrorClassifierOptions = {}) {
    const { provider } = options ?? {};
    const found = typeof provider === "string" ? { provider: providerNamed(provider) } : undefined;
    super(found === undefined ? (options as objects.ErrorClassifierOptions) : { ...options, ...found });
  }
}
