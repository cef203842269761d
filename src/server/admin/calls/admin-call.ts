import { type BodyProblem, readBounded } from "../../bounded-body.ts";
import { parseJson } from "../../bounded-json.ts";
import type { EventLog } from "../events/event-log.ts";
import { AdminError, badField, unknownName } from "./admin-error.ts";
import type { ResolvedAdminOptions } from "./admin-options.ts";
import type { Channel } from "./channel.ts";
import type { Channels } from "./channels.ts";
import type { FailureCounts } from "./failure-counts.ts";
import { RequestFields } from "./request-fields.ts";

/** Milliseconds a body may take to come. */
const longestUploadMs = 30_000;

/** What calls work with. */
export interface AdminParts {
  readonly options: ResolvedAdminOptions;
  readonly channels: Channels;
  readonly events: EventLog;
  readonly counts: FailureCounts;
}

const problems: { readonly [problem in BodyProblem]: (maxBytes: number) => AdminError } = {
  too_large: (maxBytes) => new AdminError("too_large", `Expected a body of at most ${maxBytes} bytes`),
  too_slow: () => new AdminError("timeout", `Expected the body within ${longestUploadMs / 1000} seconds`),
  broken: () => new AdminError("bad_request", "The body broke off", { field: "body" }),
};

/** A request, taken apart as far as its call asks for it. */
export class AdminCall {
  readonly parts: AdminParts;
  readonly request: Request;
  readonly #url: URL;
  readonly #params: ReadonlyMap<string, string>;

  constructor(parts: AdminParts, request: Request, url: URL, params: ReadonlyMap<string, string>) {
    this.parts = parts;
    this.request = request;
    this.#url = url;
    this.#params = params;
  }

  /** A part of the path. */
  param(name: string): string {
    return decodedSegment(name, this.#params.get(name) ?? "");
  }

  /** @throws AdminError for a parameter that is not among these, or comes twice. */
  expectOnlyQuery(known: readonly string[]): void {
    for (const name of new Set(this.#url.searchParams.keys())) {
      if (!known.includes(name)) {
        throw new AdminError("bad_request", unknownName("query parameters", name, known), { field: "query" });
      }
      if (this.#url.searchParams.getAll(name).length > 1) throw badField(name, "given once");
    }
  }

  query(name: string): string | undefined {
    return this.#url.searchParams.get(name) ?? undefined;
  }

  /** The channel named in the query; where there is just one, it need not be. */
  get channel(): Channel {
    return this.parts.channels.named(this.query("channel"), "channel");
  }

  /**
   * The JSON object in the body; an empty one for an empty body, where that may be.
   * @throws AdminError 415 for anything that is not said to be JSON, which no form of a web page can say.
   */
  async body({ mayBeEmpty = false }: { readonly mayBeEmpty?: boolean } = {}): Promise<RequestFields> {
    // Nothing at all need not be said to be JSON.
    if (!mayBeEmpty || this.request.headers.has("content-type")) this.#expectJson();
    const { maxBodyBytes: maxBytes, clock } = this.parts.options;
    const bytes = await readBounded(this.request, { maxBytes, maxMs: longestUploadMs, clock });
    if (typeof bytes === "string") throw problems[bytes](maxBytes);
    if (bytes.byteLength === 0 && mayBeEmpty) return new RequestFields({});
    this.#expectJson();
    try {
      return new RequestFields(parseJson(bytes));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new AdminError("bad_request", `Expected the body to be JSON, got what is ${error.message}`, {
        field: "body",
      });
    }
  }

  #expectJson(): void {
    const { headers } = this.request;
    if (!/^application\/json[ \t]*(;|$)/i.test(headers.get("content-type") ?? "")) {
      throw new AdminError("unsupported_media_type", "Expected `content-type: application/json`");
    }
    if ((headers.get("content-encoding") ?? "identity").toLowerCase() !== "identity") {
      throw new AdminError("unsupported_media_type", "Expected a body without `content-encoding`");
    }
  }
}

/** Segments are decoded once they are apart: a slash in an id is none of the path's. */
function decodedSegment(name: string, segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new AdminError("bad_request", `Expected the ${name} in the path to be percent-encoded UTF-8`, {
      field: name,
    });
  }
}
