import { describe, expect, it } from "vitest";
import { KeySourceError } from "../../../src/errors.ts";
import type { KeyConfig } from "../../../src/pool/keys/key-config.ts";
import { expectNoSecrets } from "../../../src/testing/expect-no-secrets.ts";
import type { DynamicSecret } from "../../../src/types.ts";
import { newSecret } from "../../support/test-keys.ts";
import { invalidKey, named, RotatorWorld, rateLimit, settled, storeKinds } from "./fixture.ts";

function dynamicKey(id: string, read: () => string | DynamicSecret | Promise<string | DynamicSecret>): KeyConfig {
  return { id, secret: read };
}

describe.each(storeKinds)("KeyRotator with secrets that are fetched over $name", ({ makeStore }) => {
  it("fetches a secret when it is needed and keeps it until it expires", async () => {
    let reads = 0;
    const world: RotatorWorld = new RotatorWorld(makeStore, [
      dynamicKey("a", async () => ({ secret: `${newSecret()}-${++reads}`, expiresAt: world.clock.wall() + 60_000 })),
    ]);
    expect(reads).toBe(0);
    const first = await world.take();
    const second = await world.take();
    expect([reads, first.secret === second.secret]).toEqual([1, true]);
    await world.advance(59_999);
    await world.take();
    expect(reads).toBe(1);
    await world.advance(1);
    const third = await world.take();
    expect([reads, third.secret.endsWith("-2")]).toEqual([2, true]);
  });

  it("fetches a secret without an end each time, once for all who wait", async () => {
    let reads = 0;
    const world = new RotatorWorld(makeStore, [
      dynamicKey("a", async () => {
        reads++;
        await settled();
        return newSecret();
      }),
    ]);
    const leases = await Promise.all([world.take(), world.take(), world.take()]);
    expect(new Set(leases.map(({ secret }) => secret)).size).toBe(1);
    expect(reads).toBe(1);
    await world.take();
    expect(reads).toBe(2);
  });

  it.each([
    ["fails", () => Promise.reject(new Error("no token today"))],
    [
      "throws",
      () => {
        throw new Error("no token today");
      },
    ],
    ["returns nothing", () => undefined as never],
    ["returns a blank string", () => "  "],
  ])("moves on when a secret's function %s, takes nothing and tells", async (_, read) => {
    const world = new RotatorWorld(makeStore, [dynamicKey("a", read), ...named("b")], { limits: [{ requests: 9 }] });
    const told: unknown[] = [];
    world.rotator.on("internal-error", ({ part, error }) => told.push([part, error instanceof KeySourceError]));
    expect(await world.ids(2)).toEqual(["b", "b"]);
    expect(told).toEqual([["secret", true]]);
    await settled();
    const { keys } = await world.rotator.snapshot();
    expect([keys[0]?.limits[0]?.used, world.rotator.inFlight]).toEqual([0, 0]);
  });

  it.each<[string, (secret: string, wall: number) => unknown, RegExp]>([
    ["as text", (_, wall) => String(wall), /got string$/],
    ["as the secret itself", (secret) => secret, /got string$/],
    ["as a Date", (_, wall) => new Date(wall), /got a Date; use its `getTime\(\)`$/],
    ["as no number", () => Number.NaN, /got `NaN` \(number\)$/],
    ["as endless", () => Number.POSITIVE_INFINITY, /got `Infinity` \(number\)$/],
    ["in seconds since the epoch", () => 1_790_000_000, /got `1790000000` \(number\), which looks like seconds$/],
    ["in seconds from now", () => 3600, /got `3600` \(number\), which looks like seconds$/],
  ])("moves on when a secret's end is given %s, and says what was expected", async (_, write, message) => {
    const secret = newSecret();
    const read = (): DynamicSecret => ({ secret, expiresAt: write(secret, world.clock.wall()) as number });
    const world: RotatorWorld = new RotatorWorld(makeStore, [dynamicKey("a", read), ...named("b")]);
    const told: unknown[] = [];
    world.rotator.on("internal-error", ({ error }) => told.push(error));
    expect(await world.ids(2)).toEqual(["b", "b"]);
    expect(told).toHaveLength(1);
    expect(told[0]).toBeInstanceOf(KeySourceError);
    expect((told[0] as Error).message).toMatch(/^Expected `expiresAt` .* to be epoch milliseconds such as/);
    expect((told[0] as Error).message).toMatch(message);
    expectNoSecrets(told, [secret]);
  });

  it("asks a function that failed again after a while", async () => {
    let isDown = true;
    const world = new RotatorWorld(makeStore, [
      dynamicKey("a", () => {
        if (isDown) throw new Error("no token today");
        return newSecret();
      }),
    ]);
    await world.exhausted();
    isDown = false;
    await world.advance(1100);
    expect((await world.take({ maxWaitMs: 0 })).keyId).toBe("a");
  });

  it("fetches again at once when the provider refused the secret", async () => {
    const secrets = [newSecret(), newSecret()];
    let reads = 0;
    const read = () => ({ secret: secrets[reads++] as string, expiresAt: world.clock.wall() + 3_600_000 });
    const world: RotatorWorld = new RotatorWorld(makeStore, [dynamicKey("a", read)]);
    await world.failKey("a", invalidKey);
    const lease = await world.take({ maxWaitMs: 0 });
    expect([reads, lease.secret === secrets[1]]).toEqual([2, true]);
  });

  it("does not go on with the same refused secret", async () => {
    const secret = newSecret();
    const world: RotatorWorld = new RotatorWorld(makeStore, [
      dynamicKey("a", () => ({ secret, expiresAt: world.clock.wall() + 3_600_000 })),
    ]);
    let attempts = 0;
    for (; attempts < 10; attempts++) {
      const lease = await world.take({ maxWaitMs: 0 }).catch(() => undefined);
      if (lease === undefined) break;
      await world.fail(lease, invalidKey);
    }
    expect(attempts).toBeLessThanOrEqual(2);
    expect((await world.exhausted()).status).toBe(401);
  });

  it("shows no secret in events, errors, snapshots, explanations, leases and logs", async () => {
    const secrets = [newSecret(), newSecret(), newSecret()] as const;
    const lines: unknown[] = [];
    const log = (message: string, details?: object) => lines.push([message, details]);
    const world = new RotatorWorld(
      makeStore,
      [{ id: "a", secret: secrets[0] }, secrets[1], dynamicKey("c", () => secrets[2])],
      { logger: { debug: log, info: log, warn: log, error: log } },
    );
    const leases = [await world.take(), await world.take(), await world.take()];
    for (const lease of leases) await world.fail(lease, rateLimit(5000));
    const error = await world.exhausted();
    world.rotator.disable("a");
    world.rotator.remove("c");
    const shown = [lines, error, await world.rotator.explain(), String(world.rotator)];
    expectNoSecrets(shown, secrets);
    expectNoSecrets(
      leases.map((lease) => JSON.stringify(lease)),
      secrets,
    );
    expect(lines.length).toBeGreaterThan(5);
  });
});
