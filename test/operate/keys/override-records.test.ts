import { describe, expect, it } from "vitest";
import { listBegun, OverrideRecords } from "../../../src/operate/keys/override-records.ts";
import type { KeyRecord } from "../../../src/pool/keys/key-store.ts";

function record(id: string, ordinal: number | null, change: Partial<KeyRecord> = {}): KeyRecord {
  const rest = { fingerprint: id, addedBy: "source", removed: false, batch: null, settings: {} } as const;
  return { id, ordinal, ...rest, ...change };
}

describe("listBegun", () => {
  it("numbers the new list from 1, and has after it what others added meanwhile", () => {
    const theirs = record("theirs", 9, { addedBy: "operator" });
    const records = new OverrideRecords([record("a", 1), record("b", 2), record("gone", 3, { removed: true }), theirs]);
    listBegun([record("mine", 4), record("b", 2)], [record("a", 1)], (id) => id === "a")(records);
    expect([...records.all.values()].map(({ id, ordinal, removed }) => [id, ordinal, removed])).toEqual([
      ["mine", 1, false],
      ["b", 2, false],
      ["theirs", 3, false],
      ["a", null, true],
    ]);
    expect(records.takeChanges().drop).toEqual(["gone"]);
  });
});
