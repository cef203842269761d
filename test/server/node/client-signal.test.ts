import { describe, expect, it } from "vitest";
import { ClientSignal } from "../../../src/server/node/client-signal.ts";

function counted() {
  const heard: string[] = [];
  return { heard, as: (name: string) => () => void heard.push(name) };
}

describe("ClientSignal", () => {
  it("tells everybody who listens once, with the first reason", () => {
    const { heard, as } = counted();
    const signal = new ClientSignal();
    signal.addEventListener("abort", as("function"));
    signal.addEventListener("abort", { handleEvent: as("object") });
    signal.abort("first");
    signal.abort("second");
    expect(heard).toEqual(["function", "object"]);
    expect(signal).toMatchObject({ aborted: true, reason: "first" });
    expect(() => signal.throwIfAborted()).toThrow("first");
  });

  it("tells a listener that was added twice once, and nobody who came too late", () => {
    const { heard, as } = counted();
    const signal = new ClientSignal();
    const listener = as("twice");
    signal.addEventListener("abort", listener);
    signal.addEventListener("abort", listener);
    signal.abort("gone");
    signal.addEventListener("abort", as("late"));
    expect(heard).toEqual(["twice"]);
  });

  it("tells nobody who was taken away, not even by another listener", () => {
    const { heard, as } = counted();
    const signal = new ClientSignal();
    const [one, other] = [as("one"), as("other")];
    signal.addEventListener("abort", one);
    signal.addEventListener("abort", () => signal.removeEventListener("abort", other));
    signal.addEventListener("abort", other);
    signal.removeEventListener("abort", one);
    signal.removeEventListener("abort", as("unknown"));
    signal.abort("gone");
    expect(heard).toEqual([]);
  });
});
