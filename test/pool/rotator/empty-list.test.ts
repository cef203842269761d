import { describe, expect, it } from "vitest";
import { AllKeysExhaustedError, KeyRotator, MemoryKeyStore } from "../../../src/index.ts";

describe("an empty list of keys", () => {
  it("is refused where nobody could bring any", () => {
    expect(() => new KeyRotator({ keys: [] })).toThrow(/`keys` to be at least one key/);
  });

  it("may be a beginning where operators bring them", async () => {
    const rotator = new KeyRotator({ keys: [], keyStore: new MemoryKeyStore({ storeSecrets: true }) });
    const early: unknown = await Promise.resolve(rotator.acquire()).catch((error: unknown) => error);
    expect(AllKeysExhaustedError.isInstance(early) && early.status).toBe(503);
    rotator.import(["test-first-secret", "test-second-secret"], { mode: "replace" });
    const lease = await rotator.acquire();
    expect(lease.ordinal).toBe(1);
    lease.settle({ outcome: "success" });
  });
});

describe("a key store", () => {
  it("is refused to a pool of another provider, which its keys must not be sent to", () => {
    const keyStore = new MemoryKeyStore({ storeSecrets: true });
    new KeyRotator({ keys: ["test-secret-of-one"], provider: "openai", keyStore });
    const other = (): KeyRotator => new KeyRotator({ keys: ["test-secret-of-two"], provider: "groq", keyStore });
    expect(other).toThrow(/`keyStore` to be one of this pool alone.*"openai"/);
  });
});
