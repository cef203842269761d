import type { ProviderReading } from "../../judgement/provider-reading.ts";
import { countsTokens, type LimitTemplate } from "../../limits/limits.ts";
import type { OwnCandidate } from "../../limits/pool-limits.ts";
import type { ObservedKey } from "../../ports.ts";
import type { GroupFacts, ReadyKey } from "../strategies/strategy.ts";
import type { KeySecret } from "./key-secret.ts";
import type { ResolvedKey } from "./key-source.ts";

/** Why a key is off whose secret nobody kept. */
export const secretUnknown = "secret unknown";

/** How finely it is noted when a key last worked: every success would be a write for nothing. */
const successGrainMs = 10_000;
/** A group that comes back from a cooldown may have this many requests under way at first, and twice as many with every success. */
const slowStartAt = 1;
/** With so many requests under way, a group that came back from a cooldown is back for good. */
const slowStartEnd = 32;
/** Model names come from outside: beyond so many, an account's are begun anew. */
const mostRestedModels = 256;

/** A key in the pool, with what picking needs. What others learn of it they keep themselves, by its id. */
export class PooledKey {
  readonly account: Account;
  /** Its number, from 1 in the order in which keys came; never another key's of the same list. */
  ordinal: number;
  config: ResolvedKey;
  secret: KeySecret;
  /** Is its secret fetched? */
  isDynamic: boolean;
  enabled: boolean;
  /** Monotonic time until which this key alone rests, as the store last said. */
  restUntil = 0;
  /** When the limit behind that rest ends; Infinity where it is none. Of no meaning after `restUntil`. */
  restFreeAt = 0;
  /** What a store is asked for, and the secret's fingerprint it was made with. */
  candidate: OwnCandidate | undefined;
  candidateFor: string | undefined;
  /** Does it rest because its credential was refused? */
  credentialRefused = false;
  /** Monotonic time at which it came into the pool. */
  readonly addedAt: number;
  /** Monotonic time of a success, to some seconds; before the first one minus infinity. */
  lastSuccessAt = Number.NEGATIVE_INFINITY;
  /** Was it switched off because its credential was refused, rather than by an operator? */
  givenUp = false;
  /** Why it is off, where somebody said so. */
  offReason: string | undefined;
  /** Names the fetched secret that was refused last. */
  refusedFingerprint: string | undefined;
  used = 0;
  failures = 0;
  /** Monotonic milliseconds; 0: never. */
  lastUsedAt = 0;
  lastFailureAt = 0;

  constructor(account: Account, ordinal: number, config: ResolvedKey, secret: KeySecret, addedAt: number) {
    this.ordinal = ordinal;
    this.addedAt = addedAt;
    this.account = account;
    this.config = config;
    this.secret = secret;
    this.isDynamic = secret.isDynamic;
    this.enabled = config.enabled && secret.isKnown;
    if (!secret.isKnown) this.offReason = secretUnknown;
  }

  /** Takes over what another one was, whose account it is not any more. */
  continue(other: PooledKey): void {
    const { enabled, givenUp, offReason, restUntil, restFreeAt, credentialRefused, lastSuccessAt } = other;
    const { refusedFingerprint, used, failures, lastUsedAt, lastFailureAt } = other;
    Object.assign(this, { enabled, givenUp, offReason, restUntil, restFreeAt, credentialRefused, lastSuccessAt });
    Object.assign(this, { refusedFingerprint, used, failures, lastUsedAt, lastFailureAt });
  }

  /** Counts a request that is given to it. */
  use(now: number): void {
    this.used++;
    this.lastUsedAt = now;
  }

  /** One of its requests was answered well. */
  worked(now: number): void {
    if (now - this.lastSuccessAt > successGrainMs) this.lastSuccessAt = now;
  }

  failed(now: number): void {
    this.failures++;
    this.lastFailureAt = now;
  }

  /** Cools down by itself, which its account's other keys do not; the limit behind it ends at `freeAt`. */
  rest(until: number, credentialRefused: boolean, freeAt: number): void {
    this.restUntil = until;
    this.restFreeAt = freeAt;
    this.credentialRefused = credentialRefused;
  }

  endRest(): void {
    this.restUntil = 0;
    this.credentialRefused = false;
  }

  /** A secret that it was sent with is refused for a time; one that is fetched is fetched anew. */
  credentialCooled(secret: KeySecret): void {
    if (!secret.isDynamic) return;
    if (secret === this.secret) this.refusedFingerprint = secret.fingerprint;
    secret.forget();
  }

  switchOff(reason: string | undefined, givenUp = false): void {
    this.enabled = false;
    this.givenUp = givenUp;
    this.offReason = reason;
  }

  switchOn(): void {
    this.enabled = true;
    this.givenUp = false;
    this.offReason = undefined;
  }

  /** Another secret: what was worked out for the one before no longer holds. */
  take(config: ResolvedKey, secret: KeySecret): void {
    this.config = config;
    this.secret = secret;
    this.isDynamic = secret.isDynamic;
    this.candidate = undefined;
  }

