import type { OperatedRotator } from "../../../operate/operated-rotator.ts";
import { type KeyFacts, type KeySnapshot, listKeys, snapshotKeys } from "../../../operate/snapshot.ts";
import { AdminError, badField } from "./admin-error.ts";
import type { RequestFields } from "./request-fields.ts";

/** A pool as the admin API knows it. */
export class Channel {
  readonly id: string;
  readonly name: string;
  readonly rotator: OperatedRotator;
  /** While rotation is switched off: the strategy to go back to. */
  strategyBefore: string | undefined;

  constructor(id: string, name: string, rotator: OperatedRotator) {
    this.id = id;
    this.name = name;
    this.rotator = rotator;
  }

  /** As a number where it is written as one, which is how System D's clients know it. */
  get idForClients(): string | number {
    const asNumber = Number(this.id);
    return Number.isSafeInteger(asNumber) && String(asNumber) === this.id ? asNumber : this.id;
  }

  /** Its keys by their number, and all that stands against them: the store is asked for every one. */
  async keys(): Promise<readonly KeySnapshot[]> {
    return (await this.rotator.snapshot()).keys;
  }

  /** Its keys by their number, as far as that is known without the store. */
  list(): Promise<readonly KeyFacts[]> {
    return listKeys(this.rotator);
  }

  /** A key with all that stands against it. @throws AdminError when it left meanwhile */
  async snapshotOf(id: string): Promise<KeySnapshot> {
    const [key] = await snapshotKeys(this.rotator, [id]);
    if (key === undefined) throw this.#noKey("key", "of this id or index");
    return key;
  }

  /** The key that a part of a path names: by its id, else by its index. */
  async keyInPath(text: string): Promise<KeyFacts> {
    const keys = await this.list();
    const found =
      keys.find(({ id }) => id === text) ??
      (/^\d{1,15}$/.test(text) ? keys.find((key) => indexOf(key) === Number(text)) : undefined);
    if (found === undefined) throw this.#noKey("key", "of this id or index");
    return found;
  }

  /** The key that a body names in `key_index` or `key_id`. */
  async keyIn(fields: RequestFields): Promise<KeyFacts> {
    const name = fields.has("key_id") ? "key_id" : "key_index";
    return this.#finder(await this.list(), name === "key_id")(name, fields.get(name));
  }

  /** Those that it names in `key_indices` or `key_ids`, each once; one that there is not fails them all. */
  async keysIn(fields: RequestFields): Promise<readonly KeyFacts[]> {
    const name = fields.has("key_ids") ? "key_ids" : "key_indices";
    const list = fields.list(name);
    const find = this.#finder(await this.list(), name === "key_ids");
    return [...new Set(list.map((value, place) => find(`${name}[${place}]`, value)))];
  }

  /** Waits until what was changed is kept where keys are. */
  async stored(): Promise<void> {
    await this.rotator.flushed();
  }

  #finder(keys: readonly KeyFacts[], isById: boolean): (field: string, value: unknown) => KeyFacts {
    const known = new Map<unknown, KeyFacts>(keys.map((key) => [isById ? key.id : indexOf(key), key]));
    return (field, value) => {
      const fits = isById
        ? typeof value === "string" && value !== ""
        : Number.isSafeInteger(value) && Number(value) >= 0;
      if (!fits) throw badField(field, isById ? "the id of a key" : "an integer >= 0");
      const found = known.get(value);
      if (found === undefined) throw this.#noKey(field, isById ? "of this id" : `with index ${String(value)}`);
      return found;
    };
  }

  #noKey(field: string, which: string): AdminError {
    return new AdminError("not_found", `Channel ${this.id} has no key ${which}`, { field });
  }
}

/** What System D counts keys by: from 0, and never another key's. */
export function indexOf({ ordinal }: Pick<KeyFacts, "ordinal">): number {
  return ordinal - 1;
}
