import { afterEach, describe, expect, it } from "vitest";
import { defineProvider, InvalidOptionsError, KeyRotator, MemoryKeyStore } from "../../../src/index.ts";
import { homeOf, type ProviderName, providerNamed } from "../../../src/named/presets.ts";
import { keyOwner } from "../../../src/operate/keys/override-records.ts";
import type { KeyStore } from "../../../src/pool/keys/key-store.ts";
import { type Address, sentTo } from "../../../src/pool/rotator-options.ts";
import { newSecret } from "../../support/test-keys.ts";

const rotators: KeyRotator[] = [];

afterEach(async () => {
  for (const rotator of rotators.splice(0)) await rotator.close();
});

/** As another process sees what is stored: nobody here knows who else uses it. */
function elsewhere(inner: KeyStore, takesTime: boolean): KeyStore {
  const later = <T>(value: T): T => (takesTime ? (Promise.resolve(value) as T) : value);
  return {
    storesSecrets: inner.storesSecrets,
    claim: (owner) => later(inner.claim?.(owner) as string),
    load: () => later(inner.load()),
    apply: (changes, version) => later(inner.apply(changes, version)),
    watch: (listener) => inner.watch?.(listener) ?? (() => {}),
  };
}

function start(provider: ProviderName, keyStore: KeyStore, origins?: readonly string[]): KeyRotator {
  const address = origins === undefined ? undefined : { base: origins[0], own: origins.slice(1) };
  const options = { keys: [{ id: "listed", secret: newSecret() }], provider, keyStore, [sentTo]: address };
  const rotator = new KeyRotator(options);
  rotators.push(rotator);
  return rotator;
}

async function refusal(begin: () => KeyRotator): Promise<InvalidOptionsError> {
  try {
    await begin().acquire();
  } catch (error) {
    if (InvalidOptionsError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("The key store was taken");
}

describe("keyOwner", () => {
  const ofPreset = (name: string, address?: Address): string => keyOwner(providerNamed(name), homeOf, address);

  it("is the name alone for a preset that lives where it is known to", () => {
    expect(ofPreset("openai")).toBe('"openai"');
    expect(ofPreset("openai", { base: "https://eu.api.openai.com", own: [] })).toBe('"openai"');
    expect(ofPreset("generic")).toBe('"generic"');
  });

  it("has all origins where one is of the user's own, in whatever order they come", () => {
    const owner = '"generic" at https://a.example.com, https://b.example.com:8443';
    expect(ofPreset("generic", { base: "https://b.example.com:8443", own: ["https://a.example.com"] })).toBe(owner);
    expect(
      ofPreset("generic", { own: ["https://a.example.com", "https://b.example.com:8443/", "https://a.example.com"] }),
    ).toBe(owner);
    expect(ofPreset("mistral", { own: ["https://a.example.com"] })).toBe(
      '"mistral" at https://a.example.com, https://api.mistral.ai',
    );
  });

  it("tells a provider of one's own from a preset of the same name that lives elsewhere", () => {
    const gateway = defineProvider({ extends: "openai", baseURL: "https://llm.example.com/v1" });
    expect(keyOwner(gateway, homeOf)).toBe('"openai" at https://llm.example.com');
    expect(keyOwner(defineProvider({ extends: "openai", dayZone: "UTC" }), homeOf)).toBe('"openai"');
  });
});

describe("a key store that can be claimed", () => {
  for (const takesTime of [false, true]) {
    describe(takesTime ? "and takes its time" : "at once", () => {
      it("is refused to another provider's pool, which gets none of the keys", async () => {
        const shared = new MemoryKeyStore({ storeSecrets: true });
        const secret = newSecret();
        const first = start("openai", elsewhere(shared, takesTime));
        await first.snapshot();
        first.import([{ id: "imported", secret }]);
        await first.flushed();
        const before = shared.load();

        const error = await refusal(() => start("anthropic", elsewhere(shared, takesTime)));
        expect(error).toMatchObject({ code: "ERR_INVALID_OPTIONS", field: "keyStore" });
        expect(error.message).toContain('provider "anthropic"');
        expect(error.message).toContain('the keys of provider "openai"');
        expect(error.message).toContain("another pool name or file");
        expect(shared.load()).toEqual(before);

        const sibling = start("openai", elsewhere(shared, takesTime));
        const lease = await sibling.acquire({ prefer: "imported" });
        expect(lease.secret === secret).toBe(true);
        lease.settle({ outcome: "success" });
      });

      it("is neither read, watched nor written by a pool it was refused to, which can be closed", async () => {
        const shared = new MemoryKeyStore({ storeSecrets: true });
        await start("openai", elsewhere(shared, takesTime)).snapshot();
        const asked: string[] = [];
        const watched = new Proxy(elsewhere(shared, takesTime), {
          get: (store, name: keyof KeyStore) => {
            const method = store[name];
            if (typeof method !== "function") return method;
            return (...values: never[]) => {
              asked.push(name);
              return (method as (...values: never[]) => unknown)(...values);
            };
          },
        });
        const refused: KeyRotator[] = [];
        const begin = (): KeyRotator => {
          refused[0] ??= start("anthropic", watched);
          return refused[0];
        };
        await refusal(begin);
        await refusal(begin);
        for (const rotator of refused) await rotator.close();
        expect(new Set(asked)).toEqual(new Set(["claim"]));
      });
    });
  }

  it("is refused to a pool of the same provider at an address of the user's that is another", async () => {
    const shared = new MemoryKeyStore({ storeSecrets: true });
    const [one, other] = ["https://a.example.com", "https://b.example.com"] as const;
    start("generic", elsewhere(shared, false), [one, other]);
    start("generic", elsewhere(shared, false), [other, one]);
    for (const origins of [[one], [other], [one, other, "https://c.example.com"], undefined]) {
      const { message } = await refusal(() => start("generic", elsewhere(shared, false), origins));
      expect(message).toContain(`the keys of provider "generic" at ${one}, ${other}`);
    }
  });

  it("is refused at once to another pool of the same process, whatever it can", async () => {
    const { claim: _, ...simple } = elsewhere(new MemoryKeyStore(), true);
    start("openai", simple);
    expect(() => start("openai", simple, ["https://llm.example.com"])).toThrow(/"openai" at https:\/\/llm/);
    expect(() => start("openai", { ...simple, claim: true as never })).toThrow(/`keyStore.claim`/);
  });
});
