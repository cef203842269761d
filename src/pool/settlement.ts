import { AccountInference } from "../judgement/learning/account-inference.ts";
import { LearntLimits } from "../judgement/learning/learnt-limits.ts";
import { UsageEvidence } from "../judgement/learning/usage-evidence.ts";
import { amountsOf } from "../limits/amounts.ts";
import type { PoolLimits } from "../limits/pool-limits.ts";
import {
  accountScope,
  isKeyScope,
  isModelScope,
  keyScope,
  modelScope,
  nameInScope,
  originIn,
  shownId,
} from "../limits/scopes.ts";
import type { Report, ScopeState, Store } from "../limits/store.ts";
import type { HeaderReader, LeaseResult } from "../ports.ts";
import type { Awaitable, Classification, CooldownChange } from "../types.ts";
import type { EventHub } from "./events.ts";
import { CredentialWatch } from "./keys/credential-watch.ts";
import type { Account, KeyPool, PooledKey } from "./keys/key-pool.ts";
import { SecretOverlaps } from "./keys/secret-overlap.ts";
import type { Lease, LeaseOwner } from "./lease.ts";
import type { Readiness } from "./readiness.ts";
import { mayRecheck, rampStart } from "./ready/rechecks.ts";
import type { ResolvedRotatorOptions } from "./rotator-options.ts";

/** With so many requests under way, a group that came back from a cooldown is back for good. */
const rampEnd = 32;
/** Weight of a new measurement in the smoothed latency. */
const latencySmoothing = 0.3;

/** Marks rests of accounts that only seem to be the refused one. */
const inferred = { reason: "same_organization", source: "heuristic" } as const;

export interface SettlementParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly pool: KeyPool;
  readonly tracker: PoolLimits;
  readonly readiness: Readiness;
}

/** Takes keys back: tells the store how attempts ended, and takes over what follows for keys, lanes and listeners. */
export class Settlement implements LeaseOwner {
  readonly #options: ResolvedRotatorOptions;
  readonly #events: EventHub;
  readonly #pool: KeyPool;
  readonly #store: Store;
  readonly #tracker: PoolLimits;
  readonly #readiness: Readiness;
  readonly #sameClock: boolean;
  readonly #alone: [Report?] = [];
  /** Is a store told of an end at this moment? */
  isSettling = false;
  readonly credentials: CredentialWatch;
  readonly overlaps: SecretOverlaps;
  readonly learnt: LearntLimits;
  readonly inference: AccountInference;
  readonly #evidence: UsageEvidence;
  readonly #whenIdle = new Set<() => void>();

  constructor({ options, events, pool, tracker, readiness }: SettlementParts) {
    this.#options = options;
    this.#events = events;
    this.#pool = pool;
    this.#store = options.store;
    this.#tracker = tracker;
    this.#readiness = readiness;
    this.credentials = new CredentialWatch(options.clock);
    this.overlaps = new SecretOverlaps(options.clock, events, pool, (slot) => readiness.wake(slot));
    this.inference = new AccountInference(options.clock, events);
    this.#evidence = new UsageEvidence(pool, this.inference, options.provider);
    this.learnt = new LearntLimits(options.clock);
    this.#sameClock = options.store.clock === options.clock;
  }

  now(): number {
    return this.#options.clock.monotonic();
  }

