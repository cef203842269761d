import { isObject, readField, readList, readText } from "./guarded.ts";

/** A request that got no answer. `sent: "no"` means that the provider cannot have seen it. */
export interface TransportFailure {
  readonly kind: "network" | "timeout" | "aborted";
  readonly sent: "no" | "unknown";
  /** Was it the transport that would wait no longer? Its patience says nothing of the provider. @default false */
  readonly isOwnLimit?: boolean | undefined;
}

const maxDepth = 5;

const refused: TransportFailure = { kind: "network", sent: "no" };
const broken: TransportFailure = { kind: "network", sent: "unknown" };
const timedOut: TransportFailure = { kind: "timeout", sent: "unknown" };
const impatient: TransportFailure = { ...timedOut, isOwnLimit: true };
const aborted: TransportFailure = { kind: "aborted", sent: "unknown" };

const failureOfCode: ReadonlyMap<string, TransportFailure> = new Map([
  ...[
    "ENOTFOUND",
    "EAI_AGAIN",
    "EAI_FAIL",
    "EAI_NODATA",
    "EAI_NONAME",
    "ECONNREFUSED",
    "EHOSTUNREACH",
    "EHOSTDOWN",
    "ENETUNREACH",
    "ENETDOWN",
    "EADDRNOTAVAIL",
    "UND_ERR_CONNECT_TIMEOUT",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "HOSTNAME_MISMATCH",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "ERR_SSL_UNSUPPORTED_PROTOCOL",
    "ERR_SSL_TLSV1_UNRECOGNIZED_NAME",
    "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
    "ConnectionRefused",
    "FailedToOpenSocket",
  ].map((code) => [code, refused] as const),
  ...["ECONNRESET", "EPIPE", "ECONNABORTED", "ENOTCONN", "EPROTO", "UND_ERR_SOCKET", "UND_ERR_CLOSED"].map(
    (code) => [code, broken] as const,
  ),
  ...["ConnectionClosed", "ERR_STREAM_PREMATURE_CLOSE"].map((code) => [code, broken] as const),
  ...["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"].map((code) => [code, impatient] as const),
  ...["ESOCKETTIMEDOUT", "Timeout"].map((code) => [code, timedOut] as const),
  ...["ABORT_ERR", "UND_ERR_ABORTED"].map((code) => [code, aborted] as const),
]);

/** Failures of the handshake come before any byte of the request. */
const handshakePrefixes = ["CERT_", "ERR_TLS_", "UNABLE_TO_", "CRL_"];

/** Deno, Bun and browsers put into words what Node puts into codes. */
const failureOfWords: readonly (readonly [string, TransportFailure])[] = [
  ["dns error", refused],
  ["failed to lookup address", refused],
  ["client error (connect)", refused],
  ["tcp connect error", refused],
  ["connection refused", refused],
  ["unable to connect", refused],
  ["invalid peer certificate", refused],
  ["certificate has expired", refused],
  ["getaddrinfo", refused],
  ["timed out", timedOut],
  ["terminated", broken],
  ["other side closed", broken],
  ["connection reset", broken],
  ["socket hang up", broken],
];

/**
 * What kind of failure a thrown error is, by the first cause in its chain that says so (at most five deep; cycles are
 * harmless). An error nobody recognises is a network failure of a request that may have been sent. Never throws.
 */
export function classifyTransportError(error: unknown): TransportFailure {
  let worded: TransportFailure | null = null;
  let current = error;
  for (let depth = 0; depth < maxDepth && isObject(current); depth += 1) {
    const found = failureOf(current);
    if (found !== null) return found;
    // Several addresses were tried: each has an error of its own, all of the same kind.
    for (const attempt of readList(readField(current, "errors"))) {
      const ofAttempt = failureOf(attempt);
      if (ofAttempt !== null) return ofAttempt;
    }
    worded ??= failureInWords(readText(current, "message"));
    current = readField(current, "cause");
  }
  return worded ?? failureInWords(typeof current === "string" ? current : null) ?? broken;
}

function failureOf(error: unknown): TransportFailure | null {
  // A proxy that refused the tunnel: undici calls it aborted, and nothing was sent.
  if (readText(error, "message")?.includes("HTTP Tunneling") === true) return refused;
  const code = readText(error, "code");
  if (code !== null) {
    const known = failureOfCode.get(code);
    if (known !== undefined) return known;
    if (code === "ETIMEDOUT") return readField(error, "syscall") === "connect" ? refused : timedOut;
    if (handshakePrefixes.some((prefix) => code.startsWith(prefix))) return refused;
  }
  const name = readText(error, "name");
  if (name === "AbortError") return aborted;
  return name === "TimeoutError" ? timedOut : null;
}

function failureInWords(message: string | null): TransportFailure | null {
  if (message === null) return null;
  const lower = message.toLowerCase();
  return failureOfWords.find(([words]) => lower.includes(words))?.[1] ?? null;
}
