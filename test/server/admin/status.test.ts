import { describe, expect, it } from "vitest";
import { KeyRotator } from "../../../src/index.ts";
import { newSecret } from "../../support/test-keys.ts";
import { readToken, rig, use } from "./fixture.ts";

const masked = (secret = ""): string => `${secret.slice(0, 7)}...${secret.slice(-4)}`;

async function json(response: Response): Promise<unknown> {
  expect(response.status).toBe(200);
  return response.json();
}

describe("GET /health", () => {
  it("tells everybody that the process answers, when and in which version", async () => {
    const { call, clock } = rig({ admin: { version: "1.0.0" } });
    const timestamp = new Date(clock.wall()).toISOString();
    expect(await json(await call("/health", { token: null }))).toEqual({ status: "ok", timestamp, version: "1.0.0" });
  });

  it("stays well while all keys rest, or the process would be restarted for it", async () => {
    const { call, rotator, ids } = rig({ keys: 1 });
    await rotator.cooldown(ids[0] as string, 60_000);
    expect(await json(await call("/health", { token: null }))).toMatchObject({ status: "ok" });
  });
});

describe("GET /stats", () => {
  it("tells by masked key whether it is in use, how often and when it was", async () => {
    const { call, rotator, clock, secrets, ids } = rig({ keys: 2 });
    await use(rotator, 1);
    await rotator.cooldown(ids[1] as string, 60_000);
    expect(await json(await call("/stats", { token: readToken }))).toEqual({
      [masked(secrets[0])]: { healthy: true, last_used: new Date(clock.wall()).toISOString(), requests: 1 },
      [masked(secrets[1])]: { healthy: false, last_used: null, requests: 0 },
    });
  });

  it("tells apart keys whose masks are the same", async () => {
    const secret = newSecret();
    const twin = `${secret.slice(0, 10)}${newSecret().slice(5, 26)}${secret.slice(-6)}`;
    const { call } = rig({ keys: 0, pool: { keys: [secret, twin] } });
    const names = Object.keys((await json(await call("/stats"))) as object);
    expect(names).toEqual([masked(secret), `${masked(twin)} #2`]);
  });
});

describe("GET /api/v1/keys/status", () => {
  const limits = [{ requests: 20 }, { requests: 200, per: "day", window: "calendar" }] as const;

  it("tells for each key what is used and left of its minute and day, and in how many seconds that ends", async () => {
    const { call, rotator, secrets, clock } = rig({ keys: 1, pool: { limits } });
    expect(await json(await call("/api/v1/keys/status"))).toEqual({
      keys: [
        {
          key: masked(secrets[0]),
          minute: { used: 0, remaining: 20, resetIn: null },
          day: { used: 0, remaining: 200, resetIn: null },
          available: true,
        },
      ],
    });
    await use(rotator, 15);
    await clock.advance(10_000);
    const { keys } = (await json(await call("/api/v1/keys/status"))) as { keys: { minute: unknown; day: unknown }[] };
    expect(keys[0]).toMatchObject({
      minute: { used: 15, remaining: 5 },
      day: { used: 15, remaining: 185, resetIn: 86_390 },
    });
  });

  it("is not available while a window is used up", async () => {
    const { call, rotator } = rig({ keys: 1, pool: { limits } });
    await use(rotator, 20);
    const { keys } = (await json(await call("/api/v1/keys/status"))) as { keys: unknown[] };
    expect(keys[0]).toMatchObject({
      available: false,
      minute: { used: 20, remaining: 0, resetIn: expect.any(Number) },
    });
  });

  it("shows a cooldown as a used-up minute, or day where it is longer", async () => {
    const { call, rotator, ids } = rig({ keys: 2, pool: { limits } });
    await rotator.cooldown(ids[0] as string, 60_000);
    await rotator.cooldown(ids[1] as string, 3_600_000);
    const { keys } = (await json(await call("/api/v1/keys/status"))) as { keys: unknown[] };
    expect(keys[0]).toMatchObject({ available: false, minute: { remaining: 0, resetIn: 60 }, day: { remaining: 200 } });
    expect(keys[1]).toMatchObject({
      available: false,
      minute: { remaining: 20 },
      day: { remaining: 0, resetIn: 3600 },
    });
  });

  it("says that nothing is counted where no limit is declared", async () => {
    const { call } = rig({ keys: 1 });
    const { keys } = (await json(await call("/api/v1/keys/status"))) as { keys: unknown[] };
    expect(keys[0]).toMatchObject({ minute: { used: 0, remaining: null, resetIn: null }, available: true });
  });
});

describe.each(["/stats", "/api/v1/keys/status"])("publicStatus and %s", (path) => {
  it("closes it without a token unless the operator opened it", async () => {
    expect((await rig().call(path, { token: null })).status).toBe(401);
    expect((await rig({ admin: { publicStatus: true } }).call(path, { token: null })).status).toBe(200);
  });

  it("shows the keys of all channels, or of one", async () => {
    const rotators = {
      1: new KeyRotator({ keys: [newSecret()] }),
      2: new KeyRotator({ keys: [newSecret(), newSecret()] }),
    };
    const { call } = rig({ admin: { rotators } });
    const count = async (query: string): Promise<number> => {
      const body = (await json(await call(`${path}${query}`))) as { keys?: unknown[] };
      return body.keys?.length ?? Object.keys(body).length;
    };
    expect([await count(""), await count("?channel=2")]).toEqual([3, 2]);
  });
});
