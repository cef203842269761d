import { InvalidOptionsError } from "../../errors.ts";
import type { Provider } from "../../judgement/provider.ts";
import type { KeyStore } from "../../pool/keys/key-store.ts";
import type { Address } from "../../pool/rotator-options.ts";

/** The origins that a provider's keys are for, by its name. */
export type HomeOf = (name: string) => readonly string[];

/** Names whose keys a pool's are: the provider's, and all origins they go to unless each is the preset's own. */
export function keyOwner({ name, origins }: Provider, homeOf: HomeOf, { base, own }: Address = { own: [] }): string {
  const home = homeOf(name);
  const targets = [...(base === undefined ? origins : [base]), ...own];
  const places = [...new Set(targets.map((target) => new URL(target).origin))].sort();
  const quoted = JSON.stringify(name);
  return places.every((place) => home.includes(place)) ? quoted : `${quoted} at ${places.join(", ")}`;
}

/** @throws InvalidOptionsError where keys would be sent to a stranger. */
export function expectOwner(owner: string, holder: string): void {
  if (owner === holder) return;
  throw new InvalidOptionsError(
    "keyStore",
    `Expected \`keyStore\` to be one of this pool alone (provider ${owner}), got one with the keys of provider ${holder}. ` +
      "Give it another pool name or file; if its provider moved, stop all processes and take `owner` out of that one",
  );
}

/** Whose keys a store was used for first: those of one provider must not be sent to another. */
const ownersOfStores = new WeakMap<KeyStore, string>();

/** @throws InvalidOptionsError for a store that was used for another provider's keys. */
export function expectKeyStore(store: KeyStore, owner: string): KeyStore {
  expectOwner(owner, ownersOfStores.get(store) ?? owner);
  ownersOfStores.set(store, owner);
  return store;
}
