import type { ProviderLimit } from "../limits/provider-limit.ts";

/** What one request to the emulator looked like. */
export interface EmulatedRequest {
  readonly method: string;
  /** Path and query; a credential in the query is replaced by `<credential>`. */
  readonly path: string;
  /** As received, names in lower case. Includes the credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body's `model`, if it is JSON and has one. */
  readonly model: string | undefined;
  /** The parsed JSON body, or `undefined`. */
  readonly json: unknown;
}

/** How one request is answered. Every field may be combined with every other; an empty step is a normal completion. */
export interface Step {
  /** Makes the step's intention readable: a normal completion. The other fields still apply. */
  readonly ok?: true | undefined;
  /** HTTP status. Without a `body`, an error status gets an error body in OpenAI's shape. @default 200, a normal completion */
  readonly status?: number | undefined;
  /** Added to the answer's own headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** An object is sent as JSON, a string as it is. */
  readonly body?: object | string | undefined;
  /**
   * Server-sent events to answer with, in place of a body: an object is sent as the `data` of one, a string as it is, blank
   * line included. Goes with `chunkDelayMs`, `cut` and `streamError`.
   */
  readonly events?: readonly (object | string)[] | undefined;
  /** Waits so long before the headers, milliseconds. @default 0 */
  readonly delayMs?: number | undefined;
  /** Waits so long before every piece of a stream but the first, milliseconds. @default the emulator's `chunkDelayMs` */
  readonly chunkDelayMs?: number | undefined;
  /** Destroys the connection: unanswered, after the headers, or after so many pieces of the body (SSE events; a JSON body is cut in pieces). */
  readonly cut?: "before-headers" | "after-headers" | { readonly afterChunks: number } | undefined;
  /**
   * Ends a stream after so many events with an error event instead of the rest. A request that did not ask for a
   * stream gets the body alone, with status 200. @default body: OpenAI's `server_error`
   */
  readonly streamError?: { readonly afterChunks: number; readonly body?: object | undefined } | undefined;
}

/**
 * Decides per request. `arrivalNumber` counts from 1 and `elapsedMs` from 0, both since the key's first request under
 * this script. `undefined` is a normal completion.
 */
export type StepFunction = (request: EmulatedRequest, arrivalNumber: number, elapsedMs: number) => Step | undefined;

/** Steps for one request each, in order, or a function. */
export type Script = readonly Step[] | StepFunction;

/**
 * How a key behaves. The script is asked first; a step with a `status` or a `body` answers by itself and is not counted.
 * Everything else must pass the limits.
 */
export interface KeyBehaviour {
  /** Provider account the key belongs to; limits of scope `account` count its keys together. @default the key is its own */
  readonly account?: string | undefined;
  /** Name for the arrival log, so that assertions need not quote secrets. */
  readonly name?: string | undefined;
  readonly script?: Script | undefined;
  /** What follows a script's last step. @default a normal completion */
  readonly always?: Step | undefined;
  /** Enforced strictly. @default the emulator's `limits` */
  readonly limits?: readonly ProviderLimit[] | undefined;
}

/** A {@link KeyBehaviour} with its secret. */
export interface EmulatedKey extends KeyBehaviour {
  readonly secret: string;
}
