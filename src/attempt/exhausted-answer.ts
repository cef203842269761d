import type { AllKeysExhaustedError } from "../errors.ts";
import type { Provider } from "../judgement/provider.ts";
import type { ExhaustedAnswer } from "./call.ts";

interface ErrorWords {
  readonly openai: { readonly type: string; readonly code: string };
  readonly anthropic: string;
  readonly gemini: string;
}

const words: Readonly<Record<number, ErrorWords>> = {
  401: {
    openai: { type: "invalid_request_error", code: "invalid_api_key" },
    anthropic: "authentication_error",
    gemini: "UNAUTHENTICATED",
  },
  404: {
    openai: { type: "invalid_request_error", code: "model_not_found" },
    anthropic: "not_found_error",
    gemini: "NOT_FOUND",
  },
  429: {
    openai: { type: "requests", code: "rate_limit_exceeded" },
    anthropic: "rate_limit_error",
    gemini: "RESOURCE_EXHAUSTED",
  },
  503: {
    openai: { type: "server_error", code: "service_unavailable" },
    anthropic: "api_error",
    gemini: "UNAVAILABLE",
  },
};

/** An answer in the provider's own error shape, so that its SDK raises the error its users know. */
export function exhaustedAnswer(
  error: AllKeysExhaustedError,
  shape: Provider["errorShape"],
  isDiscreet = false,
): Omit<ExhaustedAnswer, "headers"> {
  const { retryAfterMs } = error;
  const { status, message, reasons } = isDiscreet ? discreet(error) : error;
  const said = words[status] ?? (words[503] as ErrorWords);
  return {
    status,
    retryAfterMs,
    body: JSON.stringify(bodyOf(shape, said, { status, retryAfterMs, message, reasons })),
  };
}

/** Nothing of how many keys there are and how they stand. */
function discreet({ status, retryAfterMs, message }: AllKeysExhaustedError): Said {
  // What models there are is what clients are to know.
  if (status === 404) return { status, retryAfterMs, message };
  const hint = retryAfterMs === null ? "" : ` Please try again in ${Math.ceil(retryAfterMs / 1000)}s.`;
  return status === 429
    ? { status, retryAfterMs, message: `All API keys are rate limited.${hint}` }
    : { status: 503, retryAfterMs, message: `No API key can serve this request now.${hint}` };
}

type Said = Pick<AllKeysExhaustedError, "status" | "retryAfterMs" | "message"> & {
  readonly reasons?: AllKeysExhaustedError["reasons"] | undefined;
};

function bodyOf(shape: Provider["errorShape"], said: ErrorWords, error: Said): object {
  const { message, reasons, status, retryAfterMs } = error;
  switch (shape) {
    case "anthropic":
      return { type: "error", error: { type: said.anthropic, message, reasons } };
    case "gemini": {
      // Its SDK drops the headers, so the delay must stand in the body.
      const retryInfo = {
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        retryDelay: `${Math.ceil((retryAfterMs ?? 0) / 1000)}s`,
      };
      const details = retryAfterMs === null ? [] : [retryInfo];
      return { error: { code: status, message, status: said.gemini, details, reasons } };
    }
    default:
      return { error: { message, type: said.openai.type, param: null, code: said.openai.code, reasons } };
  }
}

/** What the answer of an exhausted pool says in headers; `null` takes one away that a provider's own refusal may have. */
export function exhaustedHeaders({ retryAfterMs, headers }: ExhaustedAnswer): Readonly<Record<string, string | null>> {
  return {
    "retry-after": retryAfterMs === null ? null : String(Math.ceil(retryAfterMs / 1000)),
    "retry-after-ms": retryAfterMs === null ? null : String(Math.ceil(retryAfterMs)),
    // SDKs that obey it make one call instead of three, and do not sleep an hour-long Retry-After.
    "x-should-retry": "false",
    "x-rotating-fetch": "exhausted",
    ...headers,
  };
}
