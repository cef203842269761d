import type { Clock } from "../../types.ts";
import type { ProviderLimit } from "../limits/provider-limit.ts";
import type { CredentialPlace } from "./credential.ts";
import type { EmulatedKey, EmulatedRequest, KeyBehaviour } from "./step.ts";

/** Settings of {@link createProviderEmulator}. */
export interface ProviderEmulatorOptions {
  /** The keys the provider knows: secrets, keys with their behaviour, or an object from secret to behaviour. */
  readonly keys: readonly (string | EmulatedKey)[] | Readonly<Record<string, KeyBehaviour>>;
  /**
   * Where the provider takes the key: a header, with the word before the key if there is one, or a query parameter. Of
   * several the first that holds something counts.
   * @default `Authorization: Bearer`, `x-api-key`, `api-key`, `x-goog-api-key` or `?key=`
   */
  readonly credential?: CredentialPlace | readonly CredentialPlace[] | undefined;
  /** Limits of every key that has none of its own. @default none */
  readonly limits?: readonly ProviderLimit[] | undefined;
  /** Whether a refused request counts as a request too (never its tokens). @default false */
  readonly countRefused?: boolean | undefined;
  /** Whether a refusal says, in headers and text, when to come back. @default true */
  readonly advertiseRetryAfter?: boolean | undefined;
  /**
   * Whether judged answers carry `x-ratelimit-limit-…`, `-remaining-…` and `-reset-…` for `requests`, `tokens`,
   * `input-tokens` and `output-tokens`, each for the limit with the least left. The reset is the time until nothing
   * counts any more, like `1m30.5s`.
   * @default false
   */
  readonly rateLimitHeaders?: boolean | undefined;
  /** Ids that `GET /v1/models` lists. Completions are given for any model. @default ["test-model"] */
  readonly models?: readonly string[] | undefined;
  /** What the model answers. @default "Hello from the emulated provider." */
  readonly reply?: string | ((request: EmulatedRequest) => string) | undefined;
  /**
   * Output tokens of a completion, as its usage tells and limits count; an integer of at least 0. The input tokens are
   * a quarter of the characters of `messages` as JSON, rounded up.
   * @default the words of the reply
   */
  readonly completionTokens?: number | ((request: EmulatedRequest) => number) | undefined;
  /** Pause between the events of a stream, milliseconds. @default 0 */
  readonly chunkDelayMs?: number | undefined;
  /** Time for limits, delays and the log. @default the platform's */
  readonly clock?: Clock | undefined;
}
