import {
  accountScope,
  credentialScope,
  isKeyScope,
  keyScope,
  modelScope,
  originIn,
  shownId,
} from "../../limits/scopes.ts";
import { isListening, type ScopeState, type Store, type StoreChange, type StoreReading } from "../../limits/store.ts";
import type { Clock, CooldownChange, Random, ScopeId } from "../../types.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";
import { availability } from "../ready/availability.ts";
import type { CircuitBreakers } from "../ready/circuit-breaker.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { ReadySets } from "../ready/ready-sets.ts";
import { Hydration } from "./hydration.ts";
import { type Target, Targets } from "./targets.ts";

/** So many rests are looked at again at a time, and that often; milliseconds. */
const mostLookedAt = 500;
const lookMs = 1000;
/** A store that tells of changes may still lose a connection. */
const lookWhenToldMs = 10_000;
/** Model names come from outside: beyond so many, what was read of them is read anew. */
const mostModels = 1024;
/** Rests that ended lately. */
const mostEnded = 1024;

type Cooldown = Pick<ScopeState, "scope" | "now" | "until" | "reason" | "source">;

interface KnownCooldown {
  readonly cooldown: Cooldown;
  /** On our own clock. */
  readonly endsAt: number;
  /** Have listeners been told of it? */
  readonly isTold: boolean;
}

/** Whom it tells what others did. */
interface SharedNews {
  emit(name: "internal-error", event: { readonly part: "store"; readonly error: unknown }): void;
  emit(name: "key-cooled", event: ScopeNews & Pick<ScopeState, "source" | "reason"> & { readonly forMs: number }): void;
  emit(name: "key-recovered", event: ScopeNews): void;
}

interface ScopeNews {
  readonly scope: ScopeId;
  readonly keyId: string | null;
  readonly elsewhere: true;
}

export interface SharedCooldownsParts {
  readonly options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly store: Store;
    readonly egress: string;
  };
  readonly events: SharedNews;
  readonly pool: KeyPool;
}

export interface SharedCooldownsHost {
  readonly readySets: ReadySets;
  readonly breakers: CircuitBreakers;
  wake(slot: number): void;
  serveAll(): void;
  onFreed(): void;
}

/**
 * What the processes that share a store know of cooldowns: all of it is read when this one begins, changes are heard of where the
 * store tells, and looked for where it does not.
 */
export class SharedCooldowns {
  readonly #parts: SharedCooldownsParts;
  readonly #host: SharedCooldownsHost;
  readonly #hydration: Hydration;
  readonly #targets: Targets;
  readonly #known = new Map<ScopeId, KnownCooldown>();
  /** Scopes and accounts about which this process is telling the store something itself. */
  readonly #own = new Map<unknown, number>();
  readonly #models = new Set<string>();
  /** When rests were ended, on the store's clock, or Infinity where nobody said: answers overtake each other. */
  readonly #ended = new Map<ScopeId, number>();
  readonly #added = new Set<Account>();
  #lookAt = 0;
  #isBegun = false;

