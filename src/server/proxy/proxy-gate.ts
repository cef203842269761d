import type { CallOptions } from "../../attempt/call.ts";
import { InvalidOptionsError } from "../../errors.ts";
import { expectCallOptions } from "../../fetch/call-options.ts";
import { shownUrl } from "../../fetch/credentials.ts";
import { withParameter } from "../../fetch/endpoints.ts";
import { matchesModel } from "../../limits/model-pattern.ts";
import { isPromise } from "../../realms.ts";
import type { Awaitable } from "../../types.ts";
import { withSession } from "./client-session.ts";
import { type Admission, type ProxyRequest, tokenParameter } from "./proxy-authorize.ts";
import { expectMethod, ProxyError } from "./proxy-error.ts";
import { callOptionsHeader } from "./proxy-headers.ts";
import type { ResolvedProxyOptions } from "./proxy-options.ts";
import { below, confinedPath, pathIn } from "./proxy-path.ts";

/** A request that may pass. */
export interface Passage {
  readonly url: string;
  readonly options: CallOptions | undefined;
}

/** Paths come from outside: beyond so many, what was found is forgotten. */
const mostKept = 256;
const longestKept = 256;

/** Decides which requests pass, and where they lead. Knows no framework. */
export class ProxyGate {
  readonly #options: ResolvedProxyOptions;
  readonly #origin: string;
  /** Where paths lead, as far as it was found already. */
  readonly #urls = new Map<string, string>();
  /** The target's path, without a slash at its end. */
  readonly #base: string;

  constructor(options: ResolvedProxyOptions) {
    this.#options = options;
    this.#origin = options.target.origin;
    this.#base = options.target.pathname.replace(/\/+$/, "");
  }

  /** @throws ProxyError for a request that may not pass, also as a rejection. */
  enter(request: ProxyRequest): Awaitable<Passage> {
    const admission = this.#options.authorize(request);
    return isPromise(admission)
      ? Promise.resolve(admission).then((admitted) => this.#pass(request, admitted))
      : this.#pass(request, admission as Admission | undefined);
  }

  /** Is it a place that a client might have asked for itself? Then a redirect is followed there with a key. */
  mayFollow(url: string): boolean {
    const base = `${this.#origin}${this.#base}`;
    if (!url.startsWith(`${base}/`)) return false;
    const [path = ""] = url.slice(base.length).split(/[?#]/, 1);
    return confinedPath(path) !== undefined && mayAsk(path, this.#options.allowedPaths);
  }

  #pass(request: ProxyRequest, admission: Admission | undefined): Passage {
    if (admission === undefined) {
      throw new ProxyError(401, "invalid_token", "This proxy needs a token of its own, in place of an API key.");
    }
    expectMethod(request.method);
    const options = optionsOf(request, admission);
    // A function of the host's says what calls belong to.
    const isNamed = this.#options.calling.affinity !== undefined;
    return { url: this.#urlFor(request.url), options: isNamed ? options : withSession(options, request) };
  }

  /** Clients ask for the same few paths. What has a query is not kept: a secret may stand in it. */
  #urlFor(requested: string): string {
    const known = this.#urls.get(requested);
    if (known !== undefined) return known;
    const url = this.#findUrl(requested);
    if (requested.length > longestKept || requested[0] !== "/" || requested.includes("?")) return url;
    if (this.#urls.size >= mostKept) this.#urls.clear();
    this.#urls.set(requested, url);
    return url;
  }

  #findUrl(requested: string): string {
    const { basePath, allowedPaths, takesTokens, calling } = this.#options;
    const asked = pathIn(requested);
    const confined = asked === undefined ? undefined : confinedPath(asked.path);
    if (asked === undefined || confined === undefined)
      throw new ProxyError(400, "bad_path", "The path leads elsewhere.");
    const path = below(confined, basePath);
    if (path === undefined || !mayAsk(path, allowedPaths)) {
      throw new ProxyError(404, "unknown_path", "There is nothing at this path.");
    }
    let clean = `${this.#origin}${this.#base}${path}${asked.query}`;
    if (asked.query !== "") {
      clean = shownUrl(clean, calling.pool.providers);
      if (takesTokens) clean = withParameter(clean, tokenParameter, undefined);
    }
    // Whatever was overlooked before: a key goes nowhere else.
    if (!clean.startsWith(`${this.#origin}/`)) throw new ProxyError(400, "bad_path", "The path leads elsewhere.");
    return clean;
  }
}

function mayAsk(path: string, allowed: readonly string[] | undefined): boolean {
  return allowed === undefined || allowed.some((pattern) => matchesModel(pattern, path));
}

function optionsOf(request: ProxyRequest, { options, mayChoose }: Admission): CallOptions | undefined {
  if (mayChoose !== true) return options;
  const chosen = request.header(callOptionsHeader);
  if (chosen === null) return options;
  try {
    return { ...expectCallOptions(callOptionsHeader, JSON.parse(chosen)), ...options };
  } catch (error) {
    const reason = InvalidOptionsError.isInstance(error) ? error.message : "it is not JSON";
    throw new ProxyError(400, "bad_options", `The header \`${callOptionsHeader}\` cannot be used: ${reason}`);
  }
}
