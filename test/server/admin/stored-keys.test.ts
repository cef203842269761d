import { describe, expect, it } from "vitest";
import { MemoryKeyStore } from "../../../src/stores/memory-key-store.ts";
import { newSecrets } from "../../support/test-keys.ts";
import { rig } from "./fixture.ts";

describe("an admin handler over stored keys", () => {
  it("answers when a change is stored, and says when it cannot be", async () => {
    const keyStore = new MemoryKeyStore();
    const { ask, rotator } = rig({ keys: 2, pool: { keyStore } });
    const off = { channel_id: 1, key_index: 0, enabled: false };
    expect((await ask("/api/channel/keys/toggle", { body: off })).status).toBe(200);
    expect((await keyStore.load()).records).toHaveLength(2);
    keyStore.apply = () => {
      throw new Error("disk full at /secret/place");
    };
    const answer = await ask("/api/keys/1", { method: "PATCH", body: { weight: 2 } });
    expect(answer).toMatchObject({ status: 500, success: false, code: "not_stored" });
    expect(answer.message).not.toContain("disk full");
    expect((await rotator.snapshot()).keys[1]?.weight).toBe(2);
  });

  it("says of what needs keys that they cannot be read, or are another provider's", async () => {
    const failing = new MemoryKeyStore();
    failing.load = (() => Promise.reject(new Error("down at /secret/place"))) as unknown as typeof failing.load;
    const others = new MemoryKeyStore();
    others.claim = (() => Promise.resolve('"another provider"')) as unknown as typeof others.claim;
    for (const [keyStore, message] of [
      [failing, "could not be read"],
      [others, "another provider"],
    ] as const) {
      const { ask } = rig({ keys: 1, pool: { keyStore } });
      for (const init of [{}, { method: "PATCH", body: { weight: 2 } }]) {
        const answer = await ask("/api/keys/1", init);
        expect(answer).toMatchObject({ status: 503, success: false, code: "unavailable" });
        expect(answer.message).toContain(message);
        expect(answer.message).not.toContain("/secret/place");
      }
    }
  });

  it("says of a key whose secret nobody kept why it stays off", async () => {
    const keyStore = new MemoryKeyStore();
    const first = rig({ keys: 1, pool: { keyStore } });
    const [imported = ""] = newSecrets(1);
    await first.ask("/api/keys", { body: { keys: [imported] } });
    const { ask } = rig({ keys: 1, pool: { keyStore } });
    const { data } = await ask("/api/channel/1/keys/details");
    const unknown = data.keys.find(({ index }: { index: number }) => index === 1);
    expect(unknown).toMatchObject({ key: null, status: 2, disabled_reason: "secret unknown" });
    const on = { channel_id: 1, key_index: 1, enabled: true };
    expect(await ask("/api/channel/keys/toggle", { body: on })).toMatchObject({ status: 409, code: "conflict" });
    const several = { channel_id: 1, key_indices: [1], enabled: true };
    expect((await ask("/api/channel/keys/batch-toggle", { body: several })).data.updated_count).toBe(0);
    await ask("/api/keys", { body: { keys: [imported] } });
    expect((await ask("/api/keys/1")).data).toMatchObject({ enabled: true, state: "ready" });
  });
});
