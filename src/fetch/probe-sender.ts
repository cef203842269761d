import { topLevelString } from "../attempt/reading/request-facts.ts";
import { InvalidOptionsError } from "../errors.ts";
import type { Overrule } from "../judgement/classification-hooks.ts";
import type { Provider } from "../judgement/provider.ts";
import { normaliseEnvelope } from "../judgement/reading/envelope.ts";
import { tellsSpent } from "../judgement/reading/spent-balance.ts";
import { scrubSecrets } from "../mask.ts";
import type { Lease } from "../pool/lease.ts";
import type { CallPort, ProbeAnswer, ProbeRequest, SendProbe } from "../pool/pool-port.ts";
import type { Classification, ClassificationContext, Clock, FetchFunction } from "../types.ts";
import { giveUp, untilAborted } from "./bodies/abort-watch.ts";
import { addHeaders, goesInQuery, type Placement, placeCredential, placeInUrl, placementOf } from "./credentials.ts";
import { type Endpoints, leadsUp } from "./endpoints.ts";
import { FetchReply } from "./fetch-reply.ts";

export interface ProbeSenderOptions {
  readonly pool: Pick<CallPort, "contextOf">;
  readonly overrule: Overrule | undefined;
  readonly endpoints: Endpoints;
  readonly fetch: FetchFunction | undefined;
  readonly clock: Clock;
}

/** A probe that takes longer is no answer; milliseconds. */
const longestProbeMs = 20_000;
const readBytes = 65_536;
const longestMessage = 200;

/**
 * Sends probes through the same `fetch` as calls, to allowed origins only, and follows no redirect.
 * The returned function throws InvalidOptionsError for a path that leads elsewhere.
 */
export function createProbeSender(options: ProbeSenderOptions): SendProbe {
  const { endpoints } = options;
  return async (lease, probe) => {
    const { provider } = lease.provider;
    const placement = placementOf(lease);
    const asked = probeUrl(probe, lease, endpoints);
    const url = placeInUrl(asked, probe.headers, lease, placement);
    lease.origin = new URL(url).origin;
    if (probe.body !== undefined) lease.model = topLevelString(probe.body, modelFieldOf(provider));
    const controller = new AbortController();
    const cancel = options.clock.timer(() => controller.abort(tooSlow()), longestProbeMs);
    try {
      const { signal } = controller;
      const send = lease.key.config.route?.fetch ?? options.fetch ?? (globalThis.fetch as FetchFunction);
      const sent = Promise.resolve(send(url, initOf(probe, headersOf(probe, asked, lease, placement), signal)));
      // Somebody else's function may not know of signals.
      const response = await untilAborted(sent, signal, giveUp);
      return await answerOf(
        response,
        lease,
        options,
        signal,
        probe === provider.probe ? provider.probe.left : undefined,
      );
    } catch (error) {
      const classification = lease.provider.classify({ error, ...circumstances(lease, options) }, options.overrule);
      return { status: null, message: null, classification };
    } finally {
      cancel();
    }
  };
}

/** By its name it is told from a caller's abort, which says nothing of a key. */
function tooSlow(): DOMException {
  return new DOMException(`No answer to a probe within ${longestProbeMs} ms`, "TimeoutError");
}

function modelFieldOf({ request }: Provider): string {
  return request?.modelField ?? "model";
}

/** What a refusal means depends on the key's history, whoever sent the request. */
function circumstances(
  lease: Lease,
  { clock, pool }: ProbeSenderOptions,
): { readonly now: number; readonly context: ClassificationContext } {
  return { now: clock.wall(), context: pool.contextOf(lease) };
}

/** Below the key's own endpoint, where it has one; an absolute path stays where it is. */
function probeUrl({ path }: ProbeRequest, lease: Lease, endpoints: Endpoints): string {
  const { provider } = lease.provider;
  const base = endpoints.baseFor(lease).href;
  const url = /^https?:/i.test(path) ? path : below(base, path);
  // The presets know what lies beside their base; anybody else is more likely to be led astray.
  const isConfined = path === provider.probe?.path || !leadsUp(path);
  if (isConfined && URL.canParse(url) && (endpoints.mayGo(url, lease) || isAtHome(new URL(url), base, provider))) {
    return withQuery(url, lease.query);
  }
  throw new InvalidOptionsError(
    "probe.path",
    `Expected \`probe.path\` to lie below the base URL or on an origin keys may be sent to (${endpoints.originsFor(lease).join(", ")}), got \`${path}\``,
  );
}

/** Some presets have their probe on another origin of the same provider; a proxy in front of it is not the provider. */
function isAtHome({ origin }: URL, base: string, { origins }: Provider): boolean {
  return origins.includes(origin) && origins.includes(new URL(base).origin);
}

function withQuery(url: string, query: Lease["query"]): string {
  if (query === undefined) return url;
  const target = new URL(url);
  for (const name in query) target.searchParams.set(name, query[name] as string);
  return target.href;
}

/** The base may have a query of its own, which stays. */
function below(base: string, path: string): string {
  const url = new URL(base);
  const [pathname = "", search] = path.split("?", 2);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${pathname.replace(/^\//, "")}`;
  if (search !== undefined) url.search = url.search === "" ? search : `${url.search}&${search}`;
  return url.href;
}

function headersOf(
  { body, headers: own }: ProbeRequest,
  url: string,
  lease: Lease,
  placement: Placement,
): Record<string, string> {
  const type = body === undefined ? undefined : { "content-type": "application/json" };
  const headers = placeCredential({ ...type, ...own }, lease, placement, goesInQuery(url, own, placement));
  if (placement.headers !== undefined) addHeaders(headers, placement.headers);
  return headers;
}

function initOf(
  { method = "GET", body }: ProbeRequest,
  headers: Record<string, string>,
  signal: AbortSignal,
): RequestInit {
  return { method, headers, signal, redirect: "manual", ...(body === undefined ? undefined : { body }) };
}

async function answerOf(
  response: Response,
  lease: Lease,
  options: ProbeSenderOptions,
  signal: AbortSignal,
  left: string | undefined,
): Promise<ProbeAnswer> {
  const reply = new FetchReply(response);
  const { status, headers } = response;
  const text = await untilAborted(reply.readCapped(readBytes), signal).finally(() => reply.discard());
  const found = lease.provider.classify(
    { status, headers, body: text, ...circumstances(lease, options) },
    options.overrule,
  );
  const isSpent = found.kind === "none" && tellsSpent(text, left);
  const classification = isSpent ? spent : status >= 300 && status < 400 ? redirected(found) : found;
  const message = classification.kind === "none" ? null : normaliseEnvelope(text).message;
  const clean = message === null ? null : scrubSecrets(message, [lease.secret]).slice(0, longestMessage);
  return { status, message: clean, classification };
}

/** A good answer that says that nothing is left. It belongs to the account, and may be topped up at any time. */
const spent: Classification = {
  kind: "quota_exhausted",
  scope: "account",
  sharedBy: "account",
  window: null,
  dimension: null,
  retryAfterMs: null,
  retryable: false,
  failover: true,
  disableKey: false,
  strength: "certain",
};

/** Wherever it leads (to a login page, mostly), it says nothing good of a key, and nothing bad. */
function redirected(classification: Classification): Classification {
  return { ...classification, kind: "bad_request" };
}
