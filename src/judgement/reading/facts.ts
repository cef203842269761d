import type { ClassificationContext } from "../../types.ts";
import { type BodyFormat, decodeBody } from "./body.ts";
import { hear, type Said } from "./claims.ts";
import { type ErrorEnvelope, envelopeOf, foldIdentifier, holdsError } from "./envelope.ts";
import { isObject, maxMessageLength, readField, readIdentifier } from "./guarded.ts";
import { type HeaderSource, HeaderView, readServerTime } from "./headers.ts";
import { looksRefused } from "./refused-success.ts";

/** How much of a page is searched for a CDN's marks. */
const maxPageLength = 16_384;

const noEnvelope: ErrorEnvelope = { code: null, type: null, message: null, details: [], effectiveStatus: null };

/** One answer, taken apart once for all stages to look at. */
export interface Facts {
  /** Status of the response; 0 where there is none. */
  readonly status: number;
  /** Status the decision is made by: the body's own where the response's says success. */
  readonly effectiveStatus: number;
  /** An error inside an answer whose status says success. */
  readonly isEmbedded: boolean;
  /** A success that holds no error object: nothing but a rule or words can make it a refusal. */
  readonly isDoubtful: boolean;
  /** Does it look like a refusal? Words of a success that does not are never heard. */
  readonly looksRefused: boolean;
  /** Is it an error object, rather than a bare text or a list of errors? */
  readonly isErrorObject: boolean;
  readonly format: BodyFormat;
  readonly envelope: ErrorEnvelope;
  /** The body as it was decoded. */
  readonly body: unknown;
  /** Every code, type and reason of the body, folded; the most telling first. */
  readonly codes: readonly string[];
  /** The message in lower case; empty for markup. */
  readonly message: string;
  /** A body that is no structured data, in lower case: only the marks of a CDN are looked for in it. */
  readonly page: string;
  /** Sentences and codes of the whole answer, for the lexicon. Found when asked for. */
  readonly said: Said;
  readonly headers: HeaderView;
  readonly context: ClassificationContext;
  /** Wall clock as the server sees it, epoch milliseconds. */
  readonly serverNow: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: HeaderSource | undefined;
  readonly body: unknown;
  readonly now: number;
  readonly context: ClassificationContext;
}

/** Takes an answer apart; `null` when its status says success and nothing in it says otherwise. */
export function gatherFacts(
  { status, headers: source, body, now, context }: Answer,
  /** Take a success apart, too. */
  evenWithoutError = false,
): Facts | null {
  const { format, value, isSalvaged } = decodeBody(body);
  const isSuccess = status < 400;
  const isPage = isSuccess && format === "markup";
  // Pieces of an answer that was cut off may be anything, model output too.
  const isError = isSuccess && format === "structured" && isSalvaged !== true && holdsError(value);
  const isOther = isSuccess && !isError && format === "structured" && isSalvaged !== true;
  const isSuspect = isOther && looksRefused(value);
  const isDoubtful = isSuspect || (isOther && evenWithoutError);
  if (isSuccess && !isPage && !isError && !isDoubtful) return null;
  const headers = HeaderView.of(source);
  const envelope = format === "markup" ? noEnvelope : envelopeOf(value);
  const isText = format === "text" || format === "markup";
  let message: string | undefined;
  let said: Said | undefined;
  return {
    status,
    effectiveStatus: isSuccess ? (envelope.effectiveStatus ?? status) : status,
    isEmbedded: isSuccess,
    isDoubtful,
    looksRefused: isSuspect || !isOther,
    isErrorObject: isObject(readField(value, "error")) || isObject(readField(value, "response")),
    format,
    envelope,
    body: value,
    codes: collectCodes(envelope, headers),
    // Where no field has the usual name, all that was said.
    get message() {
      message ??= (envelope.message ?? this.said.text).toLowerCase();
      return message;
    },
    page: isText && typeof value === "string" ? value.slice(0, maxPageLength).toLowerCase() : "",
    get said() {
      said ??= hear(format === "markup" ? undefined : value, headers.errorTexts());
      return said;
    },
    headers,
    context,
    serverNow: readServerTime(headers, now),
  };
}

const codeFields = ["reason", "error_code", "error_type", "code", "type"];

function collectCodes({ code, type, details }: ErrorEnvelope, headers: HeaderView): readonly string[] {
  const found = [code, type];
  for (const detail of details) for (const field of codeFields) found.push(readIdentifier(detail, field));
  const amazonType = headers.get("x-amzn-errortype");
  if (amazonType !== null) found.push(amazonType.slice(0, maxMessageLength).split(":", 1)[0] ?? null);
  const codes: string[] = [];
  let last: string | null = null;
  for (const identifier of found) {
    // The same stands in several places.
    if (identifier === null || identifier === last) continue;
    last = identifier;
    const folded = foldIdentifier(identifier);
    if (folded !== "" && !codes.includes(folded)) codes.push(folded);
  }
  return codes;
}
