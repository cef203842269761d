import { expectKnown, expectNumber, unexpectedSecret } from "../../../checks.ts";
import type { Clock, Random } from "../../../types.ts";
import type { RedisClient } from "../wire/client.ts";
import { checkClientOptions, expectNoClient } from "../wire/client-options.ts";
import type { EncryptionKey } from "./encryption-keys.ts";

export interface RedisKeyStoreOptions {
  /** An ioredis or node-redis client (single, Cluster, Sentinel), or a function that sends one command. It stays the caller's to close. */
  readonly client: RedisClient;
  /** Whose keys these are: the same for all processes that share them. It may be that of the `RedisStore` beside it. */
  readonly pool: string;
  /** In front of every Redis key. @default "rf" */
  readonly prefix?: string | undefined;
  /**
   * Has the secrets that operators give kept, encrypted with this key of 256 bits: 32 bytes, their base64 text, or a `CryptoKey`
   * for AES-GCM that may encrypt and decrypt. With a list the first one encrypts, and all of them decrypt.
   * @default secrets are not kept: a key that operators add serves only in the processes it was given to
   */
  readonly encryptionKey?: EncryptionKey | readonly EncryptionKey[] | undefined;
  /** How long an answer is waited for, milliseconds. No request waits for it. @default 5000 */
  readonly commandTimeoutMs?: number | undefined;
  /**
   * How often the server is asked for changes of others where it does not tell of them by itself, milliseconds. Where it does,
   * a fifth as often. @default 2000
   */
  readonly pollMs?: number | undefined;
  /** For timers. @default the platform's clock */
  readonly clock?: Clock | undefined;
  /** Keeps processes from asking at the same time. @default Math.random */
  readonly random?: Random | undefined;
}

const known: { readonly [name in keyof Required<RedisKeyStoreOptions>]: true } = {
  client: true,
  pool: true,
  prefix: true,
  encryptionKey: true,
  commandTimeoutMs: true,
  pollMs: true,
  clock: true,
  random: true,
};

/** @throws InvalidOptionsError naming the option that cannot work. */
export function checkKeyStoreOptions(options: RedisKeyStoreOptions): void {
  expectNoClient(options);
  // A typing error must not silently mean that secrets are not kept.
  expectKnown("options", options, known);
  // Nor must a variable that is not set.
  if ("encryptionKey" in options && options.encryptionKey === undefined) {
    const came = "undefined: is its variable set? Leave it out to keep no secrets";
    throw unexpectedSecret("encryptionKey", "a key of 256 bits", came);
  }
  const { pool, prefix, commandTimeoutMs, pollMs } = options;
  checkClientOptions({ pool, prefix, commandTimeoutMs });
  if (pollMs !== undefined) expectNumber("pollMs", pollMs, { min: 1, finite: true });
}
