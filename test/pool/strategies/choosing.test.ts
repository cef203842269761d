import { describe, expect, it } from "vitest";
import { fromChoice } from "../../../src/pool/strategies/choosing.ts";
import type { ChoosingStrategy } from "../../../src/pool/strategies/strategy.ts";
import { orderOf, picks } from "./fixture.ts";

function chosenBy(choose: ChoosingStrategy["choose"]) {
  const failures: unknown[] = [];
  const strategy = fromChoice({ name: "mine", choose }, (error) => failures.push(error));
  return { world: orderOf(strategy, 3), failures };
}

describe("fromChoice", () => {
  it("uses the key that was chosen", () => {
    const { world, failures } = chosenBy((ready) => ready.find(({ id }) => id === "key-2"));
    expect([picks(world, 2), failures]).toEqual([[2, 2], []]);
  });

  it("shows only what is ready, and no secret", () => {
    const seen: unknown[] = [];
    const { world } = chosenBy((ready) => {
      seen.push(...ready.map(({ id }) => id));
      expect(ready.every((key) => !("secret" in key))).toBe(true);
      return ready[0];
    });
    world.order.remove(1);
    picks(world, 1);
    expect(seen).toEqual(["key-0", "key-2"]);
  });

  it("goes on in turn when the choice throws, and tells", () => {
    const { world, failures } = chosenBy(() => {
      throw new Error("my own mistake");
    });
    expect(picks(world, 4)).toEqual([0, 1, 2, 0]);
    expect(failures).toHaveLength(4);
    expect(failures[0]).toMatchObject({ message: "my own mistake" });
  });

  it.each([
    ["nothing", () => undefined],
    ["a key that is not ready", () => ({ id: "key-9" }) as never],
    ["something else", () => 5 as never],
    ["null", () => null as never],
  ])("goes on in turn when the choice is %s, and tells which strategy it was", (_, choose) => {
    const { world, failures } = chosenBy(choose);
    expect(picks(world, 2)).toEqual([0, 1]);
    expect(String(failures[0])).toContain("mine");
  });
});
