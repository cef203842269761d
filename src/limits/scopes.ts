import type { ScopeId } from "../types.ts";

/** An account and a model: limits are mostly counted for the two together. */
export function modelScope(account: string, model: string): ScopeId {
  return `model:${account}|${model}`;
}

export function providerScope(origin: string): ScopeId {
  return `provider:${origin}`;
}

/** In a refusal: not a scope but the store itself, which cannot be asked. */
export const storeScope: ScopeId = "store";

/** Does this scope or bucket belong to one key, so that its account's other keys may still serve? */
export function isKeyScope(id: string): boolean {
  return id.startsWith("key:") || id.startsWith("credential:");
}
