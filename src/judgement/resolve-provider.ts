import { unexpected } from "../checks.ts";
import type { Provider } from "./provider.ts";
import { expectProvider } from "./provider-options.ts";
import { generic } from "./providers/generic.ts";

/** @throws InvalidOptionsError for what is no provider, naming the field that cannot be, and for rules that nobody would read. */
export function resolveProvider(value: unknown, field = "provider"): Provider {
  if (value === undefined) return generic;
  const provider = expectProvider(field, value);
  if (provider.classifier !== undefined || (provider.errors ?? []).length === 0) return provider;
  const expected =
    "beside a `classifier` that reads them: extend a provider of `rotating-fetch/providers`, or pass its `lexicon`";
  throw unexpected(`${field}.errors`, expected, provider.errors);
}
