import { describe, expect, it } from "vitest";
import { closestName } from "../src/closest-name.ts";
import { providers } from "../src/named/presets.ts";
import { knownRotatorOptions } from "../src/pool/rotator-options.ts";

const options = Object.keys(knownRotatorOptions);
const presets = providers.map(({ name }) => name);
const strategies = ["round_robin", "random", "weighted", "least_used", "fill_first", "least_busy", "lowest_latency"];

describe("closestName", () => {
  it.each([
    ["stratgy", options, "strategy"],
    ["coolDownMs", options, "cooldownMs"],
    ["max_wait_ms", options, "maxWaitMs"],
    ["key", options, "keys"],
    ["lmits", options, "limits"],
    ["openia", presets, "openai"],
    ["OpenRouter", presets, "openrouter"],
    ["azure_openai", presets, "azure-openai"],
    ["gorq", presets, "groq"],
    ["antropic", presets, "anthropic"],
    ["roundrobin", strategies, "round_robin"],
    ["least-busy", strategies, "least_busy"],
    ["rnadom", strategies, "random"],
  ])("takes %s for one of %o: %s", (name, known, meant) => {
    expect(closestName(name, known)).toBe(meant);
  });

  it.each([
    ["fastest", strategies],
    ["foo", options],
    ["xx", presets],
    ["", options],
    ["___", options],
    ["retryPolicy", options],
    ["strategy", []],
  ])("has no idea what %s means among %o", (name, known) => {
    expect(closestName(name, known)).toBeUndefined();
  });

  it("does not compare long texts, which cost much and are no names", () => {
    const long = "a".repeat(33);
    expect(closestName(long, [long, "a"])).toBeUndefined();
    expect(closestName("a".repeat(31), [`${long}b`, "a".repeat(32)])).toBe("a".repeat(32));
  });

  it("takes the first of two that are as close", () => {
    expect(closestName("limit", ["limits", "limiter", "limita"])).toBe("limits");
  });
});
