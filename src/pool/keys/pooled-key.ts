import type { ProviderReading } from "../../judgement/provider-reading.ts";
import type { LimitTemplate } from "../../limits/limits.ts";
import type { OwnCandidate } from "../../limits/pool-limits.ts";
import type { ObservedKey } from "../../ports.ts";
import type { KeyConfig } from "../../types.ts";
import type { KeySecret } from "./key-secret.ts";
import type { KeyTraits, ResolvedKey } from "./key-source.ts";
import { type KeyTroubles, noTroubles } from "./key-troubles.ts";

// What picking needs of a key and of its account, and no more: of a pool of 100,000 keys each field is a megabyte. Both are
// made when somebody first asks for them, names and hashes when they are first needed, and what few of them have lies in an
// object of its own.

/** Why a key is off whose secret nobody kept. */
export const secretUnknown = "secret unknown";

/** How finely it is noted when a key last worked: every success would be a write for nothing. */
const successGrainMs = 10_000;
/** A group that comes back from a cooldown may have this many requests under way at first, and twice as many with every success. */
const slowStartAt = 1;
/** With so many requests under way, a group that came back from a cooldown is back for good. */
const slowStartEnd = 32;
/** Model names come from outside: beyond so many, an account's are begun anew. */
const mostCoolingModels = 256;

/** What keys have in common that came together. */
export interface KeyEntry {
  /** Monotonic time at which they came into the pool. */
  readonly addedAt: number;
  /** Finds the id of a key that was given none, and remembers whose it is. */
  idOf(key: PooledKey): string;
}

/** A key in the pool, with what picking needs. What others learn of it they keep themselves, by its id. */
export class PooledKey {
  readonly account: Account;
  /** Its number, from 1 in the order in which keys came; never another key's of the same list. */
  ordinal: number;
  config: KeyTraits;
  secret: KeySecret;
  enabled: boolean;
  /** What a store is asked for, and the secret's fingerprint it was made with. */
  candidate: OwnCandidate | undefined = undefined;
  candidateFor: string | undefined = undefined;
  used = 0;
  /** Monotonic time, whole milliseconds: small numbers need no memory of their own. 0: never. */
  lastUsedAt = 0;
  #lastSuccessAt = -1;
  readonly #entry: KeyEntry;
  #id: string | undefined;
  #troubles: KeyTroubles | undefined = undefined;

  /** @param id `undefined`: it goes by its secret's hash, once somebody asks */
  constructor(
    account: Account,
    ordinal: number,
    config: KeyTraits,
    id: string | undefined,
    secret: KeySecret,
    entry: KeyEntry,
  ) {
    this.account = account;
    this.ordinal = ordinal;
    this.config = config;
    this.secret = secret;
    this.enabled = config.enabled && secret.isKnown;
    this.#id = id;
    this.#entry = entry;
    if (!secret.isKnown) this.explainOff(secretUnknown);
  }

  get id(): string {
    this.#id ??= this.#entry.idOf(this);
    return this.#id;
  }

  /** Its id, where somebody asked for it or gave it. */
  get knownId(): string | undefined {
    return this.#id;
  }

  /** As a source would list it. */
  get resolved(): ResolvedKey {
    return Object.assign({}, this.config, { id: this.id, secret: this.source });
  }

  /** The secret it was given, or what fetches it; for a time it may be sent with the one before. */
  get source(): KeyConfig["secret"] {
    return this.troubles.source ?? this.secret.source;
  }

  /** As observers see it. */
  get shown(): ObservedKey {
    return { id: this.id, account: this.account.name, accountId: this.account.id };
  }

  /** Is its secret fetched? */
  get isDynamic(): boolean {
    return this.secret.isDynamic;
  }

  get addedAt(): number {
    return this.#entry.addedAt;
  }

  /** What stands against it, or did. */
  get troubles(): KeyTroubles {
    return this.#troubles ?? noTroubles;
  }

  /** Monotonic time of a success, to some seconds; before the first one minus infinity. */
  get lastSuccessAt(): number {
    return this.#lastSuccessAt === -1 ? Number.NEGATIVE_INFINITY : this.#lastSuccessAt;
  }

  /** Takes over what another one was, whose account it is not any more. */
  continue(other: PooledKey): void {
    this.enabled = other.enabled;
    this.used = other.used;
    this.lastUsedAt = other.lastUsedAt;
    this.#lastSuccessAt = other.#lastSuccessAt;
    this.#troubles = other.#troubles;
  }

  /** Counts a request that is given to it. */
  use(now: number): void {
    this.used++;
    this.lastUsedAt = Math.floor(now);
  }

