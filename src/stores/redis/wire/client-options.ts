import { expectNumber, unexpected } from "../../../checks.ts";
import { InvalidOptionsError } from "../../../errors.ts";

/** What the options of all that works on a server have in common. */
interface ClientOptions {
  readonly pool: string;
  readonly prefix?: string | undefined;
  readonly commandTimeoutMs?: number | undefined;
}

interface Methods {
  readonly sendCommand?: unknown;
}

/** It is easily taken for the only argument. @throws InvalidOptionsError for a client. */
export function expectNoClient(options: unknown): void {
  const isClient = typeof options === "function" || typeof (options as Methods | undefined)?.sendCommand === "function";
  if (isClient) throw new InvalidOptionsError("options", "Expected options such as `{ client, pool }`, got a client");
}

/**
 * What the options of all that works on a server have in common.
 * @throws InvalidOptionsError naming the option that cannot work.
 */
export function checkClientOptions({ pool, prefix, commandTimeoutMs }: ClientOptions): void {
  expectName("pool", pool);
  if (prefix !== undefined) expectName("prefix", prefix);
  if (commandTimeoutMs !== undefined) expectNumber("commandTimeoutMs", commandTimeoutMs, { min: 1, finite: true });
}

/** Braces would end the hash tag that keeps a pool's keys together. */
function expectName(field: string, value: unknown): void {
  if (typeof value === "string" && value !== "" && !/[{}]/.test(value)) return;
  throw unexpected(field, "a text that is not empty and has no braces", value);
}
