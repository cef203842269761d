import type { ResolvedKey } from "./key-source.ts";
import type { KeyRecord } from "./key-store.ts";

interface Outdated {
  readonly id: string;
  /** Names the secret that the source lists now. */
  readonly fingerprint: string | null;
}

/** What the source lists, under the ids that keys have here. */
export class ListedKeys {
  #keys: ReadonlyMap<string, ResolvedKey> = new Map();
  readonly #fingerprint: (secret: string) => string;

  constructor(fingerprint: (secret: string) => string) {
    this.#fingerprint = fingerprint;
  }

  get(id: string): ResolvedKey | undefined {
    return this.#keys.get(id);
  }

  get ids(): Iterable<string> {
    return this.#keys.keys();
  }

  get keys(): Iterable<ResolvedKey> {
    return this.#keys.values();
  }

  /** Takes over a list. Returns the keys whose secret operators replaced, and for which it has another one by now. */
  take(wanted: readonly ResolvedKey[], records: Iterable<KeyRecord>): readonly Outdated[] {
    const byOperators = [...records].filter(
      ({ addedBy, removed, replaces }) => addedBy === "operator" || removed || replaces !== undefined,
    );
    this.#keys = this.#identified(wanted, byOperators);
    const replaced = byOperators.filter(({ replaces }) => replaces !== undefined);
    if (replaced.length === 0) return [];
    const prints = new Map([...this.#keys.values()].map(({ id, secret }) => [id, this.#printOf(secret)] as const));
    const owners = new Map([...prints].map(([id, print]) => [print, id]));
    return replaced.flatMap(({ id, fingerprint, replaces }) => {
      const listed = prints.get(id);
      const owner = fingerprint === null ? undefined : owners.get(fingerprint);
      const isOutdated = listed !== undefined && (listed !== replaces || (owner !== undefined && owner !== id));
      return isOutdated ? [{ id, fingerprint: listed }] : [];
    });
  }

  /** A secret that operators know under an id of its own keeps that, unless the list has a key of this id too. */
  #identified(wanted: readonly ResolvedKey[], records: readonly KeyRecord[]): ReadonlyMap<string, ResolvedKey> {
    const listed = new Map(wanted.map((key) => [key.id, key]));
    const ids = new Map<string, string>();
    for (const { id, fingerprint } of records) if (fingerprint !== null) ids.set(fingerprint, id);
    if (ids.size === 0) return listed;
    const identified = wanted.map((key) => {
      const print = this.#printOf(key.secret);
      const id = print === null ? undefined : ids.get(print);
      return id === undefined || listed.has(id) ? key : { ...key, id };
    });
    return new Map(identified.map((key) => [key.id, key]));
  }

  #printOf(secret: ResolvedKey["secret"]): string | null {
    return typeof secret === "string" ? this.#fingerprint(secret) : null;
  }
}
