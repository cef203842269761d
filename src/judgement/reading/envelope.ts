import { decodeBody } from "./body.ts";
import { isList, isObject, maxMessageLength, readField, readIdentifier, readList, readText } from "./guarded.ts";

/** What an error body says, whichever of the many envelopes it came in. */
export interface ErrorEnvelope {
  /** Machine-readable reason, numbers as text. */
  readonly code: string | null;
  readonly type: string | null;
  readonly message: string | null;
  /** Everything that may carry further facts, the most specific first: detail objects, the error itself, the body. */
  readonly details: readonly unknown[];
  /** HTTP status the body itself states, by number or by a well-known name. */
  readonly effectiveStatus: number | null;
}

const statusOfName: ReadonlyMap<string, number> = new Map([
  ["invalidrequesterror", 400],
  ["invalidargument", 400],
  ["badrequest", 400],
  ["badrequesterror", 400],
  ["failedprecondition", 400],
  ["authenticationerror", 401],
  ["unauthenticated", 401],
  ["unauthorized", 401],
  ["billingerror", 402],
  ["paymentrequired", 402],
  ["permissionerror", 403],
  ["permissiondenied", 403],
  ["forbidden", 403],
  ["notfounderror", 404],
  ["notfound", 404],
  ["requesttoolarge", 413],
  ["ratelimiterror", 429],
  ["resourceexhausted", 429],
  ["toomanyrequests", 429],
  ["apierror", 500],
  ["servererror", 500],
  ["internal", 500],
  ["internalerror", 500],
  ["internalservererror", 500],
  ["unavailable", 503],
  ["serviceunavailable", 503],
  ["timeouterror", 504],
  ["deadlineexceeded", 504],
  ["overloadederror", 529],
]);

const empty: ErrorEnvelope = { code: null, type: null, message: null, details: [], effectiveStatus: null };

/** Brings any error body, parsed or as raw text, into one shape. Never throws. */
export function normaliseEnvelope(body: unknown): ErrorEnvelope {
  return envelopeOf(decodeBody(body).value);
}

/** As `normaliseEnvelope`, for a body that is decoded already. */
export function envelopeOf(value: unknown): ErrorEnvelope {
  if (typeof value === "string") return { ...empty, message: value.slice(0, maxMessageLength) };
  const root = isList(value) ? unwrapList(value) : value;
  if (!isObject(root)) return empty;
  const baseResponse = readField(root, "base_resp");
  const baseStatus = readIdentifier(baseResponse, "status_code");
  const errorText = readText(root, "error");
  const given = readField(root, "error");
  const message = isList(given) ? null : readText(given, "message");
  // Where most have it.
  const isUsual = message !== null && isObject(given);
  const error = isUsual ? given : errorText === null ? (errorObjectOf(root) ?? root) : root;
  if (error === root && baseStatus !== null && baseStatus !== "0") {
    return { ...empty, code: baseStatus, message: readText(baseResponse, "status_msg"), details: [baseResponse, root] };
  }
  const code = readIdentifier(error, "code") ?? (error === root ? null : readIdentifier(root, "code"));
  const type = typeOf(error, root);
  return {
    code,
    type,
    message: errorText ?? message ?? messageOf(error) ?? (error === root ? null : messageOf(root)),
    details: detailsOf(error, root),
    effectiveStatus: statusOf(error, root, code, type),
  };
}

/** Does a body that came with a success status hold an error where envelopes put one? Model output is not looked at. */
export function holdsError(value: unknown): boolean {
  const root = unwrapList(value);
  if (!isObject(root)) return false;
  const error = readField(root, "error");
  if (isFilled(error)) return true;
  if (isList(value)) return false;
  const baseStatus = readField(readField(root, "base_resp"), "status_code");
  if (typeof baseStatus === "number" && baseStatus !== 0) return true;
  // Partial answers of GraphQL have data next to their errors.
  const hasData = isFilled(readField(root, "data"));
  return !hasData && isFilled(embeddedErrorOf(root));
}

