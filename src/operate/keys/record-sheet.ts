import type { KeyChanges, KeyRecord } from "../../pool/keys/key-store.ts";

/** One change to records. Made again on newer ones when somebody else was faster, so it looks at what it finds. */
export type RecordChange = (sheet: RecordSheet) => void;

/** Records by id, each number with one owner only. */
export class RecordSheet {
  readonly #records = new Map<string, KeyRecord>();
  readonly #owners = new Map<number, string>();
  #lastOrdinal = 0;
  /** Ids of records that were changed since they were last asked for. */
  #touched = new Set<string>();

  constructor(records: readonly KeyRecord[] = []) {
    for (const record of records) this.put(record);
    this.#touched.clear();
  }

  get records(): ReadonlyMap<string, KeyRecord> {
    return this.#records;
  }

  get(id: string): KeyRecord | undefined {
    return this.#records.get(id);
  }

  /** A number that somebody else has by now is replaced by the next free one. */
  put(record: KeyRecord): void {
    const before = this.#records.get(record.id);
    if (before?.ordinal !== undefined && before.ordinal !== null) this.#owners.delete(before.ordinal);
    const ordinal =
      record.ordinal !== null && this.#owners.has(record.ordinal) ? this.#lastOrdinal + 1 : record.ordinal;
    if (ordinal !== null) {
      this.#owners.set(ordinal, record.id);
      this.#lastOrdinal = Math.max(this.#lastOrdinal, ordinal);
    }
    this.#records.set(record.id, ordinal === record.ordinal ? record : { ...record, ordinal });
    this.#touched.add(record.id);
  }

  drop(id: string): void {
    const before = this.#records.get(id);
    if (before === undefined) return;
    this.#records.delete(id);
    if (before.ordinal !== null) this.#owners.delete(before.ordinal);
    this.#touched.add(id);
  }

  /** What differs from when this was last asked; the next answer begins anew. */
  takeChanges(): KeyChanges {
    const ids = [...this.#touched];
    this.#touched = new Set();
    return {
      put: ids.flatMap((id) => this.#records.get(id) ?? []),
      drop: ids.filter((id) => !this.#records.has(id)),
    };
  }

  /** Takes changes back that came to nothing: they are among the next ones. */
  returnChanges({ put, drop }: KeyChanges): void {
    for (const { id } of put) this.#touched.add(id);
    for (const id of drop) this.#touched.add(id);
  }

  /** Ids of records that are not the same here as there. */
  differencesTo(other: RecordSheet): ReadonlySet<string> {
    const ids = new Set<string>();
    for (const [id, record] of this.#records) if (!isSame(record, other.get(id))) ids.add(id);
    for (const id of other.records.keys()) if (!this.#records.has(id)) ids.add(id);
    return ids;
  }
}

function isSame(one: KeyRecord, other: KeyRecord | undefined): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
