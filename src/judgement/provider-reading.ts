import { idOfProvider } from "../limits/scopes.ts";
import type { Classification } from "../types.ts";
import type { Overrule } from "./classification-hooks.ts";
import { Classifier, type ClassifierInput } from "./classifier.ts";
import type { CredentialPlacement, Provider, RequestShape } from "./provider.ts";
import { HeaderGrammar } from "./waits/header-grammar.ts";

const noShape: RequestShape = {};

/**
 * A provider with what its answers are read by. An account has one, and whoever has to do with the account's requests asks it.
 * Made once for each provider, however many pools it serves; what judges refusals when the first one comes.
 */
export class ProviderReading {
  readonly provider: Provider;
  /** The provider's name as ids carry it. */
  readonly id: string;
  /** Where its credential goes. */
  readonly credential: CredentialPlacement;
  /** Where requests say what they ask for. */
  readonly request: RequestShape;
  /** Reads the counters that its answers carry in headers; `undefined`: they carry none, or nobody knows how they are called. */
  readonly grammar: HeaderGrammar | undefined;
  /** May an answer that says success hold an error? */
  readonly hidesErrors: boolean;
  #classifier: Classifier | undefined = undefined;

  constructor(provider: Provider) {
    this.provider = provider;
    this.id = idOfProvider(provider.name);
    this.credential = provider.credential;
    this.request = provider.request ?? noShape;
    this.grammar = (provider.headers ?? []).length > 0 ? new HeaderGrammar(provider) : undefined;
    this.hidesErrors = provider.stream !== undefined || provider.errorsInside200 === true;
  }

  /** Says what an answer of the provider means, as the user wants it where `overrule` is given. */
  classify(input: ClassifierInput, overrule: Overrule | undefined): Classification {
    this.#classifier ??= new Classifier(this.provider);
    const classified = this.#classifier.classify(input);
    return overrule === undefined ? classified : overrule(classified, input);
  }
}

const readings = new WeakMap<Provider, ProviderReading>();

export function readingOf(provider: Provider): ProviderReading {
  let reading = readings.get(provider);
  if (reading === undefined) {
    reading = new ProviderReading(provider);
    readings.set(provider, reading);
  }
  return reading;
}
