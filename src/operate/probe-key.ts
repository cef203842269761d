import { InvalidOptionsError } from "../errors.ts";
import { accountScope, isKeyScope, keyScope, modelScope, shownId } from "../limits/scopes.ts";
import type { Bucket, Candidate, Reservation, ScopeState } from "../limits/store.ts";
import { maskSecret } from "../mask.ts";
import { type PooledKey, secretUnknown } from "../pool/keys/pooled-key.ts";
import { Lease } from "../pool/lease.ts";
import type { PoolPort, ProbeAnswer, ProbeRequest, SendProbe } from "../pool/pool-port.ts";
import type { CooldownChange, Kind } from "../types.ts";
import type { KeyReport, KeyVerdict } from "./key-report.ts";

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

/** What a good answer proves: what any request does, that the credential is accepted, or nothing. */
type Proof = "request" | "credential" | "nothing";

/** What the answers of a pool's own paths have shown. */
interface Shown {
  /** Paths that have refused a credential: what they answer depends on it. */
  readonly asking: Set<string>;
  /** Paths that answered well with a refused credential, and that was told. */
  readonly open: Set<string>;
}

const shownBy = new WeakMap<PoolPort, Shown>();

/** Why a key cools down that fails probes which others pass. */
export const unhealthy = "unhealthy";

/** A probe is nobody's request. */
const noRequest = Object.freeze({});

/** Probes one key, and settles what its answer proves. */
export async function probeKey(port: PoolPort, key: PooledKey, request: ProbeRequest): Promise<KeyReport> {
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
    const answer = await (port.sendProbe as SendProbe)(lease, request);
    const verdict = await settle(port, lease, request, answer);
    const elapsedMs = clock.monotonic() - startedAt;
    const standing = verdict === "good" ? await standingOf(port, key) : undefined;
    if (standing?.verdict === "refused" || (verdict === "good" && key.troubles.givenUp)) noteOpen(port, request.path);
    if (standing !== undefined) return reportOn(key, standing.verdict, answer.status, standing.message, elapsedMs);
    return reportOn(key, verdict, answer.status, answer.message, elapsedMs);
  } catch (error) {
    lease.settle({ outcome: "aborted", sent: "no" });
    if (InvalidOptionsError.isInstance(error)) throw error;
    port.emit("internal-error", { part, keyId: key.id, error });
    return reportOn(key, "failed", null, null, clock.monotonic() - startedAt);
  }
}

async function settle(
  port: PoolPort,
  lease: Lease,
  request: ProbeRequest,
  { classification }: ProbeAnswer,
): Promise<KeyVerdict> {
  const { key } = lease;
  const { kind } = classification;
  if (kind !== "none") {
    if (kind === "invalid_key") shownOf(port).asking.add(request.path);
    lease.settle({ outcome: "failure", classification });
    return verdicts[kind] ?? "failed";
  }
  const proof = proofOf(port, key, request);
  lease.settle(proof === "nothing" ? { outcome: "aborted", sent: "yes" } : { outcome: "success" });
  if (proof === "request") await endRefuted(port, lease);
  else if (proof === "nothing") await endUnhealthy(port, lease);
  // What an operator switched off stays off.
  if (proof !== "nothing" && key.troubles.givenUp) port.switches.on(key);
  return "good";
}

function proofOf(port: PoolPort, { account }: PooledKey, { method, path }: ProbeRequest): Proof {
  const { probe } = account.provider.provider;
  if (probe?.path === path && (method ?? "GET") === probe.method) return probe.proves;
  if (method === "POST") return "request";
  return shownBy.get(port)?.asking.has(path) === true ? "credential" : "nothing";
}

function shownOf(port: PoolPort): Shown {
  let shown = shownBy.get(port);
  if (shown === undefined) {
    shown = { asking: new Set(), open: new Set() };
    shownBy.set(port, shown);
  }
  return shown;
}

function noteOpen(port: PoolPort, path: string): void {
  const { open } = shownOf(port);
  if (open.has(path)) return;
  open.add(path);
  port.emit("probe-proves-nothing", { path });
}

/**
 * A probe that was paid for proves its account and model too, as any request would: cooldowns of them that are older than it end,
 * stated ones as well. It was not reserved there, because two keys of one account may be probed at once.
 */
async function endRefuted(port: PoolPort, lease: Lease): Promise<void> {
  const { key, model, reservation = lease } = lease;
  const { store } = port.options;
  const { account } = key;
  const { id } = account;
  const scopes = [accountScope(id), ...(model === undefined ? [] : [modelScope(id, model)])];
  const { scopes: states } = await store.read(scopes, []);
  const refuted = states.filter(
    (state) => isCooling(state) && state.source !== "operator" && state.startedAt < reservation.reservedAt,
  );
  if (refuted.length === 0) return;
  await store.cooldown(
    refuted.map(({ scope }): CooldownChange => ({ scope, set: "end", reason: "probe", source: "operator" })),
  );
  for (const { scope } of refuted) port.readiness.breakers.end(scope, account, key);
  port.readiness.wake(account.slot);
  for (const { scope } of refuted) port.emit("key-recovered", { scope: shownId(scope), keyId: key.id });
}

/** What live requests said of a key and its probe does not disprove: the longest cooldown it is in. */
async function standingOf(
  { options, tracker }: PoolPort,
  key: PooledKey,
): Promise<{ readonly verdict: KeyVerdict; readonly message: string } | undefined> {
  const { account } = key;
  const models = [...(account.coolingModels ?? [])].map((model) => modelScope(account.id, model));
  const { scopes } = await options.store.read([...tracker.scopesOf(key), ...models], []);
  let longest: ScopeState | undefined;
  for (const state of scopes) {
    if (isCooling(state) && (longest === undefined || state.until > longest.until)) longest = state;
  }
  if (longest === undefined) return undefined;
  const { scope, source, reason, until, now } = longest;
  const verdict = source === "credit" ? "no_quota" : (verdicts[reason as Kind] ?? "limited");
  const seconds = Math.ceil((until - now) / 1000);
  return {
    verdict,
    message: `The probe is answered, but ${shownId(scope)} is in cooldown for ${seconds} s (${reason})`,
  };
}

const isCooling = ({ until, now }: ScopeState): boolean => until > now;

/** What probes found, a probe ends, whatever it proves of live requests. */
async function endUnhealthy(port: PoolPort, lease: Lease): Promise<void> {
  const scope = keyScope(lease.key.account.provider.id, lease.keyId);
  const [state] = (await port.options.store.read([scope], [])).scopes;
  if (state === undefined || !isCooling(state) || state.reason !== unhealthy) return;
  port.settlement.follow([{ scope, set: "end", reason: "probe", source: "heuristic" }], lease);
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
