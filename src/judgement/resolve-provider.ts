import type { Provider } from "./provider.ts";
import { expectProvider } from "./provider-options.ts";
import { generic } from "./providers/generic.ts";

/** @throws InvalidOptionsError for what is no provider, naming the field that cannot be. */
export function resolveProvider(value: unknown): Provider {
  return value === undefined ? generic : expectProvider("provider", value);
}
