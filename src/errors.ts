import { isError } from "./realms.ts";
import type { AttemptSummary } from "./types.ts";

/** What every error of this library has: a `code` that stays, and the `cause` where there is one. */
export abstract class RotatingFetchError extends Error {
  abstract readonly code: string;
}

/**
 * Names survive two copies of the library in one process (ESM and CommonJS builds, subpaths), `instanceof` does not.
 */
function isNamed(error: unknown, name: string): boolean {
  return isError(error) && error.name === name && "code" in error;
}

/** Something handed to the library cannot work. The message names the field, what was expected and what came. */
export class InvalidOptionsError extends RotatingFetchError {
  override readonly name = "InvalidOptionsError" as const;
  readonly code = "ERR_INVALID_OPTIONS";
  /** The option at fault, as a path: `keys[2].weight`. */
  readonly field: string;

  constructor(field: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.field = field;
  }

  static isInstance(error: unknown): error is InvalidOptionsError {
    return isNamed(error, "InvalidOptionsError");
  }
}

/** Why keys cannot be used now, counted. */
export interface BlockedReasons {
  /** Cooling after a refusal or at a declared limit: will recover. */
  readonly limited: number;
  /** The provider refused the credential. */
  readonly credential: number;
  /** Switched off by an operator or for good. */
  readonly disabled: number;
  /** Not meant for this request (model). */
  readonly unsuitable: number;
  /** Kept back because the store that counts for them cannot be asked. @default 0 */
  readonly store?: number | undefined;
}

interface ExhaustedDetails {
  readonly status: number;
  readonly retryAt: number | null;
  readonly retryAfterMs: number | null;
  readonly reasons: BlockedReasons;
  /** The account a request belongs to. */
  readonly account?: string | undefined;
  /** What it asked for, where no key serves that, and what there is. */
  readonly unserved?: { readonly model: string; readonly models: readonly string[] } | undefined;
  readonly cause?: unknown;
}

/**
 * No key can serve the request within the time it may wait.
 * Never frozen, and never worded so that a client library takes it for a time-out.
 */
export class AllKeysExhaustedError extends RotatingFetchError {
  override readonly name = "AllKeysExhaustedError" as const;
  readonly code = "ERR_ALL_KEYS_EXHAUSTED";
  readonly status: number;
  readonly statusCode: number;
  /** When the first key is expected back, epoch milliseconds; `null` when that is unknown. */
  readonly retryAt: number | null;
  readonly retryAfterMs: number | null;
  readonly reasons: BlockedReasons;
  /** Tries this call made before it ran out of keys. */
  attempts = 0;
  /** What became of each of them, in order. */
  trail: readonly AttemptSummary[] = [];

  constructor(details: ExhaustedDetails) {
    super(exhaustedMessage(details), details.cause === undefined ? undefined : { cause: details.cause });
    this.status = details.status;
    this.statusCode = details.status;
    this.retryAt = roundedUp(details.retryAt);
    this.retryAfterMs = roundedUp(details.retryAfterMs);
    this.reasons = details.reasons;
  }

  static isInstance(error: unknown): error is AllKeysExhaustedError {
    return isNamed(error, "AllKeysExhaustedError");
  }
}

/** To whole milliseconds: who comes back a fraction too early is refused again. */
function roundedUp(ms: number | null): number | null {
  return ms === null ? null : Math.ceil(ms);
}

const inWords: { readonly [reason in keyof BlockedReasons]-?: (count: number) => string } = {
  limited: () => "cooling down or at a limit",
  credential: (count) => (count === 1 ? "with a refused credential" : "with refused credentials"),
  disabled: () => "switched off",
  unsuitable: () => "not meant for this request",
  store: () => "kept back, as the store cannot be asked",
};

/** A message lists so many names at most. */
const mostNamed = 50;