  get id(): string {
    return this.config.id;
  }

  /** As observers see it. */
  get shown(): ObservedKey {
    return { id: this.id, account: this.account.name, accountId: this.account.id };
  }
}

/**
 * A quota group: the unit that strategies order. A key without `account` is a group of its own. It belongs to a provider: the
 * same name at two providers is two accounts.
 */
export class Account {
  readonly provider: ProviderReading;
  /** Provider and name: what scopes, counters and whoever remembers it know it by. */
  readonly id: string;
  readonly name: string;
  readonly slot: number;
  /** Limits that hold for each of its keys. */
  readonly limits: readonly LimitTemplate[];
  keys: PooledKey[] = [];
  /** The key of an account that has just one, as most have: spares the way over the list. */
  only: PooledKey | undefined = undefined;
  position = 0;
  weight = 1;
  priority = 0;
  /** Which of its keys comes next. */
  cursor = 0;
  /** Requests and probes under way; written by `Readiness`, which counts them for all. */
  inFlight = 0;
  used = 0;
  /** Requests it may have under way while it comes back from a cooldown; 0: no bound. */
  slowStartPermits = 0;
  /** Monotonic time at which its rest is put to the test; 0: it has none that is. */
  probeAt = 0;
  /** Models of this account that were put to rest on their own. */
  restedModels: Set<string> | undefined = undefined;

  constructor(provider: ProviderReading, name: string, slot: number, limits: readonly LimitTemplate[]) {
    this.provider = provider;
    this.limits = limits;
    this.id = accountId(provider, name);
    this.name = name;
    this.slot = slot;
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
    this.restedModels ??= new Set();
    if (this.restedModels.size >= mostRestedModels) this.restedModels.clear();
    this.restedModels.add(model);
  }

  /** Takes weight and tier from its enabled keys. */
  refresh(): void {
    this.only = this.keys.length === 1 ? this.keys[0] : undefined;
    const active = this.keys.filter((key) => key.enabled);
    const keys = active.length > 0 ? active : this.keys;
    if (keys.length === 0) return;
    this.weight = Math.max(...keys.map((key) => key.config.weight));
    this.priority = Math.min(...keys.map((key) => key.config.priority));
  }
}

function accountId({ id }: ProviderReading, name: string): string {
  return `${id}/${name}`;
}

/** Whose keys they are, and what holds for them. */
export interface PoolTerms {
  /** Whose key it is. */
  readonly providerOf: (key: ResolvedKey) => ProviderReading;
  /** Limits that hold for every key of a provider. */
  readonly limitsOf: (provider: ProviderReading) => readonly LimitTemplate[];
}

/** All keys and accounts, by name and by slot. Knows nothing of time or readiness. */
export class KeyPool implements GroupFacts {
  readonly keys = new Map<string, PooledKey>();
  /** Those whose keys there are, or were. */
  readonly providers: ProviderReading[] = [];
  readonly #terms: PoolTerms;
  readonly #accounts = new Map<string, Account>();
  readonly #slots: (Account | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  #positions = 0;
  #lastOrdinal = 0;
  /** Numbers of keys that left, for when they come back. */
  readonly #formerOrdinals = new Map<string, number>();
  /** Is any key meant for certain models only? */
  hasModelRules = false;
  /** Limits that count only some models, or each apart: requests for models they treat alike share a ready set. */
  readonly modelLimits: LimitTemplate[] = [];
  /** Does any limit count tokens? */
  countsTokens = false;
  /** Does any limit count requests under way? */
  countsConcurrency = false;
  /** Does one limit count requests under way with all keys? */
  countsTogether = false;
  /** Has any key an endpoint of its own? */
  hasOwnEndpoints = false;
  /** How long accounts take to answer, while a strategy asks; set by whoever measures. */
  latency: { of(account: string): number } | undefined = undefined;
  /** Told of keys that come and go; set by whoever observes them. */
  watcher: ((what: "keyAdded" | "keyRemoved", key: ObservedKey) => void) | undefined = undefined;

  constructor(terms: PoolTerms) {
    this.#terms = terms;
  }

  get accounts(): Iterable<Account> {
    return this.#accounts.values();
  }

  get accountCount(): number {
    return this.#accounts.size;
  }

  accountAt(slot: number): Account {
    return this.#slots[slot] as Account;
  }

  accountWith(id: string): Account | undefined {
    return this.#accounts.get(id);
  }

  /** By the name a caller gives; where two providers have one of that name, by its id. */
  accountOf(name: string): Account | undefined {
    for (const provider of this.providers) {
      const account = this.#accounts.get(accountId(provider, name));
      if (account !== undefined) return account;
    }
    return this.#accounts.get(name);
  }

  add(config: ResolvedKey, secret: KeySecret, addedAt = 0): PooledKey {
    const key = this.#enter(config, secret, addedAt);
    this.watcher?.("keyAdded", key.shown);
    return key;
  }

