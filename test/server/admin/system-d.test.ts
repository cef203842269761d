import { describe, expect, it } from "vitest";
import { KeyRotator } from "../../../src/index.ts";
import { newSecrets } from "../../support/test-keys.ts";
import { type Answer, rig, serve, use, writeToken } from "./fixture.ts";

const headers = { authorization: `Bearer ${writeToken}`, "content-type": "application/json" };

/** The commands of the system's own manual, sent to a server that listens. */
async function gateway(options: Parameters<typeof rig>[0] = {}) {
  const made = rig(options);
  const url = await serve(made.handler);
  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(response.headers.get("cache-control")).toBe("no-store");
    return (await response.json()) as Answer;
  };
  return { ...made, url, send };
}

describe("createAdminHandler for clients of system D", () => {
  it("imports a list in place of the one there was, and names the batch", async () => {
    const { send, clock, rotator, secrets } = await gateway({ keys: 2 });
    const fresh = newSecrets(4);
    const seconds = Math.floor(clock.wall() / 1000);
    const keys = [...fresh, secrets[0]];
    const answer = await send("POST", "/api/channel/keys/import", { channel_id: 1, keys, mode: 0 });
    expect(answer).toMatchObject({ success: true, message: "Successfully imported 5 keys" });
    expect(answer.data).toMatchObject({ imported_count: 5, mode: 0, created: 4, existed: 1, removed: 1 });
    const { data } = await send("GET", "/api/channel/1/keys/details");
    expect(data).toMatchObject({ channel_id: 1, channel_name: "1", is_multi_key: true, total_keys: 5 });
    expect(data.keys.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3, 4]);
    expect(data.keys[0]).toMatchObject({ status: 1, status_text: "enabled", balance: null, usage: 0, last_used: 0 });
    expect(data.keys[0]).toMatchObject({ import_batch: `batch_${seconds}`, note: "" });
    expect((await rotator.snapshot()).keys).toHaveLength(5);
  });

  it("appends to the list, and says which keys were there", async () => {
    const { send, secrets } = await gateway({ keys: 2 });
    const [fresh] = newSecrets(1);
    const answer = await send("POST", "/api/channel/keys/import", {
      channel_id: 1,
      keys: [secrets[1], fresh, fresh],
      mode: 1,
    });
    const outcomes = answer.data.results.map(({ outcome }: { outcome: string }) => outcome);
    expect(outcomes).toEqual(["existed", "created", "duplicate_in_input"]);
    expect(answer).toMatchObject({ message: "Successfully imported 2 keys", data: { imported_count: 2, mode: 1 } });
    expect((await send("GET", "/api/channel/1/keys/stats")).data.total_keys).toBe(3);
  });

  it("masks keys and tells how often and when each was used", async () => {
    const { send, rotator, clock, secrets } = await gateway();
    await use(rotator, 4);
    const { data } = await send("GET", "/api/channel/1/keys/details");
    const [first, second] = data.keys;
    expect(first).toMatchObject({ usage: 2, last_used: Math.floor(clock.wall() / 1000) });
    expect(second.usage).toBe(1);
    const [secret = ""] = secrets;
    expect(first.key).toBe(`${secret.slice(0, 7)}...${secret.slice(-4)}`);
  });

  it("switches a key off and on by its index, and requests go round the others", async () => {
    const { send, rotator, ids } = await gateway();
    const off = await send("POST", "/api/channel/keys/toggle", { channel_id: 1, key_index: 2, enabled: false });
    expect(off).toMatchObject({ success: true, message: "Key 2 disabled", data: { index: 2, id: ids[2], status: 2 } });
    expect(await use(rotator, 4)).toEqual([ids[0], ids[1], ids[0], ids[1]]);
    const { data } = await send("GET", "/api/channel/1/keys/details");
    expect(data.keys[2]).toMatchObject({ status: 2, status_text: "disabled" });
    await send("POST", "/api/channel/keys/toggle", { channel_id: 1, key_index: 2, enabled: true });
    expect(new Set(await use(rotator, 3))).toEqual(new Set(ids));
  });

  it("goes round the enabled keys from key 0 on", async () => {
    const { rotator, ids } = await gateway();
    expect(await use(rotator, 4)).toEqual([ids[0], ids[1], ids[2], ids[0]]);
  });

  it("switches several keys at once", async () => {
    const { send } = await gateway({ keys: 6 });
    const answer = await send("POST", "/api/channel/keys/batch-toggle", {
      channel_id: 1,
      key_indices: [3, 4, 5],
      enabled: false,
    });
    expect(answer).toMatchObject({
      message: "Successfully disabled 3 keys",
      data: { updated_count: 3, enabled: false },
    });
    const { data } = await send("GET", "/api/channel/1/keys/stats");
    expect(data).toMatchObject({
      total_keys: 6,
      enabled_keys: 3,
      disabled_keys: 3,
      is_multi_key: true,
      selection_mode: 0,
    });
  });

  it("switches no key when one of several is not there", async () => {
    const { send, url } = await gateway();
    const body = JSON.stringify({ channel_id: 1, key_indices: [0, 99], enabled: false });
    const response = await fetch(`${url}/api/channel/keys/batch-toggle`, { method: "POST", headers, body });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ success: false, field: "key_indices[1]" });
    expect((await send("GET", "/api/channel/1/keys/stats")).data.enabled_keys).toBe(3);
  });

  it("switches all keys of one import", async () => {
    const { send, clock } = await gateway({ keys: 1 });
    await send("POST", "/api/channel/keys/import", { channel_id: 1, keys: newSecrets(2), mode: 1 });
    const batch = `batch_${Math.floor(clock.wall() / 1000)}`;
    const off = { channel_id: 1, batch_id: batch, enabled: false };
    expect((await send("POST", "/api/channel/keys/batch-toggle-by-batch", off)).data.updated_count).toBe(2);
    expect((await send("GET", "/api/channel/1/keys/stats")).data).toMatchObject({ enabled_keys: 1, disabled_keys: 2 });
    const on = await send("POST", "/api/channel/keys/batch-toggle-by-batch", { ...off, enabled: true });
    expect(on.message).toBe("Successfully enabled 2 keys");
    const other = await send("POST", "/api/channel/keys/batch-toggle-by-batch", { ...off, batch_id: "batch_0" });
    expect(other).toMatchObject({ success: false, data: null, code: "not_found", field: "batch_id" });
  });

  it("switches the same key by an index after the list was edited", async () => {
    const { send, rotator, ids } = await gateway();
    rotator.remove(ids[0] as string);
    await send("POST", "/api/channel/keys/toggle", { channel_id: 1, key_index: 1, enabled: false });
    const { keys } = await rotator.snapshot();
    expect(keys.map(({ id, enabled }) => [id, enabled])).toEqual([
      [ids[1], false],
      [ids[2], true],
    ]);
  });

  it("takes the stable id in place of an index", async () => {
    const { send, rotator, ids } = await gateway();
    await send("POST", "/api/channel/keys/toggle", { channel_id: 1, key_id: ids[0], enabled: false });
    await send("POST", "/api/channel/keys/batch-toggle", { channel_id: 1, key_ids: [ids[1]], enabled: false });
    expect((await rotator.snapshot()).keys.map(({ enabled }) => enabled)).toEqual([false, false, true]);
  });

  it("knows channels by numbers, and by any other text", async () => {
    const rotators = { 7: new KeyRotator({ keys: newSecrets(1) }), "eu/west": new KeyRotator({ keys: newSecrets(2) }) };
    const { send } = await gateway({ admin: { rotators, channelNames: { 7: "first" } } });
    expect((await send("GET", "/api/channel/7/keys/details")).data).toMatchObject({
      channel_id: 7,
      channel_name: "first",
    });
    const { data } = await send("GET", "/api/channel/eu%2Fwest/keys/details");
    expect(data).toMatchObject({ channel_id: "eu/west", channel_name: "eu/west", total_keys: 2 });
    const body = { channel_id: "7", key_index: 0, enabled: false };
    expect((await send("POST", "/api/channel/keys/toggle", body)).success).toBe(true);
    expect(await send("POST", "/api/channel/keys/toggle", { ...body, channel_id: 1 })).toMatchObject({
      field: "channel_id",
    });
    expect(await send("POST", "/api/channel/keys/toggle", { key_index: 0, enabled: true })).toMatchObject({
      code: "bad_request",
      field: "channel_id",
    });
  });

  it("switches polling to random and back", async () => {
    const { send, rotator } = await gateway();
    const settings = { channel_id: 1, is_multi_key: true, key_selection_mode: 1 };
    const answer = await send("PUT", "/api/channel/multi-key/settings", settings);
    expect(answer.data).toEqual({ channel_id: 1, is_multi_key: true, selection_mode: 1, strategy: "random" });
    expect((await rotator.explain()).strategy).toBe("random");
    await send("PUT", "/api/channel/multi-key/settings", { ...settings, key_selection_mode: 0 });
    expect((await send("GET", "/api/channel/1/keys/stats")).data).toMatchObject({
      selection_mode: 0,
      strategy: "round_robin",
    });
  });

  it("uses the first enabled key as long as it can serve while a channel is not multi-key", async () => {
    const { send, rotator, ids } = await gateway();
    const answer = await send("PUT", "/api/channel/multi-key/settings", { channel_id: 1, is_multi_key: false });
    expect(answer.data).toMatchObject({ is_multi_key: false, selection_mode: 0, strategy: "fill_first" });
    expect(await use(rotator, 3)).toEqual([ids[0], ids[0], ids[0]]);
    await rotator.cooldown(ids[0] as string, 60_000);
    expect(await use(rotator, 2)).toEqual([ids[1], ids[1]]);
    await send("PUT", "/api/channel/multi-key/settings", { channel_id: 1, is_multi_key: true });
    expect((await send("GET", "/api/channel/1/keys/stats")).data).toMatchObject({
      is_multi_key: true,
      strategy: "round_robin",
    });
  });
});

describe("createAdminHandler for system D's monitor", () => {
  /** What the script reads every five minutes, and when it warns. */
  async function warns(url: string): Promise<boolean> {
    const response = await fetch(`${url}/api/channel/1/keys/stats`, {
      headers: { Authorization: `Bearer ${writeToken}` },
    });
    const { data } = (await response.json()) as Answer;
    return data["enabled_keys"] / data["total_keys"] < 0.5;
  }

  it("warns when fewer than half of the keys are enabled", async () => {
    const { url, send } = await gateway({ keys: 4 });
    expect(await warns(url)).toBe(false);
    await send("POST", "/api/channel/keys/batch-toggle", { channel_id: 1, key_indices: [0, 1], enabled: false });
    expect(await warns(url)).toBe(false);
    await send("POST", "/api/channel/keys/toggle", { channel_id: 1, key_index: 2, enabled: false });
    expect(await warns(url)).toBe(true);
  });
});
