import { isAddressScope, isKeyScope, isModelScope } from "../../limits/scopes.ts";
import type { CooldownSource, ScopeId } from "../../types.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";

/** What cools down, as a store says. */
export interface Cooldown {
  readonly scope: ScopeId;
  /** Milliseconds from now. */
  readonly forMs: number;
  readonly source: CooldownSource;
  readonly reason: string | undefined;
}

/** Whom a breaker is about: an account, one of its keys, or the scope of a model or an address. */
export type Subject = Account | PooledKey | ScopeId;

/** Whom a cooldown of this scope is about. */
export function subjectOf(scope: ScopeId, account: Account, key: PooledKey | undefined): Subject {
  if (isModelScope(scope) || isAddressScope(scope)) return scope;
  return isKeyScope(scope) && key !== undefined && account.only === undefined ? key : account;
}

/** Is it a key that the account does not have any more? */
export function isLeft(subject: Account | PooledKey, account: Account): boolean {
  return "account" in subject && subject.account === account && !account.keys.includes(subject);
}
