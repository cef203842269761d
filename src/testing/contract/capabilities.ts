import { isDumpable } from "../../limits/store.ts";
import type { Awaitable } from "../../types.ts";
import { check, checkEqual } from "./assertions.ts";
import type { Claims } from "./claims.ts";
import { type ContractSuite, candidate } from "./contract-world.ts";

/** A method that nobody claims is a method that nobody tests. */
export function claimsContract({ test }: ContractSuite, claims: Claims): void {
  test("has what it claims, and claims what it has", async ({ store }) => {
    const has = (...names: readonly ("watch" | "pins" | "claim")[]): boolean[] =>
      names.map((name) => store[name] !== undefined);
    checkEqual(isDumpable(store), claims.dumps, "dump() and load() of what says `dumps` or does not");
    checkEqual(has("pins"), [claims.pins], "pins of what says `pins` or does not");
    checkEqual(has("claim"), [claims.claims], "claim() of what says `claims` or does not");
    const watches = claims.watches || claims.shared;
    checkEqual(has("watch"), [watches], "watch() of what says `watches` or `shared`, or does not");
    checkEqual("renew" in store, claims.shared, "renew() of what says `shared` or does not");
    check(store.clock === undefined || claims.synchronous, "a store with a `clock` to be `synchronous`");
  });
}

export function synchronousContract({ test }: ContractSuite): void {
  test("answers everything at once", async ({ store }) => {
    const options = { leaseMs: 1000, purpose: "request" } as const;
    const atOnce = <T>(answer: Awaitable<T>, from: string): T => {
      const isPromise = typeof (answer as { then?: unknown } | undefined)?.then === "function";
      check(!isPromise, `${from}() of what says \`synchronous\` to answer at once, got a promise`);
      return answer as T;
    };
    const reservation = atOnce(store.reserve([candidate("a")], options), "reserve");
    check(reservation.granted, "a candidate that needs nothing to be granted");
    atOnce(store.settle([{ reservation, outcome: "success", sent: "yes" }]), "settle");
    atOnce(store.cooldown([]), "cooldown");
    atOnce(store.read([], []), "read");
  });
}
