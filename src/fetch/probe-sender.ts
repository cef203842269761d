import { type ErrorClassifier, normaliseEnvelope } from "../core/error-classifier.ts";
import type { ProbeAnswer, ProbeRequest, SendProbe } from "../core/health-checker.ts";
import type { Lease } from "../core/lease.ts";
import { scrubSecrets } from "../core/mask.ts";
import type { Provider } from "../providers/provider.ts";
import type { Clock } from "../types.ts";
import { placeCredential } from "./credentials.ts";
import { AllowedOrigins, urlFor } from "./endpoints.ts";
import type { FetchFunction } from "./fetch-options.ts";
import { FetchReply } from "./fetch-reply.ts";

export interface ProbeSenderOptions {
  readonly provider: Provider;
  readonly classifier: ErrorClassifier;
  readonly baseURL: URL | undefined;
  readonly origins: readonly string[];
  readonly fetch: FetchFunction | undefined;
  readonly clock: Clock;
}

/** A probe that takes longer is no answer; milliseconds. */
const longestProbeMs = 20_000;
const readBytes = 65_536;
const longestMessage = 200;

/** Sends probes through the same `fetch` as calls, to allowed origins only, and follows no redirect. */
export function createProbeSender(options: ProbeSenderOptions): SendProbe {
  const allowed = new AllowedOrigins(options.origins);
  return async (lease, probe) => {
    const controller = new AbortController();
    const cancel = options.clock.timer(() => controller.abort(), longestProbeMs);
    try {
      const url = urlFor(probeUrl(probe, options, allowed), lease, options.baseURL);
      const send = options.fetch ?? (globalThis.fetch as FetchFunction);
      const response = await send(url, initOf(probe, lease, options.provider, controller.signal));
      return await answerOf(response, lease, options);
    } catch (error) {
      const judged = options.classifier.classify({ error, now: options.clock.wall() });
      return { status: null, message: null, judged };
    } finally {
      cancel();
    }
  };
}

function probeUrl({ path }: ProbeRequest, { baseURL, provider }: ProbeSenderOptions, allowed: AllowedOrigins): string {
  const base = baseURL?.href ?? provider.baseURL ?? `${allowed.list[0]}/`;
  const url = path.startsWith("http") ? path : `${base.replace(/\/$/, "")}${path.startsWith("/") ? "" : "/"}${path}`;
  if (allowed.of(url) === undefined) throw new TypeError("The probe's URL is not on an origin keys may be sent to");
  return url;
}

function initOf(
  { method = "GET", body }: ProbeRequest,
  lease: Lease,
  provider: Provider,
  signal: AbortSignal,
): RequestInit {
  const type = body === undefined ? undefined : { "content-type": "application/json" };
  const headers = placeCredential(type, lease, provider.credential);
  return { method, headers, signal, redirect: "manual", ...(body === undefined ? undefined : { body }) };
}

async function answerOf(
  response: Response,
  lease: Lease,
  { classifier, clock }: ProbeSenderOptions,
): Promise<ProbeAnswer> {
  const reply = new FetchReply(response);
  const { status, headers } = response;
  const text = await reply.readCapped(readBytes);
  reply.discard();
  const judged = classifier.classify({ status, headers, body: text, now: clock.wall() });
  const message = judged.kind === "none" ? null : normaliseEnvelope(text).message;
  const clean = message === null ? null : scrubSecrets(message, [lease.secret]).slice(0, longestMessage);
  return { status, message: clean, judged };
}
