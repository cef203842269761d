import { mayBeSecret } from "../../../checks.ts";
import { closestName } from "../../../closest-name.ts";
import { InvalidOptionsError, KeySourceError, KeyStoreError, RotatorClosedError } from "../../../errors.ts";
import { jsonAnswer } from "../../json-answers.ts";

/** What went wrong, for programs: a word for each status, and more where one status has several causes. */
export type AdminErrorCode =
  | "bad_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "timeout"
  | "conflict"
  | "too_large"
  | "unsupported_media_type"
  | "internal"
  | "not_stored"
  | "unavailable";

const statusOf: { readonly [code in AdminErrorCode]: number } = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  timeout: 408,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  internal: 500,
  not_stored: 500,
  unavailable: 503,
};

export interface AdminErrorDetails {
  /** The field of the request at fault. */
  readonly field?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What is known all the same. */
  readonly data?: unknown;
}

/** A call that is answered with an error. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly code: AdminErrorCode;
  readonly details: AdminErrorDetails;

  constructor(code: AdminErrorCode, message: string, details: AdminErrorDetails = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

export function badField(field: string, expectation: string): AdminError {
  return new AdminError("bad_request", `Expected \`${field}\` to be ${expectation}`, { field });
}

/** May a name somebody sent be repeated? An odd one may be anything, a secret too. */
function isTellable(name: string): boolean {
  return /^\w{1,24}$/.test(name) && !mayBeSecret(name);
}

/** A name nobody knows, with the one that was probably meant. */
export function unknownName(kind: string, name: string, known: readonly string[]): string {
  const message = `Expected only known ${kind} (${known.length === 0 ? "none" : known.join(", ")})`;
  if (!isTellable(name)) return message;
  const closest = closestName(name, known);
  return `${message}, got \`${name}\`${closest === undefined ? "" : `; did you mean \`${closest}\`?`}`;
}

/** A field nobody knows; it is named by itself, where that can be told. */
export function unknownField(name: string, known: readonly string[]): AdminError {
  const field = isTellable(name) ? name : "body";
  return new AdminError("bad_request", unknownName("fields", name, known), { field });
}

/** An answer for whatever a call threw. What nobody foresaw is told to nobody: it may hold anything. */
export function errorAnswer(error: unknown): Response {
  const { code, message, details } = error instanceof AdminError ? error : toAdminError(error);
  const { field, headers, data = null } = details;
  const body = { success: false, message, data, code, ...(field === undefined ? {} : { field }) };
  return jsonAnswer(statusOf[code], body, headers);
}

function toAdminError(error: unknown): AdminError {
  if (isOfKeys(error)) return new AdminError("unavailable", error.message);
  if (InvalidOptionsError.isInstance(error)) {
    // Without a fetch there is nobody to send probes: no other request would help.
    const code = error.field === "check" ? "conflict" : "bad_request";
    return new AdminError(code, error.message, { field: error.field });
  }
  if (RotatorClosedError.isInstance(error)) return new AdminError("unavailable", error.message);
  if (KeyStoreError.isInstance(error)) {
    const message =
      "The change holds in this process, but is not stored yet: a restart would undo it. It is tried again";
    return new AdminError("not_stored", message);
  }
  return new AdminError("internal", "The call failed for a reason of the server's own");
}

/** Are the keys not to be had: from their source, or from a key store that fails or is another provider's? */
function isOfKeys(error: unknown): error is Error {
  if (KeyStoreError.isInstance(error)) return error.operation === "read";
  return KeySourceError.isInstance(error) || (InvalidOptionsError.isInstance(error) && error.field === "keyStore");
}
