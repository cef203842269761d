import { idOfProvider } from "../limits/scopes.ts";
import type { Classification } from "../types.ts";
import type { Overrule } from "./classification-hooks.ts";
import type { AnswerClassifier, ClassifierInput, CredentialPlacement, Provider, RequestShape } from "./provider.ts";
import { isForSuccess } from "./provider-rules.ts";
import { byStatus } from "./status-classifier.ts";
import { HeaderGrammar } from "./waits/header-grammar.ts";

const noShape: RequestShape = {};

/**
 * A provider with what its answers are read by. An account has one, and whoever has to do with the account's requests asks it.
 * Made once for each provider, however many pools it serves; what classifies refusals when the first one comes.
 */
export class ProviderReading {
  readonly provider: Provider;
  /** The provider's name as ids carry it. */
  readonly id: string;
  /** Where its credential goes. */
  readonly credential: CredentialPlacement;
  /** Does every credential go into the same header? */
  readonly hasOnePlace: boolean;
  /** Where requests say what they ask for. */
  readonly request: RequestShape;
  /** Reads the counters that its answers carry in headers; `undefined`: they carry none, or nobody knows how they are called. */
  readonly grammar: HeaderGrammar | undefined;
  /** May an answer that says success hold an error? */
  readonly hidesErrors: boolean;
  /** Where else than in streams: in JSON; where rules of its own say so, in any text. */
  readonly hidesErrorsIn: "json" | "text" | undefined;
  #classify: AnswerClassifier | undefined = undefined;

  constructor(provider: Provider) {
    this.provider = provider;
    this.id = idOfProvider(provider.name);
    this.credential = provider.credential;
    this.hasOnePlace = provider.credential.query === undefined && provider.credential.tokens === undefined;
    this.request = provider.request ?? noShape;
    this.grammar = (provider.headers ?? []).length > 0 ? new HeaderGrammar(provider) : undefined;
    this.hidesErrorsIn = hidingPlaceOf(provider);
    const looksInside = provider.stream !== undefined || this.hidesErrorsIn !== undefined;
    this.hidesErrors = looksInside && provider.classifier !== undefined;
  }

  /** Says what an answer of the provider means, as the user wants it where `overrule` is given. */
  classify(input: ClassifierInput, overrule: Overrule | undefined): Classification {
    this.#classify ??= (this.provider.classifier ?? byStatus)(this.provider);
    const classified = this.#classify(input);
    return overrule === undefined ? classified : overrule(classified, input);
  }
}

/** A rule for good answers is enough to have them looked into. */
function hidingPlaceOf({ errors = [], errorsInside200 }: Provider): "json" | "text" | undefined {
  if (errorsInside200 === false) return undefined;
  if (errors.some(isForSuccess)) return "text";
  return errorsInside200 === true ? "json" : undefined;
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
