import { expectHeaders, expectKnown, expectOneOf, unexpected } from "../checks.ts";
import { InvalidOptionsError, RotatorClosedError } from "../errors.ts";
import type { Provider } from "../judgement/provider.ts";
import { anyText, optional, type Shape, shaped, text } from "../judgement/shape-checks.ts";
import type { PooledKey } from "../pool/keys/pooled-key.ts";
import { type PoolOwner, type PoolPort, type ProbeRequest, portOf } from "../pool/pool-port.ts";
import type { ResolvedRotatorOptions } from "../pool/rotator-options.ts";
import type { KeyReport } from "./key-report.ts";
import { probeKey } from "./probe-key.ts";

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

export interface CheckOptions {
  /** Ids of the keys to probe. @default all */
  readonly ids?: readonly string[] | undefined;
}

export interface CheckReport {
  readonly keys: readonly KeyReport[];
  readonly good: number;
  readonly total: number;
}

/** So many keys are probed at once. */
const probesAtOnce = 10;

/**
 * Probes every key of a pool, switched off ones too, and settles what the answers prove. A provider's own probe proves that a
 * credential is accepted: a key that was refused, or given up for it, is used again. A `POST` of yours proves what any request
 * does: limits and spent credit of its account and model are over. Any other path proves something once it has refused a
 * credential; until then its good answers end nothing. No key is called good that stays in cooldown, or whose answer says that
 * nothing is left. What an operator switched off stays off. A fetch made with the pool sends the probes.
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

function noSender(): InvalidOptionsError {
  return new InvalidOptionsError("check", "Expected a fetch made with this rotator, which sends the probes, got none");
}
