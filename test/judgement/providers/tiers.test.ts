import { AllKeysExhaustedError, createRotatingFetch, defineProvider, type RotatingFetchOptions } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { type ProviderName, providers } from "../../../src/named/presets.ts";
import { newSecret } from "../../testing/emulator/fixture.ts";

const published = providers.flatMap(({ name, tiers = {} }) => Object.keys(tiers).map((tier) => [name, tier] as const));

const tierOf = (provider: string, tier: string) =>
  defineProvider({ extends: provider as ProviderName }).tiers?.[tier] ?? [];

const baseURL = "https://api.example.test/v1";

const poolOf = (provider: string, options: Partial<RotatingFetchOptions> = {}) =>
  createRotatingFetch({ provider: provider as ProviderName, keys: [newSecret()], baseURL, ...options }).rotator;

describe("Provider.tiers", () => {
  it.each(published)("of %s has a tier %s that can be named", async (provider, tier) => {
    const limits = tierOf(provider, tier);
    const [key] = (await poolOf(provider, { tier }).snapshot()).keys;
    expect(limits.length).toBeGreaterThan(0);
    expect(key?.limits.map(({ limit }) => limit)).toEqual(limits.map(({ requests }) => requests));
  });

  it.each(published)("of %s does not apply %s by itself", async (provider) => {
    const [key] = (await poolOf(provider).snapshot()).keys;
    expect(key?.limits).toEqual([]);
  });

  it("lets an account send no more than its tier allows", async () => {
    const rotator = poolOf("fireworks", { tier: "no-payment-method" });
    for (let sent = 0; sent < 10; sent++) await rotator.acquire({ maxWaitMs: 0 });
    await expect(rotator.acquire({ maxWaitMs: 0 })).rejects.toThrow(AllKeysExhaustedError);
  });

  it("gives way to a limit of the same id", async () => {
    const limits = [{ id: "requests-minute-rolling", requests: 7 }];
    const [key] = (await poolOf("fireworks", { tier: "no-payment-method", limits }).snapshot()).keys;
    expect(key?.limits.map(({ limit }) => limit)).toEqual([7]);
  });

  it.each([
    ["fireworks", "enterprise", /^Expected `tier` to be one of "no-payment-method", .* got `enterprise`/],
    ["openai", "tier-1", /^Expected `tier` to be absent: no limits are published .* provider "openai"/],
  ])("of %s are told when %s is none", (provider, tier, message) => {
    expect(() => poolOf(provider, { tier })).toThrow(message);
  });
});
