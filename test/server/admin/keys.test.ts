import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../../src/index.ts";
import { ok, refusal } from "../../fetch/fixture.ts";
import { newSecret, newSecrets } from "../../support/test-keys.ts";
import { readToken, rig, use } from "./fixture.ts";

describe("GET /api/keys", () => {
  it("shows the pool with every key: its id, index, mask, state and counts", async () => {
    const { ask, rotator, ids } = rig({ keys: 2, settings: { note: "a note", batch: "first" } });
    await use(rotator, 1);
    const { data } = await ask("/api/keys", { token: readToken });
    expect(data).toMatchObject({
      channel_id: 1,
      strategy: "round_robin",
      accounts: 2,
      ready: 2,
      inFlight: 0,
      waiting: 0,
    });
    expect(data.keys[0]).toMatchObject({
      id: ids[0],
      index: 0,
      ordinal: 1,
      state: "ready",
      used: 1,
      note: "a note",
      batch: "first",
    });
    expect((await ask(`/api/keys/${ids[1]}`)).data).toMatchObject({ id: ids[1], index: 1, used: 0 });
  });

  it("takes an index for an id, unless a key has it for an id", async () => {
    const secrets = newSecrets(2);
    const keys = [
      { secret: secrets[0] as string, id: "a/b c" },
      { secret: secrets[1] as string, id: "0" },
    ];
    const { ask } = rig({ keys: 0, pool: { keys } });
    expect((await ask("/api/keys/a%2Fb%20c")).data.index).toBe(0);
    expect((await ask("/api/keys/0")).data.index).toBe(1);
    expect((await ask("/api/keys/1")).data.id).toBe("0");
    expect(await ask("/api/keys/2")).toMatchObject({ status: 404, field: "key" });
  });
});

describe("POST /api/keys", () => {
  it("imports keys with their settings, and says of each what became of it", async () => {
    const { ask, secrets } = rig({ keys: 1 });
    const [fresh = "", other = ""] = newSecrets(2);
    const keys = [
      { secret: fresh, id: "mine", weight: 2, account: "org", note: "new" },
      secrets[0],
      fresh,
      other,
      "  ",
      5,
    ];
    const answer = await ask("/api/keys", { body: { keys, batch: "monday" } });
    expect(answer).toMatchObject({
      status: 200,
      data: { batch: "monday", created: 2, existed: 1, removed: 0, invalid: 2 },
    });
    const outcomes = answer.data.results.map(({ outcome }: { outcome: string }) => outcome);
    expect(outcomes).toEqual(["created", "existed", "duplicate_in_input", "created", "invalid", "invalid"]);
    const { data } = await ask("/api/keys/mine");
    expect(data).toMatchObject({ index: 1, weight: 2, account: "org", note: "new", batch: "monday" });
  });

  it("takes one text with a secret a line", async () => {
    const { ask } = rig({ keys: 1 });
    const answer = await ask("/api/keys", { body: { keys: `${newSecrets(3).join("\n")}\n`, mode: "replace" } });
    expect(answer.data).toMatchObject({ created: 3, removed: 1 });
  });

  it("changes nothing when no key among them can be used, not even to replace the list", async () => {
    const { ask, rotator } = rig({ keys: 2 });
    for (const keys of [["   "], [{ note: "no secret" }], ["with space inside", null]]) {
      const answer = await ask("/api/keys", { body: { keys, mode: "replace" } });
      expect(answer).toMatchObject({ status: 400, success: false, field: "keys" });
      expect(answer.data.results[0].outcome).toBe("invalid");
    }
    expect((await rotator.snapshot()).keys).toHaveLength(2);
  });

  it.each(["baseURL", "headers", "query", "batch", "constructor"])("lets no key say `%s`", async (name) => {
    const { ask } = rig({ keys: 1 });
    const keys = [newSecret(), { secret: newSecret(), [name]: "https://elsewhere.example" }];
    const { data } = await ask("/api/keys", { body: { keys } });
    expect(data).toMatchObject({ created: 1, invalid: 1 });
    expect(data.results[1].outcome).toBe("invalid");
  });

  it.each(["id", "account", "note"])("lets no key show its secret as its `%s`", async (name) => {
    const secret = newSecret();
    const { call } = rig({ keys: 1 });
    const response = await call("/api/keys", { body: { keys: [{ secret, [name]: `key ${secret}` }] } });
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain(secret);
  });
});

