import { atMost } from "../../clock.ts";
import { KeySourceError } from "../../errors.ts";
import type { Awaitable, Clock, DynamicSecret } from "../../types.ts";
import type { KeyConfig } from "./key-config.ts";
import { badCharacter } from "./secret-text.ts";
import { SharedWork } from "./shared-work.ts";

/** A function that takes longer has failed; the next request asks it anew. Milliseconds. */
const longestFetchMs = 10_000;

function tooSlow(): Error {
  return new DOMException(`No answer within ${longestFetchMs} ms`, "TimeoutError");
}

/** Times before it, in 1973, are no times of ours: they are seconds since the epoch, or seconds from now. */
const earliestEnd = 1e11;

/** When a secret ends, epoch milliseconds. What came is told by its kind unless it is a number: a string may be the secret. */
function endOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === "number" && Number.isFinite(value) && value >= earliestEnd) return value;
  let came: string = typeof value;
  if (value instanceof Date) came = "a Date; use its `getTime()`";
  else if (typeof value === "number") {
    const isShort = Number.isFinite(value) && value < earliestEnd;
    came = `\`${value}\` (number)${isShort ? ", which looks like seconds" : ""}`;
  }
  throw new KeySourceError(
    `Expected \`expiresAt\` of a key's \`secret\` function to be epoch milliseconds such as \`Date.now() + 3_600_000\`, got ${came}`,
  );
}

/** Stands for the secret of a key that is remembered without it: an operator gave it, and nobody keeps it. */
export function unknownSecret(): never {
  throw new KeySourceError("The key's secret is not known any more: give it again.");
}

/** What the secrets of a pool have in common. */
export interface SecretParts {
  readonly fingerprint: (secret: string) => string;
  readonly clock: Clock;
}

/** What only a fetched secret has. */
interface Fetched {
  current: string | undefined;
  expiresAt: number;
  readonly fetching: SharedWork<string>;
}

/**
 * The current secret of a key and the fingerprint that classifications of it follow. Private fields keep it out of logs,
 * inspection and JSON.
 */
export class KeySecret {
  readonly #source: KeyConfig["secret"];
  readonly #parts: SecretParts;
  #bearer: string | undefined = undefined;
  #currentFingerprint: string | undefined = undefined;
  readonly #fetched: Fetched | undefined;

  constructor(source: KeyConfig["secret"], parts: SecretParts) {
    this.#source = source;
    this.#parts = parts;
    this.#fetched =
      typeof source === "string"
        ? undefined
        : { current: undefined, expiresAt: Number.POSITIVE_INFINITY, fetching: new SharedWork(parts.clock) };
  }

  /** As it was given: the secret, or the function that fetches it. */
  get source(): KeyConfig["secret"] {
    return this.#source;
  }

  get isDynamic(): boolean {
    return this.#fetched !== undefined;
  }

  /** Is there one, or a way to it? */
  get isKnown(): boolean {
    return this.#source !== unknownSecret;
  }

  /** Names the current secret; `undefined` until a dynamic one was read. */
  get fingerprint(): string | undefined {
    if (this.#currentFingerprint === undefined) {
      const current = this.peek();
      if (current !== undefined) this.#currentFingerprint = this.#parts.fingerprint(current);
    }
    return this.#currentFingerprint;
  }

  /** As a bearer token: put together once, not for every request. */
  get bearer(): string {
    if (this.#fetched !== undefined) return `Bearer ${this.#fetched.current}`;
    this.#bearer ??= `Bearer ${this.#source}`;
    return this.#bearer;
  }

  /** The secret last read; for masks and for scrubbing. */
  peek(): string | undefined {
    return this.#fetched === undefined ? (this.#source as string) : this.#fetched.current;
  }

  /** The secret to send. A function is asked when there is none yet or the last one has expired, once for all who wait. */
  read(): Awaitable<string> {
    const fetched = this.#fetched;
    if (fetched === undefined) return this.#source as string;
    if (fetched.current !== undefined && this.#parts.clock.wall() < fetched.expiresAt) return fetched.current;
    return fetched.fetching.run(() => this.#fetch(fetched));
  }

  /** A provider refused it: what was fetched is forgotten, and the next read asks again. */
  forget(): void {
    if (this.#fetched === undefined) return;
    this.#fetched.current = undefined;
    this.#currentFingerprint = undefined;
  }

  toJSON(): string {
    return "[secret]";
  }

  async #fetch(fetched: Fetched): Promise<string> {
    const source = this.#source as () => Awaitable<string | DynamicSecret>;
    let answer: string | DynamicSecret;
    try {
      answer = await atMost(Promise.resolve(source()), longestFetchMs, this.#parts.clock, tooSlow);
    } catch (cause) {
      throw new KeySourceError("The function that fetches a key's secret failed.", { cause });
    }
    const secret = typeof answer === "string" ? answer : answer?.secret;
    if (typeof secret !== "string" || secret.trim() === "") {
      throw new KeySourceError(
        `Expected a key's \`secret\` function to return a non-empty string or { secret, expiresAt }, got ${typeof answer}`,
      );
    }
    const bad = badCharacter(secret.trim());
    if (bad !== undefined) {
      throw new KeySourceError(`Expected a key's \`secret\` function to return a usable secret, got ${bad}`);
    }
    const expiresAt = typeof answer === "string" ? 0 : endOf(answer.expiresAt);
    if (secret.trim() !== fetched.current) this.#currentFingerprint = undefined;
    fetched.current = secret.trim();
    fetched.expiresAt = expiresAt;
    return fetched.current;
  }
}