function exhaustedMessage({ retryAfterMs, reasons, account, unserved, cause }: ExhaustedDetails): string {
  if (unserved !== undefined) {
    const { model, models } = unserved;
    const more = models.length > mostNamed ? `, and ${models.length - mostNamed} more` : "";
    return `No API key serves the model "${model}". There are: ${models.slice(0, mostNamed).join(", ")}${more}.`;
  }
  const counted = Object.entries(reasons)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${inWords[reason as keyof BlockedReasons](count)}`)
    .join(", ");
  const hint = retryAfterMs === null ? "" : ` Please try again in ${Math.ceil(retryAfterMs / 1000)}s.`;
  const secret = KeySourceError.isInstance(cause) ? " A key's secret could not be fetched: see `cause`." : "";
  const own = account === undefined ? "" : ` It belongs to account "${account}", which made what it is about.`;
  return `No API key can serve this request now (${counted || "no keys"}).${own}${secret}${hint}`;
}

/** A credential would travel to an origin it was not meant for. */
export class ForeignOriginError extends RotatingFetchError {
  override readonly name = "ForeignOriginError" as const;
  readonly code = "ERR_FOREIGN_ORIGIN";
  readonly origin: string;
  readonly allowed: readonly string[];

  constructor(origin: string, allowed: readonly string[]) {
    super(
      `A request with a credential goes to ${origin}, but keys may be sent only to ${allowed.join(", ")}. ` +
        'Add the origin to `origins`, or set `foreignOrigins: "pass"` to let it through without a key of the pool.',
    );
    this.origin = origin;
    this.allowed = allowed;
  }

  static isInstance(error: unknown): error is ForeignOriginError {
    return isNamed(error, "ForeignOriginError");
  }
}

/** The function that lists keys, or the one that fetches a secret, failed. `cause` is what it threw. */
export class KeySourceError extends RotatingFetchError {
  override readonly name = "KeySourceError" as const;
  readonly code = "ERR_KEY_SOURCE";

  static isInstance(error: unknown): error is KeySourceError {
    return isNamed(error, "KeySourceError");
  }
}

/** The store that keeps operators' changes could not be read or written. `cause` is what it failed with. */
export class KeyStoreError extends RotatingFetchError {
  override readonly name = "KeyStoreError" as const;
  readonly code = "ERR_KEY_STORE";
  /** What failed. Where records cannot be read, no request can be served; changes that cannot be written hold in this process. */
  readonly operation: "read" | "write";

  /** @param options `operation` is `"write"` unless told otherwise */
  constructor(message: string, options?: ErrorOptions & { readonly operation?: "read" | "write" }) {
    super(message, options);
    this.operation = options?.operation ?? "write";
  }

  static isInstance(error: unknown): error is KeyStoreError {
    return isNamed(error, "KeyStoreError");
  }
}

/** The rotator was closed: before or while the request waited, or before its keys were to be changed. */
export class RotatorClosedError extends RotatingFetchError {
  override readonly name = "RotatorClosedError" as const;
  readonly code = "ERR_ROTATOR_CLOSED";

  constructor() {
    super("The rotator is closed: it takes no further requests, and its keys can no longer be changed.");
  }

  static isInstance(error: unknown): error is RotatorClosedError {
    return isNamed(error, "RotatorClosedError");
  }
}

/**
 * What is wrong with a state file: another process has it (`in_use`), it is torn or out of shape (`damaged`), something else's
 * (`foreign`), of a later version of the library (`too_new`), cannot be read or made (`unreadable`), or could not be written (`unsaved`).
 */
export type StateFileProblem = "in_use" | "damaged" | "foreign" | "too_new" | "unreadable" | "unsaved";

/** A file that keeps a store's state cannot be used, or could not be written. The message names it and says what to do. */
export class StateFileError extends RotatingFetchError {
  override readonly name = "StateFileError" as const;
  readonly code = "ERR_STATE_FILE";
  /** The file, as an absolute path. */
  readonly path: string;
  readonly problem: StateFileProblem;

  constructor(path: string, problem: StateFileProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
    this.problem = problem;
  }

  static isInstance(error: unknown): error is StateFileError {
    return isNamed(error, "StateFileError");
  }
}
