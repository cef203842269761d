import { describe, expect, it } from "vitest";
import { createRotatingFetch, KeyRotator, RotatorClosedError } from "../../../src/index.ts";
import { newSecret, newSecrets } from "../../support/test-keys.ts";
import { readToken, rig, use } from "./fixture.ts";

describe("GET /api/explain", () => {
  it("tells which key a request would get, and why each other one is not", async () => {
    const secrets = newSecrets(3);
    const keys = [
      { id: "a", secret: secrets[0] as string, models: "small" },
      { id: "b", secret: secrets[1] as string },
      { id: "c", secret: secrets[2] as string },
    ];
    const { ask, rotator } = rig({ keys: 0, pool: { keys } });
    rotator.disable("c");
    const { data } = await ask("/api/explain?model=large", { token: readToken });
    expect(data).toMatchObject({ chosen: "b", why: "strategy", strategy: "round_robin" });
    expect(data.keys.map(({ reason }: { reason: string }) => reason)).toEqual(["not for this model", null, "disabled"]);
    expect((await ask("/api/explain?model=small&prefer=b")).data).toMatchObject({ chosen: "b", why: "preferred" });
    expect((await ask("/api/explain?account=a&model=small")).data).toMatchObject({ chosen: "a", why: "account" });
  });

  it("counts the tokens that are named", async () => {
    const { ask, rotator } = rig({ keys: 1, pool: { limits: [{ tokens: 3000 }] } });
    await rotator.acquire({ tokens: { input: 0, output: 2000 } });
    expect((await ask("/api/explain?inputTokens=10&outputTokens=10")).data.chosen).not.toBeNull();
    expect((await ask("/api/explain?inputTokens=1500&outputTokens=0")).data.chosen).toBeNull();
    expect(await ask("/api/explain?inputTokens=-1")).toMatchObject({ status: 400, field: "inputTokens" });
  });
});

describe("GET /api/forecast", () => {
  it("tells what is left of every limit", async () => {
    const { ask, rotator } = rig({ keys: 2, pool: { limits: [{ requests: 10 }] } });
    await use(rotator, 5);
    const { data } = await ask("/api/forecast", { token: readToken });
    expect(data.limits).toMatchObject([{ id: "requests-minute-rolling", limit: 20, left: 15 }]);
  });
});

describe("GET /api/channels", () => {
  it("tells of all pools how they stand", async () => {
    const second = createRotatingFetch({ provider: "openai", keys: newSecrets(2) });
    const rotators = { 1: new KeyRotator({ keys: newSecrets(3) }), eu: second.rotator };
    const { ask } = rig({ admin: { rotators, channelNames: { eu: "Europe" } } });
    const { data } = await ask("/api/channels");
    expect(data.channels).toMatchObject([
      { channel_id: 1, channel_name: "1", provider: "generic", total_keys: 3, ready: 3 },
      { channel_id: "eu", channel_name: "Europe", provider: "openai", total_keys: 2, strategy: "round_robin" },
    ]);
  });

  it("must be told the channel where there are several", async () => {
    const rotators = { 1: new KeyRotator({ keys: newSecrets(1) }), 2: new KeyRotator({ keys: newSecrets(2) }) };
    const { ask } = rig({ admin: { rotators } });
    expect(await ask("/api/keys")).toMatchObject({ status: 400, field: "channel" });
    expect((await ask("/api/keys?channel=2")).data.keys).toHaveLength(2);
  });
});

describe("an admin handler in trouble", () => {
  it("answers 503 when the keys cannot be read, and tells nothing of why", async () => {
    const secret = newSecret();
    const keys = (): never => {
      throw new Error(`vault refused ${secret}`);
    };
    const { call } = rig({ keys: 0, pool: { keys } });
    const response = await call("/api/keys");
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain(secret);
  });

  it("answers 503 when the pool is closed", async () => {
    const { ask, rotator } = rig();
    await rotator.close();
    const answer = await ask("/api/keys/0", { method: "DELETE" });
    expect(answer).toMatchObject({ status: 503, message: new RotatorClosedError().message });
  });

  it("answers 500 for what nobody foresaw, and repeats nothing of it", async () => {
    const secret = newSecret();
    const { call, rotator } = rig();
    rotator.forecast = () => Promise.reject(new TypeError(`store said ${secret}`));
    const response = await call("/api/forecast");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain(secret);
  });
});
