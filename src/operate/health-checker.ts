import { expectHeaders, expectKnown, expectOneOf, unexpected } from "../checks.ts";
import { InvalidOptionsError, RotatorClosedError } from "../errors.ts";
import type { HealthProbe } from "../judgement/provider.ts";
import { anyText, optional, type Shape, shaped, text } from "../judgement/shape-checks.ts";
import type { RateLimitTracker } from "../limits/rate-limit-tracker.ts";
import { isKeyScope, modelScope } from "../limits/scopes.ts";
import type { Bucket, Candidate, Reservation } from "../limits/store.ts";
import { maskSecret } from "../mask.ts";
import type { Dispatcher } from "../pool/dispatcher.ts";
import type { EventHub } from "../pool/events.ts";
import { type KeyPool, type PooledKey, secretUnknown } from "../pool/keys/key-pool.ts";
import { Lease } from "../pool/lease.ts";
import { mayRecheck } from "../pool/ready/rechecks.ts";
import type { ResolvedRotatorOptions } from "../pool/rotator-options.ts";
import type { Settlement } from "../pool/settlement.ts";
import type { Classification, CooldownChange, Kind } from "../types.ts";

/** A request of one's own that says whether a key works. */
export interface ProbeRequest {
  /** @default "GET" */
  readonly method?: "GET" | "POST" | undefined;
  /** Below the base URL. */
  readonly path: string;
  /** JSON, as text. @default none */
  readonly body?: string | undefined;
  /** Headers beside the credential. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const probeShape: Shape<ProbeRequest> = {
  method: optional((field, value) => {
    expectOneOf(field, value, ["GET", "POST"]);
  }),
  path: text,
  body: optional(anyText),
  headers: optional((field, value) => {
    expectHeaders(field, value);
  }),
};
const probeFields = shaped(probeShape);

/** @throws InvalidOptionsError naming the field of a probe that cannot be sent. */
function expectProbe(value: unknown): ProbeRequest {
  probeFields("probe", value);
  const probe = value as ProbeRequest;
  if (probe.body !== undefined && probe.method !== "POST") {
    throw unexpected("probe.method", '"POST" with a `body`', probe.method);
  }
  return probe;
}

/** What became of a probe. */
export interface ProbeAnswer {
  /** `null`: no answer came. */
  readonly status: number | null;
  /** The provider's message, without secrets. */
  readonly message: string | null;
  readonly judged: Classification;
}

export type SendProbe = (lease: Lease, probe: ProbeRequest) => Promise<ProbeAnswer>;

export type KeyVerdict =
  | "good"
  | "limited"
  | "no_quota"
  | "refused"
  | "forbidden"
  | "provider_trouble"
  | "unreachable"
  | "failed"
  | "not_probed";

export interface CheckOptions {
  /** Ids of the keys to probe. @default all */
  readonly ids?: readonly string[] | undefined;
}

export interface KeyReport {
  readonly id: string;
  readonly masked: string | null;
  readonly verdict: KeyVerdict;
  readonly status: number | null;
  readonly message: string | null;
  readonly elapsedMs: number;
}

export interface CheckReport {
  readonly keys: readonly KeyReport[];
  readonly good: number;
  readonly total: number;
}

/** So many keys are probed at once. */
const probesAtOnce = 10;
/** A key that fails where others do not is left alone until after the next round. */
const unhealthyRounds = 1.5;
const intervalJitter = 0.1;

const verdicts: Readonly<Partial<Record<Kind, KeyVerdict>>> = {
  none: "good",
  rate_limit: "limited",
  quota_exhausted: "no_quota",
  invalid_key: "refused",
  forbidden: "forbidden",
  overloaded: "provider_trouble",
  server_error: "provider_trouble",
  timeout: "unreachable",
  network: "unreachable",
};

export interface HealthCheckerParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly pool: KeyPool;
  readonly tracker: RateLimitTracker;
  readonly dispatcher: Dispatcher;
  readonly settlement: Settlement;
}

