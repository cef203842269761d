import { expectHeaders, expectKnown, expectOneOf, unexpected } from "../checks.ts";
import { InvalidOptionsError, RotatorClosedError } from "../errors.ts";
import type { Provider } from "../judgement/provider.ts";
import { anyText, optional, type Shape, shaped, text } from "../judgement/shape-checks.ts";
import { accountScope, isKeyScope, keyScope, modelScope, shownId } from "../limits/scopes.ts";
import type { Bucket, Candidate, Reservation } from "../limits/store.ts";
import { maskSecret } from "../mask.ts";
import { type PooledKey, secretUnknown } from "../pool/keys/pooled-key.ts";
import { Lease } from "../pool/lease.ts";
import { type PoolOwner, type PoolPort, type ProbeRequest, portOf, type SendProbe } from "../pool/pool-port.ts";
import { mayProbe } from "../pool/ready/circuit-breaker.ts";
import type { ResolvedRotatorOptions } from "../pool/rotator-options.ts";
import type { CooldownChange, Kind } from "../types.ts";

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

/**
 * Probes every key of a pool, switched off ones too, and settles what is learnt: a key that works again is used again, one that
 * was given up for its credential too; what an operator switched off stays off. A fetch made with the pool sends the probes.
 * @param probe @default the provider's own probe, or `healthCheck.path`
 * @throws InvalidOptionsError for what cannot be a probe, when there is none that proves anything, or nobody to send it, and
 * for an id that no key has; RotatorClosedError after `close()`.
 */
export async function check(owner: PoolOwner, probe?: ProbeRequest, options: CheckOptions = {}): Promise<CheckReport> {
  const port = portOf(owner);
  await port.ready();
  if (port.isClosed) throw new RotatorClosedError();
  if (port.sendProbe === undefined) throw noSender();
  const given = probe === undefined ? undefined : expectProbe(probe);
  const asked = keysIn(port, options);
  const probeOf = ({ account }: PooledKey): ProbeRequest =>
    given ?? providersProbe(account.provider.provider, port.options, "probe");
  const requests = asked.map(probeOf);
  const keys: KeyReport[] = new Array(asked.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let place = next++; place < asked.length; place = next++) {
      keys[place] = await probeKey(port, asked[place] as PooledKey, requests[place] as ProbeRequest);
    }
  };
  await Promise.all(Array.from({ length: Math.min(probesAtOnce, asked.length) }, worker));
  return { keys, good: keys.filter(({ verdict }) => verdict === "good").length, total: keys.length };
}

/** @throws InvalidOptionsError naming the field, where no cheap request is known that proves a key works. */
export function providersProbe(
  provider: Provider,
  { healthCheck }: Pick<ResolvedRotatorOptions, "healthCheck">,
  field: string,
): ProbeRequest {
  if (healthCheck?.path !== undefined) return { path: healthCheck.path };
  const { probe } = provider;
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

/** A probe is nobody's request. */
const noRequest = Object.freeze({});

function keysIn({ registry }: PoolPort, options: CheckOptions): readonly PooledKey[] {
  expectKnown("options", options, { ids: true });
  const { keys } = registry.pool;
  const { ids } = options;
  if (ids === undefined) return [...keys.values()];
  if (!Array.isArray(ids)) throw unexpected("ids", "a list of key ids", ids);
  return [...new Set<unknown>(ids)].map((id, place) => {
    const key = keys.get(id as string);
    if (key === undefined) throw unexpected(`ids[${place}]`, "the id of a key", id);
    return key;
  });
}

async function probeKey(port: PoolPort, key: PooledKey, request: ProbeRequest): Promise<KeyReport> {
  if (port.isClosed) return reportOn(key, "not_probed", null, "closed", 0);
  if (!key.secret.isKnown) return reportOn(key, "not_probed", null, secretUnknown, 0);
  const { clock } = port.options;
  const startedAt = clock.monotonic();
  const lease = await leaseFor(port, key);
  if (lease === undefined) return reportOn(key, "not_probed", null, "in cooldown, or probed already", 0);
  let part: "secret" | "probe" = "secret";
  try {
    if (key.isDynamic) lease.hold(await key.secret.read());
    part = "probe";
    const { status, message, classification } = await (port.sendProbe as SendProbe)(lease, request);
    const isGood = classification.kind === "none";
    lease.settle(isGood ? { outcome: "success" } : { outcome: "failure", classification });
    if (isGood && request.method === "POST") await endGuesses(port, lease);
    // What an operator switched off stays off.
    if (isGood && key.troubles.givenUp) port.switches.on(key);
    return reportOn(key, verdicts[classification.kind] ?? "failed", status, message, clock.monotonic() - startedAt);
  } catch (error) {
    lease.settle({ outcome: "aborted", sent: "no" });
    if (InvalidOptionsError.isInstance(error)) throw error;
    port.emit("internal-error", { part, keyId: key.id, error });
    return reportOn(key, "failed", null, null, clock.monotonic() - startedAt);
  }
}

/**
 * A probe that was paid for proves its account and model too, as any request would: guesses about them that are older than
 * it end. It was not reserved there, because two keys of one account may be probed at once.
 */
async function endGuesses(port: PoolPort, lease: Lease): Promise<void> {
  const { key, model, reservation = lease } = lease;
  const { store } = port.options;
  const { account } = key;
  const { id } = account;
  const scopes = [accountScope(id), ...(model === undefined ? [] : [modelScope(id, model)])];
  const { scopes: states } = await store.read(scopes, []);
  const refuted = states.filter(
    ({ until, now, source, startedAt }) => until > now && mayProbe(source) && startedAt < reservation.reservedAt,
  );
  if (refuted.length === 0) return;
  await store.cooldown(
    refuted.map(({ scope }): CooldownChange => ({ scope, set: "end", reason: "probe", source: "heuristic" })),
  );
  port.readiness.breakers.end(account);
  port.readiness.wake(account.slot);
  for (const { scope } of refuted) port.emit("key-recovered", { scope: shownId(scope), keyId: key.id });
}

/** The claim is a reservation of the key's one probe: over all processes of a store there is one at a time. */
async function leaseFor(
  { options, tracker, dispatcher, readiness, settlement }: PoolPort,
  key: PooledKey,
): Promise<Lease | undefined> {
  const bucket: Bucket = {
    id: `${keyScope(key.account.provider.id, key.id)}#probe`,
    kind: "concurrency",
    dimension: "concurrency",
    limit: 1,
    guardMs: 0,
  };
  const scopes = tracker.scopesOf(key).filter(isKeyScope);
  const candidate: Candidate = { scopes, needs: [{ bucket, amount: 1 }], memo: undefined };
  const answer = await options.store.reserve([candidate], dispatcher.questions.probe);
  if (!answer.granted) return undefined;
  readiness.begin(key.account);
  return new Lease(settlement, noRequest).begin(key, answer as Reservation, options.clock.monotonic());
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
