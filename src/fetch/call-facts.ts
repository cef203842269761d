import { type Call, modelIn } from "../attempt/call.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import { credentialHeaders, type HeadersLike, shownUrl, withoutCredential } from "./credentials.ts";

/** A call that can be shown. */
export type ShowableCall = Call & { readonly headers: HeadersLike };

/** A call as functions of the user see it. What takes work is done when it is asked for. */
export interface CallFacts {
  /** Without the credential a client of the provider may have put there. */
  readonly url: string;
  readonly method: string;
  /** Without credentials and cookies. */
  readonly headers: Headers;
  /** The body, where it is text. */
  readonly body: string | undefined;
  readonly model: string | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
}

/** Shows a call without what is secret in it. */
export class ShownCall implements CallFacts {
  readonly #call: ShowableCall;
  readonly #providers: readonly ProviderReading[];

  constructor(call: ShowableCall, providers: readonly ProviderReading[]) {
    this.#call = call;
    this.#providers = providers;
  }

  get url(): string {
    return shownUrl(this.#call.url, this.#providers);
  }

  get method(): string {
    return this.#call.method;
  }

  get headers(): Headers {
    return new Headers(withoutCredential(this.#call.headers, credentialHeaders(this.#providers)));
  }

  get body(): string | undefined {
    return this.#call.text;
  }

  get model(): string | undefined {
    return this.#call.model ?? modelIn(this.#call, this.#providers);
  }

  get tags(): CallFacts["tags"] {
    return this.#call.tags;
  }
}
