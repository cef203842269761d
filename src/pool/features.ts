import { Evidence } from "../judgement/evidence/evidence.ts";
import type { Served } from "../judgement/evidence/wall.ts";
import { AccountInference } from "../judgement/learning/account-inference.ts";
import { CredentialWatch } from "../judgement/learning/credential-watch.ts";
import { Latency } from "../judgement/learning/latency.ts";
import { ObservedLimits } from "../judgement/learning/observed-limits.ts";
import { type ProviderReading, readingOf } from "../judgement/provider-reading.ts";
import type { Observer } from "../ports.ts";
import type { ClassificationContext } from "../types.ts";
import type { EventHub } from "./events.ts";
import type { KeyPool } from "./keys/key-pool.ts";
import type { PooledKey } from "./keys/pooled-key.ts";
import { SecretOverlaps } from "./keys/secret-overlap.ts";
import type { Lease } from "./lease.ts";
import { LeaseView } from "./lease-view.ts";
import type { Observers } from "./observing/observers.ts";
import type { CircuitBreakers } from "./ready/circuit-breakers.ts";
import type { ResolvedRotatorOptions } from "./rotator-options.ts";
import type { OrderingStrategy } from "./strategies/strategy.ts";

export interface FeatureParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly pool: KeyPool;
  readonly observers: Observers;
  readonly switches: { giveUp(keyId: string): void };
  readonly settlement: { readonly workedAt: number };
  readonly readiness: { readonly breakers: Pick<CircuitBreakers, "wallOf">; wake(slot: number): void };
}

/** What a pool learns by itself: the list where its own observers are made. Whoever needs one by name finds it here. */
export class Features {
  readonly #parts: FeatureParts;
  readonly credentials: CredentialWatch;
  readonly accounts: AccountInference;
  readonly limits: ObservedLimits;
  readonly overlaps: SecretOverlaps;
  #latency: Latency | undefined;
  #readsHeaders = false;

  constructor(parts: FeatureParts) {
    const { options, events, pool, observers, switches, settlement, readiness } = parts;
    const { clock, provider } = options;
    const attach = (observer: Observer): (() => void) => observers.attach(observer);
    this.#parts = parts;
    this.limits = new ObservedLimits({ clock, grammarOf: (lease) => LeaseView.leaseOf(lease)?.provider.grammar });
    this.accounts = new AccountInference({
      clock,
      attach,
      exists: (account) => pool.accountWith(account) !== undefined,
      tell: (event, group) => {
        if (events.isHeard) events.emit(event, group);
      },
    });
    this.credentials = new CredentialWatch({
      clock,
      attach,
      workedAt: () => settlement.workedAt,
      giveUp: ({ keyId }) => switches.giveUp(keyId),
    });
    this.overlaps = new SecretOverlaps({ clock, events, pool, attach, wake: (slot) => readiness.wake(slot) });
    attach(this.limits.ofRefusals);
    this.meet(pool.providers.length > 0 ? pool.providers : [readingOf(provider)]);
    attach(this.accounts);
    attach(
      new Evidence({
        clock,
        attach: (observer) => observers.append(observer),
        accountIds: (name) => accountsOf(pool, name),
        accountCount: () => pool.accountCount,
        servedLast: (name) => servedLast(pool, name),
        wallOf: (address) => readiness.breakers.wallOf(address),
        learned: (refusal) => events.emit("refusal-learned", refusal),
      }),
    );
    attach(this.credentials);
    this.follow(options.strategy);
  }

  /** Whose headers say something of limits: only then are headers read. */
  meet(providers: readonly ProviderReading[]): void {
    if (this.#readsHeaders || !providers.some(({ grammar }) => grammar !== undefined)) return;
    this.#readsHeaders = true;
    this.#parts.observers.attach(this.limits.ofHeaders);
  }

  /** What a strategy asks for is measured from now on. */
  follow({ usesLatency }: OrderingStrategy): void {
    if (usesLatency !== true || this.#latency !== undefined) return;
    const { options, observers, pool } = this.#parts;
    this.#latency = new Latency(options.clock);
    pool.latency = this.#latency;
    observers.attach(this.#latency);
  }

  /** What is known of a key whose answer is classified. */
  contextOf({ key }: Lease): ClassificationContext {
    const now = this.#parts.options.clock.monotonic();
    const everSucceeded = key.lastSuccessAt !== Number.NEGATIVE_INFINITY;
    return {
      keyAgeMs: now - key.addedAt,
      everSucceeded,
      lastSuccessAgoMs: everSucceeded ? now - key.lastSuccessAt : undefined,
      otherKeys401Recently: this.credentials.othersRefused(key.id),
      credentialType: key.isDynamic ? "dynamic" : undefined,
    };
  }
}

function accountsOf({ accounts }: KeyPool, provider: string): readonly string[] {
  const ids: string[] = [];
  for (const account of accounts) if (account.provider.provider.name === provider) ids.push(account.id);
  return ids;
}

/** The account of a provider whose key served last, of those that served at all. */
function servedLast({ keys }: KeyPool, provider: string): Served | undefined {
  let last: PooledKey | undefined;
  for (const key of keys.values()) {
    if (key.account.provider.provider.name !== provider) continue;
    if (last === undefined || key.lastSuccessAt > last.lastSuccessAt) last = key;
  }
  if (last === undefined || last.lastSuccessAt === Number.NEGATIVE_INFINITY) return undefined;
  return { accountId: last.account.id, at: last.lastSuccessAt };
}
