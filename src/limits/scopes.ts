import type { ScopeId } from "../types.ts";
import type { OwnCandidate, OwnNeed } from "./key-candidate.ts";
import type { LimitTemplate } from "./limits.ts";
import type { Bucket } from "./store.ts";

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

/** Where requests go to: a provider in trouble is in trouble for everybody. */
export function originScope(origin: string): ScopeId {
  return `provider:${origin}`;
}

/** What a key is known by. */
export interface ScopedKey {
  readonly id: string;
  readonly account: { readonly id: string; readonly provider: { readonly id: string } };
  readonly secret: { readonly fingerprint: string | undefined };
}

/**
 * All that a key belongs to: a cooldown of any of these stops it.
 * @param model of a request, where it may cool down by itself
 */
export function scopesOf({ id, account, secret }: ScopedKey, egress: string, model: string | undefined): ScopeId[] {
  const { provider } = account;
  const scopes = [`key:${provider.id}/${id}`, `account:${account.id}`, `ip:${provider.id}/${egress}`];
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

/** The origin that a scope is about, where it is about one. */
export function originIn(scope: ScopeId): string | undefined {
  return scope.startsWith("provider:") ? nameInScope(scope) : undefined;
}

const withProvider = /^(key|account|model|credential|ip):[^/]*\//;

/** A scope's or bucket's id as operators know it, without the provider: `account:acme`. */
export function shownId(id: ScopeId): string {
  return id.replace(withProvider, "$1:");
}

/** What the buckets of one limit have in common. */
export interface BucketTerms extends Omit<Bucket, "id" | "soleOf" | "memo"> {
  readonly template: LimitTemplate;
  /** By whom these buckets are given out, while each is the only one of its name. */
  readonly soleOf: object | undefined;
}

export function ownerOf({ scope }: LimitTemplate, { id, account }: ScopedKey, egress: string): ScopeId {
  if (scope === "ip") return addressScope(account.provider.id, egress);
  return scope === "key" ? keyScope(account.provider.id, id) : accountScope(account.id);
}

/**
 * What nobody else but one key takes of one limit: the bucket and the need of it in one, which has no name until somebody asks. Of
 * a pool of 100,000 keys names and objects would be most of what it holds.
 */
export class KeyBucket implements Bucket, OwnNeed {
  readonly bucket: Bucket = this;
  readonly kind: Bucket["kind"];
  readonly dimension: string;
  readonly limit: number;
  readonly windowMs: number | undefined;
  readonly edges: Bucket["edges"];
  readonly guardMs: number;
  readonly #terms: BucketTerms;
  readonly #key: ScopedKey;
  #id: string | undefined = undefined;
  amount = 1;
  memo: unknown = undefined;

  constructor(terms: BucketTerms, key: ScopedKey) {
    this.kind = terms.kind;
    this.dimension = terms.dimension;
    this.limit = terms.limit;
    this.windowMs = terms.windowMs;
    this.edges = terms.edges;
    this.guardMs = terms.guardMs;
    this.#terms = terms;
    this.#key = key;
  }

  get id(): string {
    // Of limits of all models, which never are those of the address.
    this.#id ??= `${ownerOf(this.#terms.template, this.#key, "")}#${this.#terms.template.id}`;
    return this.#id;
  }

  get soleOf(): object | undefined {
    return this.#terms.soleOf;
  }
}

/** A key's candidate for requests of any model. Its scopes are named when a store asks: while nothing cools, none does. */
export class KeyCandidate implements OwnCandidate {
  readonly needs: readonly OwnNeed[];
  readonly ofTokens: readonly OwnNeed[] | undefined;
  memo: unknown = undefined;
  readonly #key: ScopedKey;
  readonly #egress: string;
  #scopes: readonly ScopeId[] | undefined = undefined;

  constructor(key: ScopedKey, egress: string, needs: readonly OwnNeed[], ofTokens: readonly OwnNeed[] | undefined) {
    this.#key = key;
    this.#egress = egress;
    this.needs = needs;
    this.ofTokens = ofTokens;
  }

  get scopes(): readonly ScopeId[] {
    this.#scopes ??= scopesOf(this.#key, this.#egress, undefined);
    return this.#scopes;
  }
}
