import { describe, expect, it } from "vitest";
import { portOf } from "../../../src/pool/pool-port.ts";
import { invalidKey, named, RotatorWorld, storeKinds } from "./fixture.ts";

const minuteMs = 60_000;
const dead = { ...invalidKey, disableKey: true };

describe.each(storeKinds)("KeyRotator and refused credentials over $name", ({ makeStore }) => {
  it("disables a key only after three refusals in a row, each after its cooldown", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const disabled: string[] = [];
    world.rotator.on("key-disabled", ({ keyId }) => disabled.push(keyId));
    for (let refusal = 1; refusal <= 3; refusal++) {
      expect(disabled).toEqual([]);
      await world.failKey("a", dead);
      await world.advance(60 * minuteMs);
    }
    expect(disabled).toEqual(["a"]);
    expect((await world.rotator.snapshot()).keys[0]?.state).toBe("disabled");
    expect(await world.ids(3)).toEqual(["b", "b", "b"]);
  });

  it("never disables a key on a status alone, however often it is refused", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    for (let refusal = 0; refusal < 8; refusal++) {
      await world.failKey("a", { ...dead, strength: "likely" });
      await world.advance(70 * minuteMs);
    }
    expect((await world.rotator.snapshot()).keys[0]?.enabled).toBe(true);
    expect(await world.ids(2, { prefer: "a" })).toEqual(["a", "a"]);
  });

  it("forgets refusals after a success: a fresh key may need minutes to be known", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    for (let round = 0; round < 3; round++) {
      await world.failKey("a", dead);
      await world.advance(60 * minuteMs);
      await world.failKey("a", dead);
      await world.advance(60 * minuteMs);
      await world.succeed(await world.take({ prefer: "a" }));
    }
    expect((await world.rotator.snapshot()).keys[0]?.enabled).toBe(true);
  });

  it("tells the classifier of a burst of refusals, of a key's age and of its successes", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b", "c"));
    await world.succeed(await world.take({ prefer: "c" }));
    await world.advance(1000);
    await world.failKey("a", invalidKey);
    await world.failKey("b", invalidKey);
    const lease = await world.take({ prefer: "c" });
    const context = portOf(world.rotator).contextOf(lease);
    expect(context).toMatchObject({ otherKeys401Recently: 2, everSucceeded: true });
    expect(context.keyAgeMs).toBeGreaterThanOrEqual(1000);
    await world.advance(2 * minuteMs);
    expect(portOf(world.rotator).contextOf(lease).otherKeys401Recently).toBe(0);
  });

  it("counts no refusal twice that came while the key was in cooldown", async () => {
    const world = new RotatorWorld(makeStore, named("a", "b"));
    const leases = [];
    for (let count = 0; count < 6; count++) leases.push(await world.take({ prefer: "a" }));
    for (const lease of leases) if (lease.keyId === "a") await world.fail(lease, dead);
    expect((await world.rotator.snapshot()).keys[0]?.enabled).toBe(true);
  });
});
