import * as objects from "../judgement/define-provider.ts";
import type { Provider } from "../judgement/provider.ts";
import { type ProviderName, providerNamed } from "./presets.ts";

/** A provider, told by how it differs from another one. */
export interface ProviderDefinition extends Omit<objects.ProviderDefinition, "extends"> {
  /** A preset's name or a `Provider`: what is not given here is taken from it. @default "generic" */
  readonly extends?: ProviderName | Provider | undefined;
}

/**
 * Makes a provider out of another one. A field that is given replaces the other's as a whole, except that `errors` given
 * here are asked before the other's. Where it lives is one thing: `origins` or `baseURL` given here replace all that the
 * other says of origins, hosts, paths and base URL, and a `baseURL` alone allows its own origin only.
 *
 * @throws InvalidOptionsError naming the field that cannot be.
 * @example
 * const gateway = defineProvider({
 *   extends: "openai",
 *   name: "our-gateway",
 *   baseURL: "https://llm.example.com/v1",
 *   errors: [{ status: 409, words: "slot taken", verdict: { kind: "rate_limit", reset: 2_000 } }],
 * });
 * const fetch = createRotatingFetch({ provider: gateway, keys: process.env.GATEWAY_KEYS });
 */
export function defineProvider(definition: ProviderDefinition): Provider {
  const from = (definition as Partial<ProviderDefinition> | undefined)?.extends;
  if (from === undefined || typeof from === "object") return objects.defineProvider(definition as never);
  return objects.defineProvider({ ...definition, extends: providerNamed(from, "provider.extends") });
}
