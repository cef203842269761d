import { expectKnown } from "../checks.ts";
import type { PoolLimits } from "../limits/pool-limits.ts";
import { shownId } from "../limits/scopes.ts";
import type { Blocked, Store } from "../limits/store.ts";
import type { Outlook } from "../pool/dispatcher.ts";
import type { KeyPool } from "../pool/keys/key-pool.ts";
import type { PooledKey } from "../pool/keys/pooled-key.ts";
import { type PoolOwner, portOf } from "../pool/pool-port.ts";
import type { ReadySet } from "../pool/ready/ready-set.ts";
import type { AcquireRequest } from "../pool/rotator-options.ts";
import type { LearntLimit } from "../types.ts";

export interface KeyExplanation {
  readonly id: string;
  /** Name of its provider: the same account at two providers is two. @default the pool has one */
  readonly provider?: string | undefined;
  readonly account: string;
  /** `null`: it could serve now. */
  readonly reason: string | null;
  /** Scope or limit that stands against it. */
  readonly by: string | null;
  /** Milliseconds until that ends; `null` when it could serve now or no time is known. */
  readonly endsInMs: number | null;
  /** What answers said of its account's limits for this request's model, as far as it still holds. */
  readonly learnt: readonly LearntLimit[];
}

/**
 * Why a key would be chosen: it is the strategy's next, the conversation's own account, the one the request is about, or that
 * of a key preferred by the request.
 */
export type ChoiceReason = "strategy" | "affinity" | "account" | "preferred";

export interface Explanation {
  /** The key a request would get now; `null` when none. */
  readonly chosen: string | null;
  readonly why: ChoiceReason | null;
  /** The strategy that orders the keys. */
  readonly strategy: string;
  readonly keys: readonly KeyExplanation[];
}

/** What is asked, and where the request stands. */
interface ExplanationParts extends Outlook {
  readonly pool: KeyPool;
  readonly tracker: PoolLimits;
  readonly store: Store;
}

const knownFields: { readonly [field in keyof Required<AcquireRequest>]: true } = {
  model: true,
  signal: true,
  maxWaitMs: true,
  deadline: true,
  endsAt: true,
  endedBy: true,
  tokens: true,
  priority: true,
  affinity: true,
  account: true,
  only: true,
  isTrial: true,
  exclude: true,
  avoid: true,
  prefer: true,
  requestId: true,
  attempt: true,
  tags: true,
};

/** So many keys are asked about at once. */
const keysAtOnce = 200;

/**
 * Dry run: which key of a pool a request would get and why, and what first stands against each other one. Takes nothing.
 * @throws InvalidOptionsError for a field that no request has, and for what has no pool; what the key source throws when it is
 * read for the first time.
 */
export async function explain(owner: PoolOwner, request: AcquireRequest = {}): Promise<Explanation> {
  const port = portOf(owner);
  await port.ready();
  expectKnown("request", request, knownFields);
  const { registry, tracker, options, strategy, features, dispatcher } = port;
  const { pool } = registry;
  const parts = { ...dispatcher.outlook(request), pool, tracker, store: options.store };
  const keys: KeyExplanation[] = [];
  const free = new Set<string>();
  for (const [key, verdict] of await explainAll(pool.keys.values(), request, parts)) {
    if (verdict.reason === null) free.add(key.id);
    const { model: own = null } = parts.readySet;
    const learnt = features.limits
      .of(key.account.id)
      .filter(({ model }) => own === null || model === null || model === own);
    const { id, account } = key;
    const provider = port.providers.length > 1 ? account.provider.provider.name : undefined;
    keys.push({ id, provider, account: account.name, ...verdict, learnt });
  }
  return { ...choiceOf(request, parts, free), strategy, keys };
}

type KeyVerdict = Pick<KeyExplanation, "reason" | "by" | "endsInMs">;

/** Some hundred keys at a time: over a network one after the other would take as many ways there and back. */
async function explainAll(
  keys: Iterable<PooledKey>,
  request: AcquireRequest,
  parts: ExplanationParts,
): Promise<readonly (readonly [PooledKey, KeyVerdict])[]> {
  const all = [...keys];
  const explained: (readonly [PooledKey, KeyVerdict])[] = [];
  for (let start = 0; start < all.length; start += keysAtOnce) {
    const some = all.slice(start, start + keysAtOnce);
    explained.push(
      ...(await Promise.all(some.map(async (key) => [key, await explainKey(key, request, parts)] as const))),
    );
  }
  return explained;
}

async function explainKey(
  key: PooledKey,
  request: AcquireRequest,
  { tracker, store, readySet, tokens, reserveOptions, pool }: ExplanationParts,
): Promise<KeyVerdict> {
  const { id, account } = key;
  const against = (reason: string): KeyVerdict => ({
    reason,
    by: `key:${id}`,
    endsInMs: null,
  });
  if (!key.enabled) return against("disabled");
  if (!readySet.accepts(key)) return against("not for this model");
  const own = request.account === undefined ? undefined : pool.accountOf(request.account);
  if (own !== undefined && own !== account) return against("not the account it is about");
  if (request.exclude !== undefined && account.isIn(request.exclude)) return against("excluded");
  const candidate = tokens.fill(tracker.candidateFor(key, readySet.model, readySet.coolsAlone), request, false);
  const answer = await store.reserve([candidate], { ...reserveOptions, dryRun: true });
  if (answer.granted) return { reason: null, by: null, endsInMs: null };
  const { by, until, reason } = answer.blocked[0] as Blocked;
  const endsInMs = until === null ? null : until - answer.now;
  return { reason: reason ?? "limit reached", by: shownId(by), endsInMs };
}

function choiceOf(
  { prefer, account }: AcquireRequest,
  { pool, readySet, home }: ExplanationParts,
  free: ReadonlySet<string>,
): Pick<Explanation, "chosen" | "why"> {
  const atHome = home?.keys.find(({ id }) => free.has(id));
  if (atHome !== undefined) return { chosen: atHome.id, why: "affinity" };
  if (prefer !== undefined && free.has(prefer)) return { chosen: prefer, why: "preferred" };
  const chosen = firstFree(pool, readySet, free);
  const isPinned = account !== undefined && pool.accountOf(account) !== undefined;
  return { chosen, why: chosen === null ? null : isPinned ? "account" : "strategy" };
}

/** The first key, in the ready set's own order, that nothing stands against. */
function firstFree(pool: KeyPool, readySet: ReadySet, free: ReadonlySet<string>): string | null {
  const preferred = readySet.first();
  const slots = preferred === -1 ? [] : [preferred, ...readySet.list(pool.accountCount)];
  for (const slot of slots) {
    const { keys, cursor } = pool.accountAt(slot);
    for (let step = 0; step < keys.length; step++) {
      const key = keys[(cursor + step) % keys.length] as PooledKey;
      if (free.has(key.id)) return key.id;
    }
  }
  return [...free][0] ?? null;
}
