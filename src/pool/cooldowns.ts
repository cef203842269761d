import type { PoolLimits } from "../limits/pool-limits.ts";
import {
  accountScope,
  isKeyScope,
  isModelScope,
  isOriginScope,
  keyScope,
  modelScope,
  nameInScope,
  originIn,
  shownId,
} from "../limits/scopes.ts";
import type { ScopeState, Store } from "../limits/store.ts";
import type { Awaitable, CooldownChange } from "../types.ts";
import type { EventHub } from "./events.ts";
import type { KeyPool } from "./keys/key-pool.ts";
import type { Account, PooledKey } from "./keys/pooled-key.ts";
import type { Lease } from "./lease.ts";
import type { Readiness } from "./readiness.ts";
import type { ResolvedRotatorOptions } from "./rotator-options.ts";

export interface CooldownParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly pool: KeyPool;
  readonly tracker: PoolLimits;
  readonly readiness: Readiness;
}

/**
 * Tells the store of cooldowns that begin and end, and takes over what it answers: what cools is parked, what does not is
 * woken, and listeners are told. The store alone knows how long a cooldown is.
 */
export class Cooldowns {
  readonly #parts: CooldownParts;
  readonly #store: Store;
  /** Until when cooldowns of whole origins were told: each of an outage's failures begins one. */
  #toldUntil: Map<string, number> | undefined;

  constructor(parts: CooldownParts) {
    this.#parts = parts;
    this.#store = parts.options.store;
  }