  /** One of its requests was answered well. */
  onSuccess(now: number): void {
    if (this.#lastSuccessAt === -1 || now - this.#lastSuccessAt > successGrainMs) this.#lastSuccessAt = Math.floor(now);
  }

  onFailure(now: number): void {
    this.#note({ failures: this.troubles.failures + 1, lastFailureAt: now });
  }

  /** Cools down by itself, which its account's other keys do not; the limit behind it ends at `freeAt`. */
  coolDown(until: number, isCredentialRefused: boolean, freeAt: number): void {
    this.#note({ cooldownUntil: until, freeAt, isCredentialRefused });
  }

  endCooldown(): void {
    if (this.#troubles !== undefined) this.#note({ cooldownUntil: 0, isCredentialRefused: false });
  }

  /** A secret that it was sent with is refused for a time; one that is fetched is fetched anew. */
  onCredentialCooled(secret: KeySecret): void {
    if (!secret.isDynamic) return;
    if (secret === this.secret) this.#note({ refusedFingerprint: secret.fingerprint });
    secret.forget();
  }

  switchOff(reason: string | undefined, givenUp = false): void {
    this.enabled = false;
    this.#note({ givenUp, offReason: reason });
  }

  switchOn(): void {
    this.enabled = true;
    if (this.#troubles !== undefined) this.#note({ givenUp: false, offReason: undefined });
  }

  /** Says why it is off. */
  explainOff(reason: string | undefined): void {
    if (reason !== this.troubles.offReason) this.#note({ offReason: reason });
  }

  /** Other settings, and maybe another secret: what was worked out for the one before no longer holds. Its id stays. */
  take(config: KeyTraits, secret: KeySecret): void {
    // A hash of the secret before, which it goes by.
    this.#id ??= this.id;
    this.config = config;
    this.secret = secret;
    this.candidate = undefined;
    if (this.#troubles !== undefined) this.#note({ source: undefined });
  }

  /** Is sent with this secret, which is the one before or the one it was given. */
  sendWith(secret: KeySecret): void {
    this.#note({ source: this.source });
    this.secret = secret;
    this.candidate = undefined;
  }

  #note(troubles: Partial<KeyTroubles>): void {
    this.#troubles = Object.assign(this.#troubles ?? Object.assign({}, noTroubles), troubles);
  }
}

/** What accounts have in common. */
export interface AccountTerms {
  readonly provider: ProviderReading;
  /** Limits that hold for each of their keys. */
  readonly limits: readonly LimitTemplate[];
}

/**
 * A quota group: the unit that strategies order. A key without `account` is a group of its own. It belongs to a provider: the
 * same name at two providers is two accounts.
 */
export class Account {
  readonly #terms: AccountTerms;
  readonly slot: number;
  readonly position: number;
  /** The key of an account that has just one, as most have: spares the way over the list. */
  only: PooledKey | undefined = undefined;
  #several: readonly PooledKey[] | undefined = undefined;
  #name: string | undefined;
  #id: string | undefined = undefined;
  weight = 1;
  priority = 0;
  /** Which of its keys comes next. */
  cursor = 0;
  /** Requests and probes under way; written by `Readiness`, which counts them for all. */
  inFlight = 0;
  used = 0;
  /** Requests it may have under way while it comes back from a cooldown; 0: no bound. */
  slowStartPermits = 0;
  /** Monotonic time at which its cooldown is put to the test; 0: it has none that is. */
  probeAt = 0;
  /** Models of this account that were put into cooldown on their own. */
  coolingModels: Set<string> | undefined = undefined;

  /** @param name `undefined`: that of its one key */
  constructor(terms: AccountTerms, name: string | undefined, slot: number, position: number) {
    this.#terms = terms;
    this.#name = name;
    this.slot = slot;
    this.position = position;
  }

  get provider(): ProviderReading {
    return this.#terms.provider;
  }

  get limits(): readonly LimitTemplate[] {
    return this.#terms.limits;
  }

  get name(): string {
    this.#name ??= (this.only as PooledKey).id;
    return this.#name;
  }

  /** Provider and name: what scopes, counters and whoever remembers it know it by. */
  get id(): string {
    this.#id ??= accountId(this.provider, this.name);
    return this.#id;
  }

  get keys(): readonly PooledKey[] {
    if (this.#several !== undefined) return this.#several;
    return this.only === undefined ? [] : [this.only];
  }

  /** Is it among these, which are named as callers name accounts, or by their ids? */
  isIn(accounts: ReadonlySet<string>): boolean {
    return accounts.has(this.id) || accounts.has(this.name);
  }

  /** Counts a use. */
  use(): void {
    this.used++;
  }

  /** It cools down: from when it is back it is given few requests at first. */
  slowStart(): void {
    this.slowStartPermits = slowStartAt;
  }

  /** A request of it was answered well. */
  onSuccess(): void {
    this.slowStartPermits = this.slowStartPermits >= slowStartEnd ? 0 : this.slowStartPermits * 2;
  }

  /** A model that cools on its own. */
  noteModel(model: string): void {
    this.coolingModels ??= new Set();
    if (this.coolingModels.size >= mostCoolingModels) this.coolingModels.clear();
    this.coolingModels.add(model);
  }

  join(key: PooledKey): void {
    const { keys } = this;
    // Whoever joins has said the name.
    if (keys.length > 0) this.#name ??= this.name;
    this.#keep(keys.length === 0 ? [key] : [...keys, key]);
  }

  leave(key: PooledKey): void {
    this.#name ??= this.name;
    this.cursor = 0;
    this.#keep(this.keys.filter((other) => other !== key));
  }

  #keep(keys: readonly PooledKey[]): void {
    this.only = keys.length === 1 ? keys[0] : undefined;
    this.#several = keys.length > 1 ? keys : undefined;
    this.refresh();
  }

  /** Takes weight and tier from its enabled keys. */
  refresh(): void {
    if (this.only !== undefined) {
      const { weight, priority } = this.only.config;
      this.weight = weight;
      this.priority = priority;
      return;
    }
    const { keys: all } = this;
    const active = all.filter((key) => key.enabled);
    const keys = active.length > 0 ? active : all;
    if (keys.length === 0) return;
    this.weight = Math.max(...keys.map((key) => key.config.weight));
    this.priority = Math.min(...keys.map((key) => key.config.priority));
  }
}

export function accountId({ id }: ProviderReading, name: string): string {
  return `${id}/${name}`;
}