/** A code or type without case and punctuation, so that `RateLimitReached` and `rate_limit_reached` are one. */
export function foldIdentifier(identifier: string): string {
  const fragment = identifier.lastIndexOf("#");
  return (fragment === -1 ? identifier : identifier.slice(fragment + 1)).toLowerCase().replace(/[^a-z0-9]/g, "");
}

function unwrapList(value: unknown): unknown {
  if (!isList(value)) return value;
  const elements = readList(value);
  return elements.find((element) => isFilled(readField(element, "error"))) ?? elements[0];
}

function isFilled(value: unknown): boolean {
  if (typeof value === "string") return value !== "";
  if (!isObject(value)) return value === true;
  if (isList(value)) return readList(value).length > 0;
  try {
    for (const _name in value) return true;
  } catch {
    // Not readable: nothing in it.
  }
  return false;
}

/** Where the object with the message stands. */
function errorObjectOf(root: object): object | null {
  const embedded = embeddedErrorOf(root);
  if (embedded !== null) return embedded;
  const detail = readField(root, "detail");
  return isObject(detail) && !isList(detail) && messageOf(detail) !== null ? detail : null;
}

/** As `errorObjectOf`, in those places only that hold nothing else. */
function embeddedErrorOf(root: object): object | null {
  const error = readField(root, "error");
  if (isObject(error) && !isList(error)) return readText(error, "message") === null ? inner(error) : error;
  const errors = readField(root, "errors");
  const listed = isList(errors) ? readList(errors).find(isObject) : errors;
  if (isObject(listed) && messageOf(listed) !== null) return listed;
  const responseError = readField(readField(root, "response"), "error");
  if (isObject(responseError)) return responseError;
  for (const choice of readList(readField(root, "choices"))) {
    const choiceError = readField(choice, "error");
    if (isObject(choiceError)) return choiceError;
  }
  return null;
}

function inner(error: object): object {
  const nested = readField(error, "error");
  return isObject(nested) ? nested : error;
}

function messageOf(value: unknown): string | null {
  return (
    readText(value, "message") ??
    readText(value, "msg") ??
    readText(value, "detail") ??
    readText(value, "error_description") ??
    readText(readList(readField(value, "detail"))[0], "msg") ??
    readText(value, "title")
  );
}

function typeOf(error: object, root: object): string | null {
  const own = readIdentifier(error, "type") ?? readIdentifier(error, "error_type");
  if (own !== null) return own;
  const status = readField(error, "status");
  if (typeof status === "string" && Number.isNaN(Number(status))) return readIdentifier(error, "status");
  const outer = readIdentifier(root, "type") ?? readIdentifier(root, "error_type");
  return outer === "error" ? null : outer;
}

function detailsOf(error: object, root: object): readonly unknown[] {
  const details: unknown[] = [];
  for (const name of ["details", "errors", "metadata", "innererror", "extensions"]) {
    const value = readField(error, name);
    if (isList(value)) details.push(...readList(value));
    else if (isObject(value)) details.push(value);
  }
  details.push(error);
  if (error !== root) details.push(root);
  return details;
}

function statusOf(error: object, root: object, code: string | null, type: string | null): number | null {
  const stated =
    asStatus(code) ??
    asStatus(readField(error, "status")) ??
    asStatus(readField(root, "status")) ??
    asStatus(readField(root, "statusCode")) ??
    asStatus(readField(root, "httpStatus"));
  if (stated !== null) return stated;
  for (const name of [code, type]) {
    const known = name === null ? undefined : statusOfName.get(foldIdentifier(name));
    if (known !== undefined) return known;
  }
  return null;
}

/** `429`, `"429"` and `"429 TOO_MANY_REQUESTS"`; only error statuses. */
function asStatus(value: unknown): number | null {
  let status = value;
  if (typeof value === "string") status = value.length === 3 || value[3] === " " ? Number(value.slice(0, 3)) : null;
  return typeof status === "number" && Number.isInteger(status) && status >= 400 && status <= 599 ? status : null;
}