/** Asks the provider about keys: on an operator's word, and at intervals where that is wished. */
export class HealthChecker {
  readonly #parts: HealthCheckerParts;
  #send: SendProbe | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  /** @throws InvalidOptionsError when health is to be checked and no probe is known that proves anything. */
  constructor(parts: HealthCheckerParts) {
    this.#parts = parts;
    const { healthCheck, clock } = parts.options;
    if (healthCheck === undefined) return;
    this.#providersProbe("healthCheck.path");
    if (clock.timersEndWithRequest === true) {
      const expectation =
        "absent on this platform, whose timers end with the request; call `rotator.check()` on a schedule";
      throw unexpected("healthCheck", expectation, healthCheck);
    }
  }

  /** Whoever can send requests says how. The first one stays. */
  useSender(send: SendProbe): void {
    if (this.#send !== undefined) return;
    this.#send = send;
    this.#scheduleRound();
  }

  /**
   * Probes every key, switched off ones too, and settles what is learnt: a key that works again is used again, one that was
   * given up for its credential too; what an operator switched off stays off.
   * @throws InvalidOptionsError for what cannot be a probe, when there is none that proves anything, or nobody to send it, and
   * for an id that no key has; RotatorClosedError after `close()`.
   */
  async check(probe: ProbeRequest | undefined, options: CheckOptions = {}): Promise<CheckReport> {
    if (this.#closed) throw new RotatorClosedError();
    if (this.#send === undefined) throw noSender();
    const request = probe === undefined ? this.#providersProbe("probe") : expectProbe(probe);
    const waiting = this.#keysOf(options);
    const keys: KeyReport[] = new Array(waiting.length);
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let place = next++; place < waiting.length; place = next++) {
        keys[place] = await this.#probe(waiting[place] as PooledKey, request);
      }
    };
    await Promise.all(Array.from({ length: Math.min(probesAtOnce, waiting.length) }, worker));
    return { keys, good: keys.filter(({ verdict }) => verdict === "good").length, total: keys.length };
  }

  #keysOf(options: CheckOptions): readonly PooledKey[] {
    expectKnown("options", options, { ids: true });
    const { keys } = this.#parts.pool;
    const { ids } = options;
    if (ids === undefined) return [...keys.values()];
    if (!Array.isArray(ids)) throw unexpected("ids", "a list of key ids", ids);
    return [...new Set<unknown>(ids)].map((id, place) => {
      const key = keys.get(id as string);
      if (key === undefined) throw unexpected(`ids[${place}]`, "the id of a key", id);
      return key;
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  async #probe(key: PooledKey, request: ProbeRequest): Promise<KeyReport> {
    if (this.#closed) return reportOn(key, "not_probed", null, "closed", 0);
    if (!key.secret.isKnown) return reportOn(key, "not_probed", null, secretUnknown, 0);
    const { clock } = this.#parts.options;
    const startedAt = clock.monotonic();
    const lease = await this.#leaseFor(key);
    if (lease === undefined) return reportOn(key, "not_probed", null, "at rest, or probed already", 0);
    let part: "secret" | "probe" = "secret";
    try {
      if (key.isDynamic) lease.hold(await key.secret.read());
      part = "probe";
      const { status, message, judged } = await (this.#send as SendProbe)(lease, request);
      const isGood = judged.kind === "none";
      lease.settle(isGood ? { outcome: "success" } : { outcome: "failure", classification: judged });
      if (isGood && request.method === "POST") await this.#proven(lease);
      // What an operator switched off stays off.
      if (isGood && key.givenUp) this.#parts.settlement.switchOn(key);
      return reportOn(key, verdicts[judged.kind] ?? "failed", status, message, clock.monotonic() - startedAt);
    } catch (error) {
      lease.settle({ outcome: "aborted", sent: "no" });
      if (InvalidOptionsError.isInstance(error)) throw error;
      this.#parts.events.emit("part-failed", { part, keyId: key.id, error });
      return reportOn(key, "failed", null, null, clock.monotonic() - startedAt);
    }
  }

  /**
   * A probe that was paid for proves its account and model too, as any request would: guesses about them that are older than
   * it end. It was not reserved there, because two keys of one account may be probed at once.
   */
  async #proven({ key, model, reservation }: Lease): Promise<void> {
    const { options, dispatcher } = this.#parts;
    const { account } = key;
    const scopes = [`account:${account.name}`, ...(model === undefined ? [] : [modelScope(account.name, model)])];
    const { scopes: states } = await options.store.read(scopes, []);
    const refuted = states.filter(
      ({ until, now, source, startedAt }) => until > now && mayRecheck(source) && startedAt < reservation.reservedAt,
    );
    if (refuted.length === 0) return;
    const end = ({ scope }: { scope: string }): CooldownChange => ({
      scope,
      set: "end",
      reason: "probe",
      source: "heuristic",
    });
    await options.store.cooldown(refuted.map(end));
    account.recheckAt = 0;
    dispatcher.wake(account.slot);
    for (const { scope } of refuted) this.#parts.events.emit("key-recovered", { scope, keyId: key.id });
  }

  /** The claim is a reservation of the key's one probe: over all processes of a store there is one at a time. */
  async #leaseFor(key: PooledKey): Promise<Lease | undefined> {
    const { options, tracker, dispatcher, settlement } = this.#parts;
    const bucket: Bucket = {
      id: `key:${key.id}#probe`,
      kind: "concurrency",
      dimension: "concurrency",
      limit: 1,
      guardMs: 0,
    };
    const scopes = tracker.candidateFor(key, undefined).scopes.filter(isKeyScope);
    const candidate: Candidate = { keyId: key.id, scopes, needs: [{ bucket, amount: 1 }], memo: undefined };
    const answer = await options.store.reserve([candidate], { ...dispatcher.reserveOptions, purpose: "probe" });
    if (!answer.granted) return undefined;
    dispatcher.inFlight++;
    key.account.inFlight++;
    return new Lease(settlement, key, answer as Reservation, options.clock.monotonic(), { ms: 0 });
  }

  #providersProbe(field: string): ProbeRequest {
    const { provider, healthCheck } = this.#parts.options;
    if (healthCheck?.path !== undefined) return { path: healthCheck.path };
    const probe: HealthProbe | undefined = provider.probe;
    if (probe !== undefined && probe.proves === "credential") return probe;
    const ways =
      field === "probe"
        ? 'Pass `check({ path: "/models" })`, or one that costs a little: `check({ method: "POST", path: "/chat/completions", body })`'
        : "Name a path that only a good key may read, such as `/models`";
    throw new InvalidOptionsError(
      field,
      `Expected \`${field}\` to be given: provider "${provider.name}" has no cheap request that proves a key works. ${ways}`,
    );
  }

  #scheduleRound(): void {
    const { healthCheck, clock, random } = this.#parts.options;
    if (healthCheck === undefined || this.#closed) return;
    const delayMs = healthCheck.intervalMs * (1 - intervalJitter + 2 * intervalJitter * random());
    // In the background: checking health must not keep a process alive.
    this.#cancel = clock.timer(() => void this.#round(healthCheck.intervalMs), delayMs, true);
  }

  async #round(intervalMs: number): Promise<void> {
    try {
      const { keys } = await this.check(undefined);
      await this.#restUnhealthy(keys, intervalMs);
    } catch (error) {
      this.#parts.events.emit("part-failed", { part: "probe", error });
    }
    this.#scheduleRound();
  }

  /** Where no key works the provider is down, and no key is to blame. */
  async #restUnhealthy(keys: readonly KeyReport[], intervalMs: number): Promise<void> {
    if (!keys.some(({ verdict }) => verdict === "good")) return;
    const unhealthy = keys.filter(({ verdict }) => verdict === "provider_trouble" || verdict === "unreachable");
    const forMs = intervalMs * unhealthyRounds;
    for (const { id } of unhealthy) await this.#parts.settlement.rest(id, forMs, "unhealthy");
  }
}

function noSender(): InvalidOptionsError {
  return new InvalidOptionsError("check", "Expected a fetch made with this rotator, which sends the probes, got none");
}

function reportOn(
  key: PooledKey,
  verdict: KeyVerdict,
  status: number | null,
  message: string | null,
  elapsedMs: number,
): KeyReport {
  const secret = key.secret.peek();
  return { id: key.id, masked: secret === undefined ? null : maskSecret(secret), verdict, status, message, elapsedMs };
}