  /** Sets or ends what an attempt showed. */
  apply(changes: readonly CooldownChange[], lease: Lease): void {
    try {
      const states = this.#store.cooldown(changes);
      if ("then" in states) {
        this.own(states, lease.key, changes).then((late) => this.onStates(late, lease.key, lease), this.#onFailure);
      } else this.onStates(states, lease.key, lease);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  /** Puts a key into cooldown on a guess. */
  async guess(id: string, forMs: number, reason: string): Promise<void> {
    const key = this.#parts.pool.keys.get(id);
    if (key === undefined) return;
    this.onStates(await this.#cool(key, { forMs }, reason, "heuristic"), key, undefined);
  }

  /** Puts a key into cooldown, or ends what it is in, on an operator's word. */
  async set(id: string, forMs: number | "end", reason: string): Promise<boolean> {
    const key = this.#parts.pool.keys.get(id);
    if (key === undefined) return false;
    const set = forMs === "end" ? forMs : { forMs };
    this.onStates(await this.#cool(key, set, reason, "operator"), key, undefined);
    if (forMs === "end") this.endAll(key);
    return true;
  }

  /** Takes back what a lease's failure put into cooldown: the request was at fault, not the key. What a provider stated stays. */
  undo(lease: Lease): void {
    const changes = lease.marks.map(
      ({ scope }) => ({ scope, set: "end", reason: "forgiven", source: "heuristic" }) as const,
    );
    if (changes.length === 0) return;
    const { readiness } = this.#parts;
    for (const { scope } of changes) readiness.breakers.forgive(scope, this.#accountOf(scope, lease.key), lease.key);
    this.apply(changes, lease);
    const { shared } = readiness;
    if (shared === undefined) return;
    // Asked again before the answer comes.
    for (const { scope } of changes) shared.forget(scope);
    lease.key.endCooldown();
    readiness.wake(lease.key.account.slot);
  }

  /** Ends all that stands against a key alone, its account and its models, on an operator's word. */
  endAll(key: PooledKey): void {
    key.endCooldown();
    const { tracker, readiness } = this.#parts;
    const { account } = key;
    const models = [...(account.coolingModels ?? [])].map((model) => modelScope(account.id, model));
    const own = tracker.scopesOf(key).filter(isKeyScope);
    const scopes = [...own, accountScope(account.id), ...models];
    const changes = scopes.map((scope) => ({ scope, set: "end", reason: "operator", source: "operator" }) as const);
    const ended = this.#store.cooldown(changes);
    for (const scope of scopes) readiness.shared?.forget(scope);
    if ("then" in ended) {
      this.own(ended, key, changes).then((states) => {
        for (const { scope, now } of states) readiness.shared?.forget(scope, now);
        readiness.wake(account.slot);
      }, this.#onFailure);
    }
    readiness.wake(account.slot);
  }

  /** What a shared store is told by this process, it hears of as well. */
  own<T>(work: Promise<T>, { account }: PooledKey, changes?: readonly CooldownChange[]): Promise<T> {
    return this.#parts.readiness.shared?.during(work, account, changes) ?? work;
  }

  /** Takes over what the store says of scopes that a change or a success touched. */
  onStates(states: readonly ScopeState[], key: PooledKey, lease: Lease | undefined): void {
    for (const state of states) {
      const forMs = state.until - state.now;
      this.#parts.readiness.shared?.onOwnChange(state);
      if (forMs > 0) this.#onCooled(state, forMs, key, lease);
      else this.#onEnded(state, key);
    }
  }

  #onCooled(state: ScopeState, forMs: number, key: PooledKey, lease: Lease | undefined): void {
    const { scope, source, reason } = state;
    const { readiness, events, pool } = this.#parts;
    const account = this.#accountOf(scope, key);
    // Only where keys have endpoints of their own is there another origin to prefer.
    if (!isOriginScope(scope)) readiness.breakers.onCooled(account, key, { scope, forMs, source, reason });
    else if (pool.hasOwnEndpoints) this.#openOrigin(scope, forMs, key);
    if (isModelScope(scope) && lease?.model !== undefined) this.#noteModel(scope, lease.model);
    if (reason === "invalid_key") key.onCredentialCooled(lease?.secretUsed ?? key.secret);
    if (!events.isHeard || (isOriginScope(scope) && this.#wasTold(state))) return;
    const { id: keyId } = account === key.account ? key : (account.keys[0] ?? key);
    events.emit("key-cooled", { scope: shownId(scope), keyId, forMs: Math.ceil(forMs), source, reason });
  }

  #openOrigin(scope: string, forMs: number, key: PooledKey): void {
    const { breakers, readySets } = this.#parts.readiness;
    const { model } = originIn(scope);
    if (model !== undefined) readySets.askForModels();
    breakers.openOriginOf(key, model, forMs);
  }

  /** Is a cooldown of this origin under way that was told? Only one that begins after it is news. */
  #wasTold({ scope, until, now }: ScopeState): boolean {
    this.#toldUntil ??= new Map();
    const told = this.#toldUntil.get(scope) ?? Number.NEGATIVE_INFINITY;
    if (until > told) this.#toldUntil.set(scope, until);
    return told > now;
  }

  #onEnded({ scope }: ScopeState, key: PooledKey): void {
    this.#toldUntil?.delete(scope);
    const { readiness, events, pool } = this.#parts;
    const account = this.#accountOf(scope, key);
    if (account === key.account) key.endCooldown();
    if (isOriginScope(scope) && pool.hasOwnEndpoints) this.#openOrigin(scope, 0, key);
    readiness.breakers.end(scope, account, key);
    readiness.wake(account.slot);
    if (events.isHeard) events.emit("key-recovered", { scope: shownId(scope), keyId: key.id });
  }

  /** An observer may speak of another account than that of the key whose answer it saw. */
  #accountOf(scope: string, key: PooledKey): Account {
    if (!scope.startsWith("account:")) return key.account;
    return this.#parts.pool.accountWith(nameInScope(scope)) ?? key.account;
  }

  /** A model that cools on its own gets a ready set of its own. */
  #noteModel(scope: string, model: string): void {
    this.#parts.readiness.readySets.separate(model);
    this.#parts.pool.accountWith(nameInScope(scope).slice(0, -model.length - 1))?.noteModel(model);
  }

  #cool(
    key: PooledKey,
    set: CooldownChange["set"],
    reason: string,
    source: CooldownChange["source"],
  ): Awaitable<readonly ScopeState[]> {
    const changes = [{ scope: keyScope(key.account.provider.id, key.id), set, reason, source }];
    const states = this.#store.cooldown(changes);
    return "then" in states ? this.own(states, key, changes) : states;
  }

  readonly #onFailure = (error: unknown): void => {
    this.#parts.events.emit("internal-error", { part: "store", error });
  };
}
