import { describe, expect, it } from "vitest";
import { RecentMap } from "../src/recent-map.ts";

describe("RecentMap", () => {
  it("forgets the entry unused for longest, and tells of it", () => {
    const dropped: number[] = [];
    const map = new RecentMap<number>(2, (value) => dropped.push(value));
    map.set("a", 1);
    map.set("b", 2);
    expect(map.get("a")).toBe(1);
    map.set("c", 3);
    expect(dropped).toEqual([2]);
    expect([...map.values()]).toEqual([1, 3]);
    expect(map.get("b")).toBeUndefined();
  });

  it("counts an entry that is set again as used, and tells of nothing", () => {
    const dropped: number[] = [];
    const map = new RecentMap<number>(2, (value) => dropped.push(value));
    map.set("a", 1);
    map.set("b", 2);
    map.set("a", 3);
    expect(dropped).toEqual([]);
    map.set("c", 4);
    expect(dropped).toEqual([2]);
  });

  it("does not count a look at whether an entry is there as a use", () => {
    const map = new RecentMap<number>(1);
    map.set("a", 1);
    expect([map.has("a"), map.has("b"), map.size]).toEqual([true, false, 1]);
    map.set("b", 2);
    expect([map.has("a"), map.has("b"), map.size]).toEqual([false, true, 1]);
  });

  it("is empty before the first entry and after it was cleared", () => {
    const map = new RecentMap<number>(2);
    expect([map.size, map.has("a"), map.get("a"), ...map.values()]).toEqual([0, false, undefined]);
    map.set("a", 1);
    map.clear();
    expect([map.size, map.has("a"), map.get("a"), ...map.values()]).toEqual([0, false, undefined]);
  });
});
