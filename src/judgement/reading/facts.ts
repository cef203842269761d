import type { ClassificationContext } from "../../types.ts";
import { type BodyFormat, type DecodedBody, decodeBody } from "./body.ts";
import { errorTextsIn, hear, type Said } from "./claims.ts";
import { type ErrorEnvelope, envelopeOf, foldIdentifier, holdsError } from "./envelope.ts";
import { isObject, maxMessageLength, readField, readIdentifier } from "./guarded.ts";
import { type HeaderSource, HeaderView, readServerTime } from "./headers.ts";
import { looksRefused } from "./refused-success.ts";

/** How much of a page is searched for a CDN's marks. */
const maxPageLength = 16_384;

const noEnvelope: ErrorEnvelope = { code: null, type: null, message: null, details: [], effectiveStatus: null };

export interface Answer {
  readonly status: number;
  readonly headers: HeaderSource | undefined;
  readonly body: unknown;
  readonly now: number;
  readonly context: ClassificationContext;
}

/** One answer, taken apart once for all stages to look at; what only some ask for is read when it is asked for. */
export class Facts {
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
  readonly format: BodyFormat;
  readonly envelope: ErrorEnvelope;
  /** The body as it was decoded. */
  readonly body: unknown;
  readonly headers: HeaderView;
  readonly context: ClassificationContext;
  /** Wall clock as the server sees it, epoch milliseconds. */
  readonly serverNow: number;
  #said: Said | undefined;
  #message: string | undefined;
  #codes: readonly string[] | undefined;

  constructor({ status, headers, now, context }: Answer, { format, value }: DecodedBody, success: SuccessMarks | null) {
    this.status = status;
    this.format = format;
    this.body = value;
    this.headers = HeaderView.of(headers);
    this.context = context;
    this.serverNow = readServerTime(this.headers, now);
    this.envelope = format === "markup" ? noEnvelope : envelopeOf(value);
    this.isEmbedded = success !== null;
    this.effectiveStatus = success === null ? status : (this.envelope.effectiveStatus ?? status);
    this.isDoubtful = success?.isDoubtful ?? false;
    this.looksRefused = success?.looksRefused ?? true;
  }

  /** Is it an error object, rather than a bare text or a list of errors? */
  get isErrorObject(): boolean {
    return isObject(readField(this.body, "error")) || isObject(readField(this.body, "response"));
  }

  /** Every code, type and reason of the body, folded; the most telling first. */
  get codes(): readonly string[] {
    this.#codes ??= collectCodes(this.envelope, this.headers);
    return this.#codes;
  }

  /** Sentences and codes of the whole answer, for the lexicon. */
  get said(): Said {
    this.#said ??= hear(this.format === "markup" ? undefined : this.body, errorTextsIn(this.headers));
    return this.#said;
  }

  /** The message in lower case; all that was said, where no field has the usual name. Empty for markup. */
  get message(): string {
    this.#message ??= (this.envelope.message ?? this.said.texts.join("\n")).toLowerCase();
    return this.#message;
  }

  /** Where rules look for words: the message, and all that is said in a success, whose words may stand anywhere. */
  get told(): string {
    return this.isDoubtful ? `${this.message}\n${this.said.texts.join("\n").toLowerCase()}` : this.message;
  }

  /** A body that is no structured data, in lower case: only the marks of a CDN are looked for in it. */
  get page(): string {
    const { format, body } = this;
    const isText = format === "text" || format === "markup";
    return isText && typeof body === "string" ? body.slice(0, maxPageLength).toLowerCase() : "";
  }
}

/** What is known of an answer whose status says success. */
type SuccessMarks = Pick<Facts, "isDoubtful" | "looksRefused">;

/** Takes an answer apart; `null` when its status says success and nothing in it says otherwise. */
export function gatherFacts(
  answer: Answer,
  /** Take a success apart, too. */
  evenWithoutError = false,
): Facts | null {
  const decoded = decodeBody(answer.body);
  if (answer.status >= 400) return new Facts(answer, decoded, null);
  const marks = successMarks(decoded, evenWithoutError);
  return marks === null ? null : new Facts(answer, decoded, marks);
}

function successMarks({ format, value, isSalvaged }: DecodedBody, evenWithoutError: boolean): SuccessMarks | null {
  if (format === "markup") return { isDoubtful: false, looksRefused: true };
  if (format === "text" && evenWithoutError) return { isDoubtful: true, looksRefused: false };
  // Pieces of an answer that was cut off may be anything, model output too.
  if (format !== "structured" || isSalvaged === true) return null;
  if (holdsError(value)) return { isDoubtful: false, looksRefused: true };
  // Most successes tell at once that they hold what was asked for.
  const isPlain = readField(value, "choices") !== undefined || readField(value, "candidates") !== undefined;
  if (!isPlain && looksRefused(value)) return { isDoubtful: true, looksRefused: true };
  return evenWithoutError ? { isDoubtful: true, looksRefused: false } : null;
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
