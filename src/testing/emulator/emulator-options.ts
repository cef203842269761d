import type { Clock } from "../../types.ts";
import type { ProviderLimit } from "../arrival-judge.ts";
import type { EmulatedKey, EmulatedRequest, KeyBehaviour } from "./step.ts";

/** Settings of {@link createProviderEmulator}. */
export interface ProviderEmulatorOptions {
  /** The keys the provider knows: secrets, keys with their behaviour, or an object from secret to behaviour. */
  readonly keys: readonly (string | EmulatedKey)[] | Readonly<Record<string, KeyBehaviour>>;
  /** Limits of every key that has none of its own. @default none */
  readonly limits?: readonly ProviderLimit[] | undefined;
  /** Whether a refused request uses up quota too. @default false */
  readonly countRefused?: boolean | undefined;
  /** Whether a refusal says, in headers and text, when to come back. @default true */
  readonly advertiseRetryAfter?: boolean | undefined;
  /** Ids that `GET /v1/models` lists. Completions are given for any model. @default ["test-model"] */
  readonly models?: readonly string[] | undefined;
  /** What the model answers. @default "Hello from the emulated provider." */
  readonly reply?: string | ((request: EmulatedRequest) => string) | undefined;
  /** Pause between the events of a stream, milliseconds. @default 0 */
  readonly chunkDelayMs?: number | undefined;
  /** Time for limits, delays and the log. @default the platform's */
  readonly clock?: Clock | undefined;
}