describe("PATCH /api/keys/{key}", () => {
  it("changes the settings that are named, and leaves the others", async () => {
    const { ask, ids } = rig({ settings: { weight: 3, note: "old" } });
    const body = { weight: 5, priority: 1, account: "shared", enabled: false };
    const answer = await ask(`/api/keys/${ids[1]}`, { method: "PATCH", body });
    expect(answer.data).toMatchObject({ id: ids[1], ...body, note: "old", state: "disabled" });
    expect((await ask("/api/keys/1", { method: "PATCH", body: { note: null, enabled: true } })).data).toMatchObject({
      note: null,
      enabled: true,
    });
  });

  it.each([
    [{ weight: 0 }, /weight/],
    [{ weight: "2" }, /weight/],
    [{ priority: null }, /priority/],
    [{ enabled: "yes" }, /enabled/],
    [{ secret: "x" }, /secret/],
    [{}, /body/],
  ])("names the setting that cannot be: %j", async (body, field) => {
    const { ask, rotator } = rig({ keys: 1 });
    const before = await rotator.snapshot();
    const answer = await ask("/api/keys/0", { method: "PATCH", body });
    expect(answer.status).toBe(400);
    expect(answer.field).toMatch(field);
    expect(await rotator.snapshot()).toEqual(before);
  });
});

describe("PUT /api/keys/{key}/secret", () => {
  it("gives a key a new secret; its id, index and counts stay", async () => {
    const { ask, rotator, ids } = rig({ keys: 1 });
    await use(rotator, 2);
    const secret = newSecret();
    const answer = await ask("/api/keys/0/secret", { method: "PUT", body: { secret, overlapMs: 60_000 } });
    const masked = `${secret.slice(0, 7)}...${secret.slice(-4)}`;
    expect(answer).toMatchObject({ status: 200, data: { id: ids[0], index: 0, used: 2, masked } });
    const lease = await rotator.acquire();
    expect(lease.secret).toBe(secret);
  });

  it.each([
    [{}, "secret"],
    [{ secret: 5 }, "secret"],
    [{ secret: "a secret-x", overlapMs: -1 }, "overlapMs"],
  ])("names the field at fault: %j", async (body, field) => {
    expect(await rig().ask("/api/keys/0/secret", { method: "PUT", body })).toMatchObject({ status: 400, field });
  });

  it("refuses the secret of another key", async () => {
    const { call, secrets } = rig();
    const response = await call("/api/keys/0/secret", { method: "PUT", body: { secret: secrets[1] } });
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain(secrets[1]);
  });
});

describe("DELETE /api/keys/{key}", () => {
  it("takes a key out; its index is never another's, and its own again when it comes back", async () => {
    const { ask, secrets } = rig();
    expect((await ask("/api/keys/1", { method: "DELETE" })).data.index).toBe(1);
    await ask("/api/keys", { body: { keys: [newSecret()] } });
    const indices = async () => (await ask("/api/keys")).data.keys.map(({ index }: { index: number }) => index);
    expect(await indices()).toEqual([0, 2, 3]);
    await ask("/api/keys", { body: { keys: [secrets[1]] } });
    expect(await indices()).toEqual([0, 1, 2, 3]);
    expect((await ask("/api/keys/9", { method: "DELETE" })).status).toBe(404);
  });
});

describe("POST /api/keys/check", () => {
  /** A pool whose first key is refused, over a fetch that sends the probes. */
  function probed() {
    const secrets = newSecrets(2);
    const sent: string[] = [];
    const fetch = createRotatingFetch({
      provider: "openai",
      keys: secrets.map((secret, place) => ({ id: `key-${place}`, secret })),
      fetch: async (_input, init) => {
        const authorization = new Headers(init?.headers).get("authorization") ?? "";
        sent.push(authorization);
        return authorization.endsWith(secrets[0] as string) ? refusal(401) : ok();
      },
    });
    return { sent, ...rig({ admin: { rotators: fetch.rotator } }) };
  }

  it("asks the provider about all keys, some or one", async () => {
    const { ask, sent } = probed();
    const all = await ask("/api/keys/check", { body: {} });
    expect(all).toMatchObject({ status: 200, message: "1 of 2 keys work", data: { good: 1, total: 2 } });
    expect(all.data.keys[0]).toMatchObject({ id: "key-0", verdict: "refused", status: 401 });
    expect((await ask("/api/keys/check", { body: { key_indices: [1] } })).data).toMatchObject({ good: 1, total: 1 });
    const one = await ask("/api/keys/key-1/check", { method: "POST", headers: { "content-type": "application/json" } });
    expect(one).toMatchObject({ message: "1 of 1 key works", data: { keys: [{ id: "key-1", verdict: "good" }] } });
    expect(sent).toHaveLength(4);
  });

  it("says of a probe that cannot be sent what is wrong with it", async () => {
    const { ask } = probed();
    expect(await ask("/api/keys/check", { body: { probe: { path: "" } } })).toMatchObject({
      status: 400,
      field: "probe.path",
    });
    const elsewhere = { path: "https://evil.example/models" };
    expect((await ask("/api/keys/0/check", { body: { probe: elsewhere } })).status).toBe(400);
  });

  it("says that nobody can send probes where there is no fetch", async () => {
    const { ask } = rig();
    expect(await ask("/api/keys/check", { body: {} })).toMatchObject({ status: 409, code: "conflict" });
  });
});
