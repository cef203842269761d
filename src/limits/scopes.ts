import type { ScopeId } from "../types.ts";
import type { OwnAmount, OwnCandidate, OwnNeed } from "./key-candidate.ts";
import { countsTokens, type LimitTemplate } from "./limits.ts";
import type { BucketTerms, Need, OwnNeeds } from "./store.ts";

/**
 * Names of what can be limited or cooled. All but an origin's carry the provider, so that what two providers count never meets:
 * an account is its provider and its name, and the same key, secret or address is another matter to another provider.
 */

/** A provider's name as ids carry it: without the sign that ends it there. */
export function idOfProvider(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("/", "%2F");
}

/** @param provider as `idOfProvider` gives it */
export function keyScope(provider: string, keyId: string): ScopeId {
  return `key:${provider}/${keyId}`;
}

/** @param account its provider and its name */
export function accountScope(account: string): ScopeId {
  return `account:${account}`;
}

/** An account and a model: limits are mostly counted for the two together. */
export function modelScope(account: string, model: string): ScopeId {
  return `model:${account}|${model}`;
}

export function credentialScope(provider: string, fingerprint: string): ScopeId {
  return `credential:${provider}/${fingerprint}`;
}

/** The address requests leave from, as one provider sees it. */
export function addressScope(provider: string, egress: string): ScopeId {
  return `ip:${provider}/${egress}`;
}

/**
 * Where requests go to: a provider in trouble is in trouble for everybody.
 * @param model the one that is overloaded there @default all
 */
export function originScope(origin: string, model?: string | undefined): ScopeId {
  return model === undefined ? `provider:${origin}` : `provider:${origin}|${model}`;
}

/** What a key is known by. */
export interface ScopedKey {
  readonly id: string;
  readonly account: { readonly id: string; readonly provider: { readonly id: string } };
  readonly secret: { readonly fingerprint: string | undefined };
  /** Its own name for the address that its requests leave from, where it has one. */
  readonly config: { readonly route?: { readonly egress: string | undefined } | undefined };
}

/**
 * All that a key belongs to: a cooldown of any of these stops it.
 * @param model of a request, where it may cool down by itself
 */
export function scopesOf(key: ScopedKey, egress: string, model: string | undefined): ScopeId[] {
  const { id, account, secret, config } = key;
  const { provider } = account;
  const from = config.route?.egress ?? egress;
  const scopes = [`key:${provider.id}/${id}`, `account:${account.id}`, `ip:${provider.id}/${from}`];
  if (secret.fingerprint !== undefined) scopes.push(`credential:${provider.id}/${secret.fingerprint}`);
  if (model !== undefined) scopes.push(`model:${account.id}|${model}`);
  return scopes;
}

/** In a refusal: not a scope but the store itself, which cannot be asked. */
export const storeScope: ScopeId = "store";

/** Does this scope or bucket belong to one key, so that its account's other keys may still serve? */
export function isKeyScope(id: string): boolean {
  return id.startsWith("key:") || id.startsWith("credential:");
}

/** Does this scope or bucket belong to the address requests leave from? */
export function isAddressScope(id: string): boolean {
  return id.startsWith("ip:");
}

/** Does this scope or bucket belong to one model of an account? */
export function isModelScope(id: string): boolean {
  return id.startsWith("model:");
}

/** What stands behind a scope's kind. */
export function nameInScope(scope: ScopeId): string {
  return scope.slice(scope.indexOf(":") + 1);
}

/** Is this scope about an origin, or a model at one? */
export function isOriginScope(id: string): boolean {
  return id.startsWith("provider:");
}

/** The origin that such a scope is about, and the model. */
export function originIn(scope: ScopeId): { readonly origin: string; readonly model: string | undefined } {
  const name = nameInScope(scope);
  const end = name.indexOf("|");
  return end === -1 ? { origin: name, model: undefined } : { origin: name.slice(0, end), model: name.slice(end + 1) };
}

const withProvider = /^(key|account|model|credential|ip):[^/]*\//;

/** A scope's or bucket's id as operators know it, without the provider: `account:acme`. */
export function shownId(id: ScopeId): string {
  return id.replace(withProvider, "$1:");
}

export function ownerOf({ scope }: LimitTemplate, { id, account, config }: ScopedKey, egress: string): ScopeId {
  if (scope === "ip") return addressScope(account.provider.id, config.route?.egress ?? egress);
  return scope === "key" ? keyScope(account.provider.id, id) : accountScope(account.id);
}

/** What keys have in common that are counted alike. */
export interface KeyTerms {
  readonly terms: readonly BucketTerms[];
  /** Of each of these. */
  readonly templates: readonly LimitTemplate[];
  /** Do amounts differ from request to request? */
  readonly amountsVary: boolean;
  readonly home: KeyTermsHome;
  readonly egress: string;
}

/** Who gives out the buckets of keys. */
export interface KeyTermsHome {
  /** Are their buckets still found without names? */
  readonly isSole: boolean;
  /** All of it by name. */
  candidateFor(key: ScopedKey, model: undefined): { readonly needs: readonly OwnNeed[] };
}

const noNeeds: readonly Need[] = [];

/** A key's candidate for requests of any model. Scopes and buckets are named when a store asks: while nothing cools, none does. */
export class KeyCandidate implements OwnCandidate, OwnNeeds {
  // What every question looks at comes first: of a large pool a candidate is not in the cache.
  memo: unknown = undefined;
  ofTokens: readonly OwnAmount[] | undefined = undefined;
  amounts: readonly OwnAmount[] | undefined = undefined;
  readonly own: OwnNeeds | null;
  readonly #common: KeyTerms;
  readonly #key: ScopedKey;
  #scopes: readonly ScopeId[] | undefined = undefined;
  #needs: readonly Need[] | undefined;
  /** Of its buckets, where somebody asked. */
  #ids: readonly string[] | undefined = undefined;

  constructor(common: KeyTerms, key: ScopedKey) {
    this.#common = common;
    this.#key = key;
    this.own = common.terms.length > 0 ? this : null;
    this.#needs = this.own === null ? noNeeds : undefined;
    if (common.amountsVary) this.#setAmounts(common.terms.map((bucket) => ({ bucket, amount: 1 })));
  }

  get scopes(): readonly ScopeId[] {
    this.#scopes ??= scopesOf(this.#key, this.#common.egress, undefined);
    return this.#scopes;
  }

  get needs(): readonly Need[] {
    this.#needs ??= this.#named();
    return this.#needs;
  }

  get terms(): readonly BucketTerms[] {
    return this.#common.terms;
  }

  get soleOf(): object | undefined {
    return this.#common.home.isSole ? this.#common.home : undefined;
  }

  idOf(place: number): string {
    this.#ids ??= this.#common.templates.map((each) => `${ownerOf(each, this.#key, this.#common.egress)}#${each.id}`);
    return this.#ids[place] as string;
  }

  #named(): readonly Need[] {
    const { needs } = this.#common.home.candidateFor(this.#key, undefined);
    const { amounts } = this;
    if (amounts === undefined) return needs;
    for (const [place, need] of needs.entries()) need.amount = (amounts[place] as OwnAmount).amount;
    this.#setAmounts(needs);
    return needs;
  }

  #setAmounts(amounts: readonly OwnAmount[]): void {
    this.amounts = amounts;
    this.ofTokens = ofTokens(amounts);
  }
}

/** Those that count tokens, if any does. */
export function ofTokens(amounts: readonly OwnAmount[]): readonly OwnAmount[] | undefined {
  const found = amounts.filter(({ bucket }) => countsTokens(bucket.dimension));
  return found.length === 0 ? undefined : found;
}
