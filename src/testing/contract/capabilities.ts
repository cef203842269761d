import type { Awaitable } from "../../types.ts";
import { check, checkEqual } from "./assertions.ts";
import { type ContractSuite, candidate } from "./contract-world.ts";

/** In what stores differ, and may. Everything else is asked of each of them. */
export interface StoreCapabilities {
  /** Its wall clock is the environment's: calendar windows can be moved through. @default true */
  readonly wallClock?: boolean | undefined;
  /** Every answer is there at once, none is a promise. @default false */
  readonly synchronous?: boolean | undefined;
  /** It has `dump` and `load`. @default false */
  readonly dumps?: boolean | undefined;
  /** It has `watch`, and tells of rests and of what was given back. @default false */
  readonly watches?: boolean | undefined;
  /** It has `pins`. @default false */
  readonly pins?: boolean | undefined;
  /** It has `claim`. @default false */
  readonly claims?: boolean | undefined;
  /**
   * It is a `SharedStore`: several handles, in as many processes, work on one state at a time, and leases end. Needs `another`.
   * @default false
   */
  readonly shared?: boolean | undefined;
  /** What was counted and what rests is there again after the last handle was closed. Needs `another`. @default false */
  readonly persists?: boolean | undefined;
}

export type Claims = { readonly [name in keyof StoreCapabilities]-?: boolean };

export function claimsOf(capabilities: StoreCapabilities = {}): Claims {
  const { wallClock = true, synchronous = false, dumps = false } = capabilities;
  const { watches = false, pins = false, claims = false, shared = false, persists = false } = capabilities;
  return { wallClock, synchronous, dumps, watches, pins, claims, shared, persists };
}

/** Why a part of the contract is left out. */
export const reasons: { readonly [name in keyof Claims]: string } = {
  wallClock: "the store's wall clock cannot be moved (`wallClock`)",
  synchronous: "the store does not say that it answers at once (`synchronous`)",
  dumps: "the store does not say that it can be dumped and loaded (`dumps`)",
  watches: "the store does not say that it tells of changes (`watches`)",
  pins: "the store does not say that it has `pins` (`pins`)",
  claims: "the store does not say that one of many can claim something (`claims`)",
  shared: "the store does not say that several handles share its state (`shared`)",
  persists: "the store does not say that its state outlives it (`persists`)",
};

/** A method that nobody claims is a method that nobody tests. */
export function claimsContract({ test }: ContractSuite, claims: Claims): void {
  test("has what it claims, and claims what it has", async ({ store }) => {
    const has = (...names: readonly ("dump" | "load" | "watch" | "pins" | "claim")[]): boolean[] =>
      names.map((name) => store[name] !== undefined);
    checkEqual(has("dump", "load"), [claims.dumps, claims.dumps], "dump() and load() of what says `dumps` or does not");
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
