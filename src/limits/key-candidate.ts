import type { ScopeId } from "../types.ts";
import type { LimitTemplate } from "./limits.ts";
import { accountScope, addressScope, keyScope, type ScopedKey, scopesOf } from "./scopes.ts";
import type { Bucket, Candidate, Need } from "./store.ts";

/** A need whose amount is set anew for every request. */
export type OwnNeed = { -readonly [field in keyof Need]: Need[field] };

export interface OwnCandidate extends Candidate {
  readonly needs: readonly OwnNeed[];
  /** Those of them that count tokens. */
  readonly ofTokens: readonly OwnNeed[] | undefined;
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
  readonly terms: BucketTerms;
  readonly #key: ScopedKey;
  #id: string | undefined = undefined;
  amount = 1;
  memo: unknown = undefined;

  constructor(terms: BucketTerms, key: ScopedKey) {
    this.terms = terms;
    this.#key = key;
  }

  get bucket(): Bucket {
    return this;
  }

  get id(): string {
    // Of limits of all models, which never are those of the address.
    this.#id ??= `${ownerOf(this.terms.template, this.#key, "")}#${this.terms.template.id}`;
    return this.#id;
  }

  get kind(): Bucket["kind"] {
    return this.terms.kind;
  }

  get dimension(): string {
    return this.terms.dimension;
  }

  get limit(): number {
    return this.terms.limit;
  }

  get windowMs(): number | undefined {
    return this.terms.windowMs;
  }

  get edges(): Bucket["edges"] {
    return this.terms.edges;
  }

  get guardMs(): number {
    return this.terms.guardMs;
  }

  get soleOf(): object | undefined {
    return this.terms.soleOf;
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

/** Sets what a request is expected to use. More than a limit holds is asked as all of it: then nothing else may be counted. */
export function fillTokens(needs: readonly OwnNeed[], input: number, output: number): void {
  for (const need of needs) {
    const { dimension, limit } = need.bucket;
    const wanted = dimension === "inputTokens" ? input : dimension === "outputTokens" ? output : input + output;
    need.amount = Math.min(limit, Math.ceil(wanted));
  }
}
