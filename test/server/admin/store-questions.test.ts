import { beforeAll, describe, expect, it } from "vitest";
import { MemoryStore, type Store } from "../../../src/index.ts";
import { rig as makeRig, type Rig } from "./fixture.ts";

const poolSize = 5000;
/** So many keys are asked for at once. */
const keysPerRead = 500;

/** Counts what a store over a network would be asked: each is a way there and back. */
class CountingStore extends MemoryStore {
  readonly asked = { read: 0, scopes: 0, reserve: 0, cooldown: 0 };

  override read(...question: Parameters<Store["read"]>): ReturnType<MemoryStore["read"]> {
    this.asked.read++;
    this.asked.scopes += question[0].length;
    return super.read(...question);
  }

  override reserve(...question: Parameters<Store["reserve"]>): ReturnType<MemoryStore["reserve"]> {
    this.asked.reserve++;
    return super.reserve(...question);
  }

  override cooldown(...question: Parameters<Store["cooldown"]>): ReturnType<MemoryStore["cooldown"]> {
    this.asked.cooldown++;
    return super.cooldown(...question);
  }
}

describe(`What a store is asked by operators of ${poolSize} keys`, () => {
  let store: CountingStore;
  let rig: Rig;

  beforeAll(() => {
    store = new CountingStore();
    rig = makeRig({ keys: poolSize, pool: { store, limits: [{ requests: 20, per: "minute" }] } });
  });

  /** What one call asks of the store. */
  async function askedBy(path: string, init?: Parameters<Rig["ask"]>[1]): Promise<CountingStore["asked"]> {
    Object.assign(store.asked, { read: 0, scopes: 0, reserve: 0, cooldown: 0 });
    expect((await rig.ask(path, init)).status).toBe(200);
    return { ...store.asked };
  }

  it("is one key's part for a switch, whichever call makes it", async () => {
    const path = `/api/keys/${rig.ids[7]}`;
    const off = await askedBy(path, { method: "PATCH", body: { enabled: false } });
    expect(off).toMatchObject({ read: 1, reserve: 0 });
    expect(off.scopes).toBeLessThan(10);
    const on = await askedBy("/api/channel/keys/toggle", { body: { channel_id: "1", key_index: 7, enabled: true } });
    expect(on).toEqual({ read: 0, scopes: 0, reserve: 0, cooldown: 1 });
  });

  it("is nothing for the keys an edit, a removal or a batch leaves alone", async () => {
    const note = await askedBy(`/api/keys/${rig.ids[3]}`, { method: "PATCH", body: { note: "x" } });
    expect(note).toMatchObject({ read: 1, cooldown: 0 });
    expect(note.scopes).toBeLessThan(10);
    expect(await askedBy(`/api/keys/${rig.ids[4]}`, { method: "DELETE" })).toMatchObject({ read: 0, cooldown: 0 });
    const some = { channel_id: "1", key_indices: [10, 11, 12], enabled: false };
    expect(await askedBy("/api/channel/keys/batch-toggle", { body: some })).toMatchObject({ read: 0, cooldown: 0 });
    expect(await askedBy("/api/channel/1/keys/stats")).toMatchObject({ read: 0 });
  });

  it("is one question for some hundred keys in a list", async () => {
    for (const path of ["/api/keys", "/api/channel/1/keys/details", "/api/v1/keys/status"]) {
      expect((await askedBy(path)).read).toBe(poolSize / keysPerRead);
    }
  });

  it("is asked once for what keys share", async () => {
    const { scopes } = await askedBy("/api/keys");
    // A key's own three; the address they leave from once a question.
    expect(scopes).toBe((poolSize - 1) * 3 + poolSize / keysPerRead);
  });
});
