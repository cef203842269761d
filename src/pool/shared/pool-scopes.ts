import { accountScope, credentialScope, keyScope, modelScope } from "../../limits/scopes.ts";
import type { ScopeId } from "../../types.ts";
import type { Account } from "../keys/pooled-key.ts";

/** All that may cool down of these, models aside. */
export function* scopesOfAccounts(accounts: Iterable<Account>): Generator<ScopeId> {
  for (const { provider, id: account, keys } of accounts) {
    yield accountScope(account);
    for (const { id, secret } of keys) {
      yield keyScope(provider.id, id);
      yield credentialScope(provider.id, secret.fingerprint ?? id);
    }
  }
}

export function* scopesOfModel(accounts: Iterable<Account>, model: string): Generator<ScopeId> {
  for (const { id } of accounts) yield modelScope(id, model);
}