  /** Resolves when no lease is open, at the latest after so many milliseconds. */
  idle(longestMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.timer(resolve, longestMs);
      this.#whenIdle.add(() => {
        cancel();
        resolve();
      });
    });
  }

  end(lease: Lease, result: LeaseResult): void {
    const { key } = lease;
    const { account } = key;
    const now = this.now();
    const headersAfterMs = (lease.answeredAt === 0 ? now : lease.answeredAt) - lease.startedAt;
    this.#readiness.end(account);
    if (result.outcome === "success") {
      // Measuring writes to memory that a large pool has not in its cache: only for those who ask for it.
      if (this.#readiness.strategy.usesLatency === true) measureLatency(account, headersAfterMs);
      this.credentials.succeeded(key, now);
      if (key.overlap !== undefined) this.overlaps.succeeded(key, now);
      if (this.inference.isWatching) {
        for (const freed of this.inference.succeeded(lease)) this.#endInferredRest(freed, lease);
      }
      if (this.#evidence.isWatching) this.#evidence.succeeded(lease);
      if (account.ramp > 0) this.#climb(account);
    } else if (result.outcome === "failure") {
      key.failures++;
      key.lastFailureAt = now;
    }
    // Without an answer nobody knows when the provider counted: as late as it may.
    const isUnanswered = lease.answeredAt === 0 && (result.outcome === "aborted" || result.sent === "unknown");
    const settling = this.#settle(this.#reportOn(lease, result, isUnanswered ? undefined : headersAfterMs), lease);
    const { classification } = result;
    if (classification !== undefined) this.#evidence.refused(account, classification, now);
    if (classification?.limit !== undefined) this.learnt.refused(lease, classification);
    if (classification?.kind === "invalid_key") this.#credentialRefused(lease, classification);
    // What was given back may be the very thing it was parked for.
    const mayGiveBack = result.sent === "no" || (result.usage !== undefined && this.#pool.countsTokens);
    const released = (): void => {
      if (mayGiveBack) this.#readiness.lanes.wakeAll(account.slot);
      this.#readiness.released(account);
    };
    if (settling === undefined) released();
    else settling.then(released);
    if (this.#whenIdle.size > 0 && this.#readiness.inFlight === 0) for (const done of this.#whenIdle) done();
  }

  /** What is refused is a secret: one that the key has no more says nothing of it. */
  #credentialRefused(lease: Lease, classification: Classification): void {
    const { key } = lease;
    if (lease.secretUsed !== key.secret || this.overlaps.refused(lease)) return;
    if (!this.credentials.refused(lease, classification)) return;
    this.switchOff(key, "credential refused");
    key.givenUp = true;
  }

  /** The belief that put it to rest was wrong. */
  #endInferredRest(account: Account, lease: Lease): void {
    const { model } = lease;
    const { id } = account;
    const scopes = [accountScope(id), ...(model === undefined ? [] : [modelScope(id, model)])];
    this.#apply(
      scopes.map((scope) => ({ scope, set: "end", ...inferred }) as const),
      lease,
    );
    this.#readiness.wake(account.slot);
  }

  /** Takes in what an answer's headers say of limits. */
  observe(lease: Lease, headers: HeaderReader, findModel: () => string | undefined): void {
    this.#evidence.observed(lease, headers);
    const changes = this.learnt.observe(lease, headers, findModel);
    if (changes.length > 0) this.#apply(changes, lease);
  }

  switchOff(key: PooledKey, reason: string): void {
    const before = key.enabled;
    key.enabled = false;
    key.givenUp = false;
    key.offReason = reason;
    key.account.refresh();
    this.#readiness.rejoin(key.account);
    if (before) this.#events.emit("key-disabled", { keyId: key.id, reason });
  }

  /** Back in service, with a clean record. */
  switchOn(key: PooledKey): void {
    const before = key.enabled;
    key.enabled = true;
    key.givenUp = false;
    key.offReason = undefined;
    key.refusals = 0;
    key.account.refresh();
    this.endRests(key);
    this.#readiness.rejoin(key.account);
    if (!before) this.#events.emit("key-enabled", { keyId: key.id });
  }

  #apply(changes: readonly CooldownChange[], lease: Lease): void {
    const failed = (error: unknown): void => this.#storeFailed(error);
    try {
      const states = this.#store.cooldown(changes);
      if ("then" in states) {
        this.#own(states, lease.key, changes).then((late) => this.#learn(late, lease.key, lease), failed);
      } else this.#learn(states, lease.key, lease);
    } catch (error) {
      failed(error);
    }
  }

  #reportOn(lease: Lease, result: LeaseResult, headersAfterMs: number | undefined): Report {
    const { reservation, key } = lease;
    const allowanceMs = lease.allowance.ms;
    const { outcome, classification, usage, sent = "yes" } = result;
    // The usual end of a request says nothing more.
    if (classification === undefined && usage === undefined && allowanceMs === 0) {
      return { reservation, outcome, sent, headersAfterMs };
    }
    let cooldowns: readonly CooldownChange[] | undefined;
    if (classification !== undefined) {
      const { model, origin } = lease;
      const at = reservation.reservedAt;
      cooldowns = this.#tracker.changesFor(classification, key, model, origin, at, lease.secretUsed);
      const { resting, heldBack } = this.inference.siblingsIn(key.account, classification);
      for (const { account, until } of heldBack) this.#readiness.holdBack(account, until);
      for (const sibling of resting) {
        const changes = this.#tracker.changesFor(classification, sibling.keys[0] as PooledKey, model, origin, at);
        cooldowns = [...cooldowns, ...changes.map((change) => ({ ...change, ...inferred }))];
      }
      lease.marks = cooldowns;
    }
    return { reservation, outcome, sent, headersAfterMs, allowanceMs, amounts: usage && amountsOf(usage), cooldowns };
  }

  /** Puts a key to rest on a guess. */
  async rest(id: string, forMs: number, reason: string): Promise<void> {
    const key = this.#pool.keys.get(id);
    if (key === undefined) return;
    this.#learn(await this.#cool(key, { forMs }, reason, "heuristic"), key, undefined);
  }

  /** Puts scopes to rest, or ends their rest, on an operator's word. */
  async cooldown(id: string, forMs: number | "end", reason = "operator"): Promise<boolean> {
    const key = this.#pool.keys.get(id);
    if (key === undefined) return false;
    const set = forMs === "end" ? forMs : { forMs };
    this.#learn(await this.#cool(key, set, reason, "operator"), key, undefined);
    if (forMs === "end") this.endRests(key);
    return true;
  }

  #cool(
    key: PooledKey,
    set: CooldownChange["set"],
    reason: string,
    source: CooldownChange["source"],
  ): Awaitable<readonly ScopeState[]> {
    const changes = [{ scope: keyScope(key.account.provider.id, key.id), set, reason, source }];
    const states = this.#store.cooldown(changes);
    return "then" in states ? this.#own(states, key, changes) : states;
  }

  /** What a shared store is told by this process, it hears of as well. */
  #own<T>(work: Promise<T>, { account }: PooledKey, changes?: readonly CooldownChange[]): Promise<T> {
    return this.#readiness.shared?.during(work, account, changes) ?? work;
  }

  /**
   * Takes back what a lease's failure put to rest: the request was at fault, not the key. What a provider stated stays.
   * @internal
   */
  forgive(lease: Lease): void {
    const changes = lease.marks.map(
      ({ scope }) => ({ scope, set: "end", reason: "forgiven", source: "heuristic" }) as const,
    );
    if (changes.length === 0) return;
    this.#apply(changes, lease);
    const { shared } = this.#readiness;
    if (shared === undefined) return;
    // Asked again before the answer comes.
    for (const { scope } of changes) shared.forget(scope);
    lease.key.restUntil = 0;
    this.#readiness.wake(lease.key.account.slot);
  }

  /** A list of one. A store on our own clock keeps no list it is given, so the same one serves every time. */
  #listOf(report: Report): readonly Report[] {
    if (!this.#sameClock) return [report];
    this.#alone[0] = report;
    return this.#alone as [Report];
  }

  /** A promise where the store takes its time; it never rejects. */
  #settle(report: Report, lease: Lease): Promise<void> | undefined {
    const failed = (error: unknown): void => this.#storeFailed(error);
    this.isSettling = true;
    try {
      const states = this.#store.settle(this.#listOf(report));
      this.isSettling = false;
      if ("then" in states) {
        return Promise.resolve(this.#own(states, lease.key, report.cooldowns))
          .then((late) => this.#learn(late, lease.key, lease))
          .catch(failed);
      }
      if (states.length > 0) this.#learn(states, lease.key, lease);
    } catch (error) {
      this.isSettling = false;
      failed(error);
    }
    return undefined;
  }

  /** Takes over what settling changed: parks what rests, wakes what does not, and tells. */
  #learn(states: readonly ScopeState[], key: PooledKey, lease: Lease | undefined): void {
    for (const state of states) {
      const forMs = state.until - state.now;
      this.#readiness.shared?.learnt(state);
      if (originIn(state.scope) !== undefined) this.#restOrigin(key, forMs);
      else if (forMs > 0) key.account.ramp = rampStart;
      if (isModelScope(state.scope) && lease?.model !== undefined) this.#noteModel(state.scope, lease.model);
      if (state.reason === "invalid_key" && forMs > 0) this.#restSecret(state.scope, forMs, key, lease);
      if (forMs > 0) {
        const now = this.now();
        if (mayRecheck(state.source) && !isKeyScope(state.scope)) {
          this.#readiness.rechecks.wakeAt(key.account, now, now + forMs);
        }
        this.#events.emit("key-cooled", {
          scope: shownId(state.scope),
          keyId: key.id,
          forMs: Math.ceil(forMs),
          source: state.source,
          reason: state.reason,
        });
        continue;
      }
      key.restUntil = 0;
      key.credentialRefused = false;
      key.account.recheckAt = 0;
      this.#readiness.wake(key.account.slot);
      this.#events.emit("key-recovered", { scope: shownId(state.scope), keyId: key.id });
    }
  }

  #restSecret(scope: string, forMs: number, key: PooledKey, lease: Lease | undefined): void {
    const secret = lease?.secretUsed ?? key.secret;
    this.overlaps.rested(key, nameInScope(shownId(scope)), forMs);
    if (!secret.isDynamic) return;
    if (secret === key.secret) key.refusedFingerprint = secret.fingerprint;
    secret.forget();
  }

  /** A model that rests on its own gets a lane of its own. */
  #noteModel(scope: string, model: string): void {
    this.#readiness.lanes.separate(model);
    this.#pool.accountWith(nameInScope(scope).slice(0, -model.length - 1))?.noteModel(model);
  }

  /** Only where keys have endpoints of their own is there another origin to prefer. */
  #restOrigin(key: PooledKey, forMs: number): void {
    if (this.#pool.hasOwnEndpoints) this.#readiness.origins.rest(key, forMs);
  }

  #climb(account: Account): void {
    account.ramp = account.ramp >= rampEnd ? 0 : account.ramp * 2;
  }

  /** Ends what rests a key alone, on an operator's word. */
  endRests(key: PooledKey): void {
    key.restUntil = 0;
    key.credentialRefused = false;
    const { account } = key;
    const models = [...(account.restedModels ?? [])].map((model) => modelScope(account.id, model));
    const own = this.#tracker.candidateFor(key, undefined).scopes.filter(isKeyScope);
    const scopes = [...own, accountScope(account.id), ...models];
    const changes = scopes.map((scope) => ({ scope, set: "end", reason: "operator", source: "operator" }) as const);
    const ended = this.#store.cooldown(changes);
    for (const scope of scopes) this.#readiness.shared?.forget(scope);
    if ("then" in ended) {
      const failed = (error: unknown): void => this.#storeFailed(error);
      this.#own(ended, key, changes).then((states) => {
        for (const { scope, now } of states) this.#readiness.shared?.forget(scope, now);
        this.#readiness.wake(key.account.slot);
      }, failed);
    }
    this.#readiness.wake(key.account.slot);
  }

  #storeFailed(error: unknown): void {
    this.#events.emit("part-failed", { part: "store", error });
  }
}

function measureLatency(account: Account, latencyMs: number): void {
  const weight = account.latencyMs === 0 ? 1 : latencySmoothing;
  account.latencyMs += (latencyMs - account.latencyMs) * weight;
}
