import { describe, it } from "vitest";
import { MemoryStore } from "../../../src/limits/memory/memory-store.ts";
import { storeContract } from "../../../src/testing/store-contract.ts";

describe("MemoryStore", () => {
  storeContract(
    { describe, it },
    ({ clock, random }) => ({
      store: new MemoryStore({ clock, random }),
      advance: (ms) => clock.advance(ms),
    }),
    { capabilities: { synchronous: true, dumps: true, watches: true, pins: true, claims: true } },
  );
});
