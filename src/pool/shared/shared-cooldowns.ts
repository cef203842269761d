import { realName } from "../../limits/model-names.ts";
import { shownId } from "../../limits/scopes.ts";
import { isListening, type ScopeState, type Store, type StoreChange, type StoreReading } from "../../limits/store.ts";
import type { Clock, CooldownChange, Random, ScopeId } from "../../types.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Account } from "../keys/pooled-key.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { ReadySets } from "../ready/ready-sets.ts";
import { CooldownEffects, type CooldownEffectsHost } from "./cooldown-effects.ts";
import { Hydration } from "./hydration.ts";
import { type Cooldown, type KnownCooldown, KnownCooldowns } from "./known-cooldowns.ts";
import { scopesOfAccounts, scopesOfModel } from "./pool-scopes.ts";
import { type Target, Targets } from "./targets.ts";

/** So many cooldowns are looked at again at a time, and that often; milliseconds. */
const mostLookedAt = 500;
const lookMs = 1000;
/** A store that tells of changes may still lose a connection. */
const lookWhenToldMs = 10_000;
/** Model names come from outside: beyond so many, what was read of them is read anew. */
const mostModels = 1024;

const nobody: Target = {};

/** How it came to be known. */
type Source = Pick<KnownCooldown, "isTold" | "isHearsay">;
const read: Source = { isTold: false, isHearsay: false };
const confirmed: Source = { isTold: true, isHearsay: false };
const announced: Source = { isTold: true, isHearsay: true };

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

export interface SharedCooldownsHost extends CooldownEffectsHost {
  readonly readySets: ReadySets;
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
  readonly #effects: CooldownEffects;
  readonly #known = new KnownCooldowns();
  /** Scopes and accounts about which this process is telling the store something itself. */
  readonly #own = new Map<unknown, number>();
  readonly #models = new Set<string>();
  readonly #added = new Set<Account>();
  #lookAt = 0;
  #isBegun = false;
  #verifying: Promise<void> | undefined;

