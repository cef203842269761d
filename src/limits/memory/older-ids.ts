import { shownId } from "../scopes.ts";

/** Stands before ids from a dump of version 0.1.0, until it is known whose they are: they carry no provider. */
const mark = "0.1.0|";

/** As what came from such a dump is kept. */
export function markOlder(id: string): string {
  return mark + id;
}

export function isOlder(id: string): boolean {
  return id.startsWith(mark);
}

/** As what this id names is kept, if it came from such a dump. */
export function olderIdOf(id: string): string {
  return mark + shownId(id);
}

/** Of the models' scopes from such a dump, those that are for one of these accounts (a provider and a name each). */
export function adoptedModelScopes(ids: Iterable<string>, accounts: readonly string[]): string[] {
  const scopes = accounts.map((account) => `model:${account}|`);
  const found: string[] = [];
  for (const id of ids) {
    if (!isOlder(id)) continue;
    const scope = scopes.find((each) => id.startsWith(olderIdOf(each)));
    if (scope !== undefined) found.push(scope + id.slice(olderIdOf(scope).length));
  }
  return found;
}