  #enter(config: ResolvedKey, secret: KeySecret, addedAt: number): PooledKey {
    const account = this.#accountFor(this.#terms.providerOf(config), config.account ?? config.id);
    const key = new PooledKey(account, this.#ordinalFor(config.id), config, secret, addedAt);
    this.keys.set(key.id, key);
    account.keys.push(key);
    account.refresh();
    this.noteRules(config);
    return key;
  }

  #noteLimits(limits: readonly LimitTemplate[] | undefined): void {
    for (const limit of limits ?? []) {
      this.countsTokens ||= countsTokens(limit.dimension);
      this.countsConcurrency ||= limit.dimension === "concurrency";
      this.countsTogether ||= limit.dimension === "concurrency" && limit.scope === "ip";
      if ((limit.models !== undefined || limit.perModel) && !this.modelLimits.includes(limit))
        this.modelLimits.push(limit);
    }
  }

  noteRules(config: ResolvedKey): void {
    this.#noteLimits(config.limits);
    this.hasModelRules ||= config.models !== undefined;
    this.hasOwnEndpoints ||= config.baseURL !== undefined;
  }

  /** Takes a key out; returns its account, which may be left without keys and is then gone from the pool. */
  remove(key: PooledKey): Account {
    const account = this.#leave(key);
    this.watcher?.("keyRemoved", key.shown);
    return account;
  }

  #leave(key: PooledKey): Account {
    const { account } = key;
    this.keys.delete(key.id);
    this.#formerOrdinals.set(key.id, key.ordinal);
    account.keys = account.keys.filter((other) => other !== key);
    account.cursor = 0;
    account.refresh();
    if (account.keys.length === 0) this.#drop(account);
    return account;
  }

  /** The key in another account, with what is known of it. Returns both accounts. */
  move(key: PooledKey, config: ResolvedKey): readonly [from: Account, to: Account] {
    const from = this.#leave(key);
    const moved = this.#enter(config, key.secret, key.addedAt);
    moved.continue(key);
    moved.account.refresh();
    return [from, moved.account];
  }

  /** Numbers given before, in this process or another: whoever comes back has the same one. */
  noteOrdinals(ordinals: Iterable<readonly [id: string, ordinal: number]>): void {
    for (const [id, ordinal] of ordinals) {
      if (!this.keys.has(id)) this.#formerOrdinals.set(id, ordinal);
      this.#lastOrdinal = Math.max(this.#lastOrdinal, ordinal);
    }
  }

  /** Counts anew: these are the numbers given in the list that begins. */
  beginOrdinals(ordinals: Iterable<readonly [id: string, ordinal: number]>): void {
    this.#formerOrdinals.clear();
    this.#lastOrdinal = 0;
    this.noteOrdinals(ordinals);
  }

  /** The number a key has, or will have when it comes. */
  ordinalOf(id: string): number {
    const ordinal = this.keys.get(id)?.ordinal ?? this.#ordinalFor(id);
    if (!this.keys.has(id)) this.#formerOrdinals.set(id, ordinal);
    return ordinal;
  }

  #ordinalFor(id: string): number {
    const former = this.#formerOrdinals.get(id);
    if (former === undefined) return ++this.#lastOrdinal;
    this.#formerOrdinals.delete(id);
    return former;
  }

  #accountFor(provider: ProviderReading, name: string): Account {
    const known = this.#accounts.get(accountId(provider, name));
    if (known !== undefined) return known;
    const slot = this.#freeSlots.pop() ?? this.#slots.length;
    const limits = this.#terms.limitsOf(provider);
    const account = new Account(provider, name, slot, limits);
    account.position = this.#positions++;
    this.#slots[slot] = account;
    this.#accounts.set(account.id, account);
    if (!this.providers.includes(provider)) {
      this.providers.push(provider);
      this.#noteLimits(limits);
    }
    return account;
  }

  #drop(account: Account): void {
    this.#accounts.delete(account.id);
    this.#slots[account.slot] = undefined;
    this.#freeSlots.push(account.slot);
  }

  weight(slot: number): number {
    return this.accountAt(slot).weight;
  }

  position(slot: number): number {
    return this.accountAt(slot).position;
  }

  inFlight(slot: number): number {
    return this.accountAt(slot).inFlight;
  }

  latencyMs(slot: number): number {
    return this.latency?.of(this.accountAt(slot).id) ?? 0;
  }

  lastUsedAt(slot: number): number {
    const { keys } = this.accountAt(slot);
    return keys.length === 1 ? (keys[0] as PooledKey).lastUsedAt : Math.max(...keys.map((key) => key.lastUsedAt));
  }

  view(slot: number): ReadyKey {
    const account = this.accountAt(slot);
    const key = account.keys.find((candidate) => candidate.enabled) ?? (account.keys[0] as PooledKey);
    return {
      id: key.id,
      account: account.name,
      weight: account.weight,
      priority: account.priority,
      note: key.config.note,
      batch: key.config.batch,
      inFlight: account.inFlight,
      used: account.used,
    };
  }
}