  constructor(parts: SharedCooldownsParts, host: SharedCooldownsHost) {
    const { clock, store } = parts.options;
    this.#parts = parts;
    this.#host = host;
    this.#targets = new Targets(parts.pool, parts.options.egress, clock);
    this.#effects = new CooldownEffects(parts.pool, host);
    this.#hydration = new Hydration({
      clock,
      read: async (scopes) => store.read(scopes, []),
      onReading: (reading) => this.#onReading(reading),
      onEnd: (error) => {
        this.#known.forgetUntimedEnds();
        if (error !== undefined) parts.events.emit("internal-error", { part: "store", error });
        host.serveAll();
      },
    });
  }

  /** What the next question to the store waits for: at first the first part of what there is to know, after a refusal all of it. */
  before(round: number): Promise<void> | undefined {
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.#hydration.want(scopesOfAccounts(this.#parts.pool.accounts));
    }
    return round === 0 ? this.#hydration.first : this.#hydration.all;
  }

  /** Keys of this account came, or changed. */
  onAccount(account: Account): void {
    if (!this.#isBegun || this.#added.has(account)) return;
    this.#added.add(account);
    if (this.#added.size === 1) queueMicrotask(() => this.#wantAdded());
  }

  /** Takes over what holds into a ready set that is new. */
  applyTo(readySet: ReadySet): void {
    const now = this.#now();
    for (const known of this.#known.values()) {
      const target = known.endsAt > now ? this.#targets.of(known.cooldown.scope) : undefined;
      if (target === undefined || !concerns(target, readySet)) continue;
      this.#effects.park(readySet, known, target, now);
    }
  }

  /** Takes over what the store told of. */
  onChange(change: StoreChange): void {
    if (change.type === "cooled") this.#onCooled(change.state, true);
    else if (change.scope === null) this.#host.onFreed();
    else this.#onFreed(change.scope);
  }

  /** A refusal named this cooldown. */
  onRefusal(cooldown: Cooldown): void {
    const known = this.#known.get(cooldown.scope);
    if (known?.cooldown.until === cooldown.until && !known.isHearsay) return;
    const target = this.#targets.of(cooldown.scope);
    if (target?.model !== undefined) this.#apply(cooldown, target, read);
    else if (target !== undefined) this.#note(cooldown, read);
  }

  /** What this process changed itself. */
  onOwnChange(state: ScopeState): void {
    const target = this.#targets.of(state.scope);
    if (state.until <= state.now) this.forget(state.scope, state.now);
    else if (target !== undefined) this.#apply(state, target, confirmed);
  }

  /** Somebody ended this cooldown. */
  forget(scope: ScopeId, at = Number.POSITIVE_INFINITY): void {
    this.#known.delete(scope);
    // What is being read may be older.
    if (at !== Number.POSITIVE_INFINITY || this.#hydration.isReading) this.#known.onEnd(scope, at);
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

  /** Cooldowns may be ended elsewhere without a word of it: now and then some are looked at again. Are there any? */
  look(): boolean {
    if (!this.#known.hasAny) return false;
    const now = this.#now();
    if (now >= this.#lookAt) {
      const { store, random } = this.#parts.options;
      this.#lookAt = now + (isListening(store) ? lookWhenToldMs : lookMs) * (1 + random() / 4);
      void this.#compare(this.#known.oldest(now, mostLookedAt));
    }
    return this.#known.hasAny;
  }

  /** What others announced is hearsay: it refuses nobody before the store was asked. `undefined`: there is nothing to ask for. */
  verify(): Promise<void> | undefined {
    if (!this.#known.hasHearsay) return undefined;
    const looked = this.#known.hearsay(this.#now(), mostLookedAt);
    if (looked.length === 0) return undefined;
    this.#verifying ??= this.#compare(looked).then(() => {
      this.#verifying = undefined;
    });
    return this.#verifying;
  }

  /** What the store says of them holds. */
  async #compare(looked: readonly KnownCooldown[]): Promise<void> {
    const scopes = looked.map(({ cooldown }) => cooldown.scope);
    let reading: StoreReading;
    try {
      reading = await this.#parts.options.store.read(scopes, []);
    } catch {
      return;
    }
    const found = new Map(reading.scopes.map((state) => [state.scope, state]));
    for (const known of looked) {
      if (!this.#known.isStill(known)) continue;
      const { scope, until } = known.cooldown;
      const state = found.get(scope);
      if (state === undefined || state.until <= reading.now) this.#onFreed(scope);
      else if (state.until !== until) {
        // What was announced to end later holds nobody back for longer.
        if (state.until < until) this.#effects.end(scope, this.#targets.of(scope) ?? nobody);
        this.#onCooled(state, false);
      }
      // The next look begins behind these.
      else this.#known.set({ ...known, isHearsay: false });
    }
  }

  #onReading({ now, scopes }: StoreReading): void {
    for (const state of scopes) {
      if (state.until <= now) continue;
      const target = this.#targets.of(state.scope);
      if (target !== undefined) this.#apply(state, target, read);
    }
  }

  #onCooled(state: ScopeState, isHearsay: boolean): void {
    const { scope, until, reason, source } = state;
    const known = this.#known.get(scope);
    if (known?.isTold && known.cooldown.until === until) return;
    const target = this.#targets.of(scope);
    if (target === undefined) return;
    const isOwn = this.#own.has(scope);
    if (!this.#apply(state, target, isHearsay && !isOwn ? announced : confirmed) || isOwn) return;
    const forMs = Math.ceil(until - state.now);
    const keyId = target.key?.id ?? null;
    this.#parts.events.emit("key-cooled", { scope: shownId(scope), keyId, forMs, source, reason, elsewhere: true });
  }

  #onFreed(scope: ScopeId): void {
    const known = this.#known.get(scope);
    this.forget(scope);
    if (known === undefined) return;
    const target = this.#targets.of(scope) ?? nobody;
    const { account, key } = target;
    this.#effects.end(scope, target);
    if (known.endsAt <= this.#now() || this.#own.has(scope) || this.#own.has(account)) return;
    this.#parts.events.emit("key-recovered", { scope: shownId(scope), keyId: key?.id ?? null, elsewhere: true });
  }

  #note(cooldown: Cooldown, { isTold, isHearsay }: Source): KnownCooldown {
    const known = { cooldown, endsAt: this.#now() + cooldown.until - cooldown.now, isTold, isHearsay };
    this.#known.set(known);
    return known;
  }

  #apply(cooldown: Cooldown, target: Target, source: Source): boolean {
    const { model } = target;
    const { readySets } = this.#host;
    if (this.#known.hasEnded(cooldown)) return false;
    const known = this.#note(cooldown, source);
    if (model !== undefined) {
      readySets.separate(model);
      this.#readModel(model);
    }
    const now = this.#now();
    this.#effects.coolOrigin(cooldown.scope, cooldown.until - cooldown.now);
    this.#effects.coolAddress(known, now);
    const isOfAll = model === undefined || this.#parts.pool.renamesModels;
    for (const readySet of isOfAll ? readySets : readySets.ofModel(model))
      if (concerns(target, readySet)) this.#effects.park(readySet, known, target, now);
    return true;
  }

  /** A model that cools down for one account may for others, too. */
  #readModel(model: string): void {
    if (this.#models.has(model)) return;
    if (this.#models.size >= mostModels) this.#models.clear();
    this.#models.add(model);
    this.#hydration.want(scopesOfModel(this.#parts.pool.accounts, model));
  }

  #wantAdded(): void {
    const accounts = [...this.#added];
    this.#added.clear();
    this.#hydration.want(scopesOfAccounts(accounts));
  }

  #now(): number {
    return this.#parts.options.clock.monotonic();
  }
}

/** Does what cools down stop requests of this kind? A key may know their model under another name. */
function concerns({ account, model }: Target, { model: asked }: ReadySet): boolean {
  if (model === undefined || model === asked) return true;
  if (asked === undefined || account === undefined) return false;
  return account.keys.some(({ config }) => realName(config.models, asked) === model);
}
