import { expectKnown, unexpected } from "../checks.ts";
import type { CredentialPlacement, ErrorRule, Provider } from "./provider.ts";
import { expectProvider, providerShape } from "./provider-options.ts";
import { isForSuccess } from "./provider-rules.ts";
import { generic } from "./providers/generic.ts";

type ProviderFields = { readonly [field in keyof Provider]?: Provider[field] | undefined };

/** A provider, told by how it differs from another one. */
export interface ProviderDefinition extends ProviderFields {
  /** What is not given here is taken from it. @default the preset `generic` */
  readonly extends?: Provider | undefined;
  /**
   * Where the secret goes: `header` when the client sends no credential of its own. A client that sends one, in
   * `authorization`, `x-api-key`, `x-goog-api-key`, `api-key`, this header or the parameter `query`, has it replaced where it
   * stands. Without `header` the secret always goes into the URL. @default the other provider's
   */
  readonly credential?: CredentialPlacement | undefined;
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
  expectKnown("provider", definition, { extends: true, ...providerShape });
  const { extends: from = generic, ...fields } = definition;
  const base = expectProvider("provider.extends", from);
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const provider = expectProvider("provider", { ...base, ...whereabouts(fields), ...given });
  if (fields.errorsInside200 === false) expectNoneForSuccess(fields.errors ?? []);
  if (fields.errors === undefined || base.errors === undefined) return provider;
  return { ...provider, errors: [...fields.errors, ...base.errors] };
}

/** Rules of one's own would never be heard; those of the base may be switched off so. */
function expectNoneForSuccess(rules: readonly ErrorRule[]): void {
  const place = rules.findIndex(isForSuccess);
  if (place === -1) return;
  const wanted = `left out, or true, beside a rule for answers that say success (\`errors[${place}]\`)`;
  throw unexpected("provider.errorsInside200", wanted, false);
}

/** What becomes of the base's own whereabouts. */
function whereabouts({ origins, baseURL }: ProviderFields): Partial<Record<keyof Provider, unknown>> {
  if (origins === undefined && baseURL === undefined) return {};
  const own = { hosts: undefined, paths: undefined, baseURL: undefined };
  return origins === undefined ? { ...own, origins: originsOf(baseURL) } : own;
}

/** A base URL that is none is told of when the whole is checked. */
function originsOf(baseURL: unknown): readonly string[] {
  return typeof baseURL === "string" && URL.canParse(baseURL) ? [new URL(baseURL).origin] : [];
}