  constructor(parts: SharedCooldownsParts, host: SharedCooldownsHost) {
    const { clock, store } = parts.options;
    this.#parts = parts;
    this.#host = host;
    this.#targets = new Targets(parts.pool, parts.options.egress, clock);
    this.#hydration = new Hydration({
      clock,
      read: async (scopes) => store.read(scopes, []),
      onReading: (reading) => this.#took(reading),
      onEnd: (error) => {
        for (const [scope, at] of this.#ended) if (at === Number.POSITIVE_INFINITY) this.#ended.delete(scope);
        if (error !== undefined) parts.events.emit("internal-error", { part: "store", error });
        host.serveAll();
      },
    });
  }

  /** What the next question to the store waits for: at first the first part of what there is to know, after a refusal all of it. */
  before(round: number): Promise<void> | undefined {
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.#hydration.want(this.#scopesOf(this.#parts.pool.accounts));
    }
    return round === 0 ? this.#hydration.first : this.#hydration.all;
  }

  /** Keys of this account came, or changed. */
  onAccount(account: Account): void {
    if (!this.#isBegun || this.#added.has(account)) return;
    this.#added.add(account);
    if (this.#added.size === 1) queueMicrotask(() => this.#hydration.want(this.#addedScopes()));
  }

  /** Takes over what holds into a ready set that is new. */
  applyTo(readySet: ReadySet): void {
    const now = this.#now();
    for (const { cooldown: rest, endsAt } of this.#known.values()) {
      const target = endsAt > now ? this.#targets.of(rest.scope) : undefined;
      if (target === undefined || (target.model !== undefined && target.model !== readySet.model)) continue;
      this.#park(readySet, rest.scope, target, now);
    }
  }

  /** Takes over what the store told of. */
  onChange(change: StoreChange): void {
    if (change.type === "cooled") this.#cooled(change.state);
    else if (change.scope === null) this.#host.onFreed();
    else this.#freed(change.scope);
  }

  /** A refusal named this rest. */
  onRefusal(rest: Cooldown): void {
    if (this.#known.get(rest.scope)?.cooldown.until === rest.until) return;
    const target = this.#targets.of(rest.scope);
    if (target?.model !== undefined) this.#take(rest, target, false);
    else if (target !== undefined) this.#note(rest, false);
  }

  /** What this process changed itself. */
  onOwnChange(state: ScopeState): void {
    const target = this.#targets.of(state.scope);
    if (state.until <= state.now) this.forget(state.scope, state.now);
    else if (target !== undefined) this.#take(state, target, true);
  }

  /** Somebody ended this rest. */
  forget(scope: ScopeId, at = Number.POSITIVE_INFINITY): void {
    this.#known.delete(scope);
    // What is being read may be older.
    if (at === Number.POSITIVE_INFINITY && !this.#hydration.isReading) return;
    this.#ended.set(scope, at);
    if (this.#ended.size <= mostEnded) return;
    const [oldest] = this.#ended.keys();
    this.#ended.delete(oldest as ScopeId);
  }

  /** Whatever is heard of these meanwhile is no news: this process tells the store itself. */
  during<T>(work: Promise<T>, account: Account, changes: readonly CooldownChange[] = []): Promise<T> {
    this.#count(account, 1);
    for (const { scope } of changes) this.#count(scope, 1);
    const ended = (): void => {
      this.#count(account, -1);
      for (const { scope } of changes) this.#count(scope, -1);
    };
    // Before whoever waits for it goes on.
    work.then(ended, ended);
    return work;
  }

  #count(name: Account | ScopeId, change: 1 | -1): void {
    const count = (this.#own.get(name) ?? 0) + change;
    if (count === 0) this.#own.delete(name);
    else this.#own.set(name, count);
  }

  /** Rests may be ended elsewhere without a word of it: now and then some are looked at again. Are there any? */
  look(): boolean {
    const now = this.#now();
    if (this.#known.size > 0 && now >= this.#lookAt) this.#lookNow(now);
    return this.#known.size > 0;
  }

  #lookNow(now: number): void {
    const { store, random } = this.#parts.options;
    this.#lookAt = now + (isListening(store) ? lookWhenToldMs : lookMs) * (1 + random() / 4);
    const looked: [ScopeId, KnownCooldown][] = [];
    for (const entry of this.#known) {
      if (entry[1].endsAt <= now) this.#known.delete(entry[0]);
      else if (looked.push(entry) === mostLookedAt) break;
    }
    const scopes = looked.map(([scope]) => scope);
    const compare = (reading: StoreReading): void => {
      const found = new Map(reading.scopes.map((state) => [state.scope, state]));
      for (const [scope, known] of looked) {
        if (this.#known.get(scope) !== known) continue;
        // The next look begins behind these.
        this.#known.delete(scope);
        this.#known.set(scope, known);
        const state = found.get(scope);
        if (state === undefined || state.until <= reading.now) this.#freed(scope);
        else if (state.until !== known.cooldown.until) this.#cooled(state);
      }
    };
    Promise.resolve(store.read(scopes, []))
      .then(compare)
      .catch(() => {});
  }

  #took({ now, scopes }: StoreReading): void {
    for (const state of scopes) {
      if (state.until <= now) continue;
      const target = this.#targets.of(state.scope);
      if (target !== undefined) this.#take(state, target, false);
    }
  }

  #cooled(state: ScopeState): void {
    const { scope, until, reason, source } = state;
    const known = this.#known.get(scope);
    if (known?.isTold && known.cooldown.until === until) return;
    const target = this.#targets.of(scope);
    if (target === undefined) return;
    if (!this.#take(state, target, true) || this.#own.has(scope)) return;
    const forMs = Math.ceil(until - state.now);
    const keyId = target.key?.id ?? null;
    this.#parts.events.emit("key-cooled", { scope: shownId(scope), keyId, forMs, source, reason, elsewhere: true });
  }

  #freed(scope: ScopeId): void {
    const known = this.#known.get(scope);
    this.forget(scope);
    if (known === undefined) return;
    const { account, key } = this.#targets.of(scope) ?? {};
    this.#restOrigin(scope, 0);
    if (key !== undefined) {
      key.endCooldown();
    }
    if (account === undefined) this.#host.serveAll();
    else {
      this.#host.breakers.end(account);
      this.#host.wake(account.slot);
    }
    if (known.endsAt <= this.#now() || this.#own.has(scope) || this.#own.has(account)) return;
    this.#parts.events.emit("key-recovered", { scope: shownId(scope), keyId: key?.id ?? null, elsewhere: true });
  }

  #note(rest: Cooldown, isTold: boolean): void {
    this.#known.set(rest.scope, { cooldown: rest, endsAt: this.#now() + rest.until - rest.now, isTold });
  }

  #take(rest: Cooldown, target: Target, isTold: boolean): boolean {
    const { model } = target;
    const { readySets } = this.#host;
    if ((this.#ended.get(rest.scope) ?? Number.NEGATIVE_INFINITY) >= rest.now) return false;
    this.#note(rest, isTold);
    if (model !== undefined) {
      readySets.separate(model);
      this.#readModel(model);
    }
    const now = this.#now();
    this.#restOrigin(rest.scope, rest.until - rest.now);
    for (const readySet of model === undefined ? readySets : [readySets.for(model)])
      this.#park(readySet, rest.scope, target, now);
    return true;
  }

  #park(readySet: ReadySet, scope: ScopeId, { account, key }: Target, now: number): void {
    if (account === undefined) return;
    const { slot } = account;
    const { cooldown: rest, endsAt } = this.#known.get(scope) as KnownCooldown;
    const before = readySet.availabilityOf(slot);
    const isParked = before === availability.limited || before === availability.refused;
    const isOfSeveral = isKeyScope(scope) && account.keys.length > 1;
    if (isParked && !isOfSeveral && readySet.wakes.timeOf(slot) >= endsAt) return;
    const [one] = account.keys as [PooledKey];
    const { source, reason } = rest;
    this.#host.breakers.park(readySet, key ?? one, { scope, forMs: endsAt - now, source, reason });
  }

  /** Of a model that rests for one, others may rest, too. */
  #readModel(model: string): void {
    if (this.#models.has(model)) return;
    if (this.#models.size >= mostModels) this.#models.clear();
    this.#models.add(model);
    this.#hydration.want(this.#modelScopes(model));
  }

  #restOrigin(scope: ScopeId, forMs: number): void {
    const { pool } = this.#parts;
    const origin = originIn(scope);
    if (origin === undefined || !pool.hasOwnEndpoints) return;
    for (const { config } of pool.keys.values()) {
      if (config.baseURL?.origin !== origin) continue;
      this.#host.breakers.openOrigin(origin, forMs);
      return;
    }
    // Where keys without an endpoint of their own send to.
    this.#host.breakers.openOrigin("", forMs);
  }

  *#scopesOf(accounts: Iterable<Account>): Generator<ScopeId> {
    for (const { provider, id: account, keys } of accounts) {
      yield accountScope(account);
      for (const { id, secret } of keys) {
        yield keyScope(provider.id, id);
        yield credentialScope(provider.id, secret.fingerprint ?? id);
      }
    }
  }

  *#addedScopes(): Generator<ScopeId> {
    const accounts = [...this.#added];
    this.#added.clear();
    yield* this.#scopesOf(accounts);
  }

  *#modelScopes(model: string): Generator<ScopeId> {
    for (const { id } of this.#parts.pool.accounts) yield modelScope(id, model);
  }

  #now(): number {
    return this.#parts.options.clock.monotonic();
  }
}
