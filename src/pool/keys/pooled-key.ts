import type { OwnCandidate } from "../../limits/key-candidate.ts";
import type { ObservedKey } from "../../ports.ts";
import type { QuotaGroup } from "./account.ts";
import type { KeyConfig } from "./key-config.ts";
import type { KeySecret } from "./key-secret.ts";
import type { KeyTraits, ResolvedKey } from "./key-source.ts";

// What picking needs of a key and of its account, and no more: of a pool of 100,000 keys each field is a megabyte. Both are
// made when somebody first asks for them, names and hashes when they are first needed, and what few of them have lies in an
// object of its own.

/** Why a key is off whose secret nobody kept. */
export const secretUnknown = "secret unknown";

/** How finely it is noted when a key last worked: every success would be a write for nothing. */
const successGrainMs = 10_000;

/** A quota group of such keys. */
export type Account = QuotaGroup<PooledKey>;

/** What keys have in common that came together. */
export interface KeyEntry {
  /** Monotonic time at which they came into the pool. */
  readonly addedAt: number;
  /** Did they begin the pool? */
  readonly isFirst: boolean;
  /** Finds the id of a key that was given none, and remembers whose it is. */
  idOf(key: PooledKey): string;
}

/** What most keys never have. */
export interface KeyTroubles {
  /** Monotonic time until which this key alone cools down, as the store last said. */
  readonly cooldownUntil: number;
  /** When the limit behind that cooldown ends; Infinity where it is none. Of no meaning after `cooldownUntil`. */
  readonly freeAt: number;
  /** Does it cool down because its credential was refused? */
  readonly isCredentialRefused: boolean;
  /** Was it switched off because its credential was refused, rather than by an operator? */
  readonly givenUp: boolean;
  /** Why it is off, where somebody said so. */
  readonly offReason: string | undefined;
  /** The secret it was given, where it may be sent with another one for a time. */
  readonly source: KeyConfig["secret"] | undefined;
  /** Had it another secret, or other settings, or is this a second account of it? */
  readonly isChanged: boolean;
  /** Names the fetched secret that was refused last. */
  readonly refusedFingerprint: string | undefined;
  readonly failures: number;
  /** Monotonic milliseconds; 0: never. */
  readonly lastFailureAt: number;
}

const noTroubles: KeyTroubles = Object.freeze({
  cooldownUntil: 0,
  freeAt: 0,
  isCredentialRefused: false,
  givenUp: false,
  offReason: undefined,
  source: undefined,
  isChanged: false,
  refusedFingerprint: undefined,
  failures: 0,
  lastFailureAt: 0,
});

/** A key in the pool, with what picking needs. What others learn of it they keep themselves, by its id. */
export class PooledKey {
  // What every pick looks at comes first: of a large pool a key is not in the cache.
  readonly account: Account;
  enabled: boolean;
  /** Is its secret fetched? */
  isDynamic: boolean;
  secret: KeySecret;
  /** What a store is asked for, and the secret's fingerprint it was made with. */
  candidate: OwnCandidate | undefined = undefined;
  candidateFor: string | undefined = undefined;
  used = 0;
  /** Monotonic time, whole milliseconds: small numbers need no memory of their own. 0: never. */
  lastUsedAt = 0;
  #lastSuccessAt = -1;
  /** Its number, from 1 in the order in which keys came; never another key's of the same list. */
  ordinal: number;
  config: KeyTraits;
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
    this.isDynamic = secret.isDynamic;
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

  /** Is it still as the first list had it, alone in its account, and was nothing asked for it? Then nobody else here counted for it. */
  get isAsListed(): boolean {
    if (this.account.only !== this) return false;
    return this.#entry.isFirst && this.candidate === undefined && !this.isDynamic && !this.troubles.isChanged;
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
    this.account.used++;
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
    this.isDynamic = secret.isDynamic;
    this.candidate = undefined;
    this.#note({ source: undefined, isChanged: true });
  }

  /** Is sent with this secret, which is the one before or the one it was given. */
  sendWith(secret: KeySecret): void {
    this.#note({ source: this.source, isChanged: true });
    this.secret = secret;
    this.isDynamic = secret.isDynamic;
    this.candidate = undefined;
  }

  #note(troubles: Partial<KeyTroubles>): void {
    this.#troubles = Object.assign(this.#troubles ?? Object.assign({}, noTroubles), troubles);
  }
}
