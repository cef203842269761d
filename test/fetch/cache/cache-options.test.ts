import { describe, expect, it } from "vitest";
import type { CacheOptions } from "../../../src/index.ts";
import { ok, rig } from "../fixture.ts";
import { byBody } from "./caching-rig.ts";

describe("resolveCacheOptions", () => {
  const good = { key: byBody, ttlMs: 1 };
  it.each<[string, unknown, string, RegExp]>([
    ["a wrong type", true, "cache", /^Expected `cache` to be an object, got `true` \(boolean\)$/],
    ["no key function", { ttlMs: 1 }, "cache.key", /^Expected `cache.key` to be a function, got `undefined`$/],
    [
      "no time",
      { key: byBody },
      "cache.ttlMs",
      /^Expected `cache.ttlMs` to be an integer >= 1 or Infinity, got `undefined`$/,
    ],
    ["no time at all", { ...good, ttlMs: 0 }, "cache.ttlMs", /got `0` \(number\)$/],
    ["half a byte", { ...good, maxBytes: 0.5 }, "cache.maxBytes", /^Expected `cache.maxBytes` to be an integer >= 1/],
    [
      "no entry",
      { ...good, maxEntryBytes: 0 },
      "cache.maxEntryBytes",
      /an integer >= 1 or Infinity, got `0` \(number\)$/,
    ],
    [
      "entries that never fit",
      { ...good, maxBytes: 10, maxEntryBytes: 11 },
      "cache.maxEntryBytes",
      /at most `cache.maxBytes` \(10\), got `11`/,
    ],
    ["a slip of the pen", { ...good, ttlMS: 1 }, "cache.ttlMS", /got `ttlMS`; did you mean `ttlMs`\?/],
  ])("refuses %s and names the field", (_what, cache, field, message) => {
    expect(() => rig(ok, { cache: cache as CacheOptions })).toThrow(
      expect.objectContaining({ field, message: expect.stringMatching(message) }),
    );
  });

  it("takes endless sizes, and a small cache without an entry size", () => {
    const endless = Number.POSITIVE_INFINITY;
    expect(() => rig(ok, { cache: { ...good, maxBytes: endless, maxEntryBytes: endless } })).not.toThrow();
    expect(() => rig(ok, { cache: { ...good, maxBytes: 10 } })).not.toThrow();
  });
});
