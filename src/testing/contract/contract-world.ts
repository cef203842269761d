import type {
  Bucket,
  BucketState,
  Candidate,
  Need,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  SharedStore,
  Store,
  StoreChange,
} from "../../limits/store.ts";
import type { Awaitable, CooldownChange, CooldownSource, LadderSpec, Random, ScopeId } from "../../types.ts";
import type { FakeClock } from "../fake-clock.ts";
import { check } from "./assertions.ts";
import type { StoreCapabilities } from "./claims.ts";
import { heard } from "./heard.ts";

/** What a store under test may build on. A store with a clock of its own need not use it. */
export interface StoreEnvironment {
  readonly clock: FakeClock;
  readonly random: Random;
}

export interface StoreUnderTest {
  /** Empty: nothing counted, nothing cooled. Closed after the test if it can be. */
  readonly store: Store;
  /** Lets `ms` milliseconds pass for the store, by whatever clock it goes. */
  advance(ms: number): Promise<void>;
  /**
   * Another handle on the same state, as another process would have it: while the first one is open for what claims `shared`,
   * after it was closed for what claims `persists`. Closed after the test if it can be. Needed for these two alone.
   */
  another?(): Awaitable<Store>;
}

export type StoreMaker = (environment: StoreEnvironment) => Awaitable<StoreUnderTest>;

export interface StoreContractOptions {
  /** What the store says it can. What it does not claim is left out by name; what it claims and lacks fails. */
  readonly capabilities?: StoreCapabilities | undefined;
  /** By how much the store's time may be off at a boundary, milliseconds. 0 asks for exact boundaries. @default 0 */
  readonly slackMs?: number | undefined;
}

const windowMs = 10_000;
const guardMs = 200;

/** How far a test has come, over all its handles: what fails names the step. */
interface Progress {
  passedMs: number;
  reservations: number;
}

/** One test's store, with the questions the contract asks it. */
export class ContractWorld {
  readonly store: Store;
  readonly clock: FakeClock;
  readonly slackMs: number;
  readonly #advance: (ms: number) => Promise<void>;
  readonly #makeAnother: StoreUnderTest["another"];
  readonly #others: Store[] = [];
  readonly #progress: Progress;

  constructor(
    { store, advance, another }: StoreUnderTest,
    clock: FakeClock,
    slackMs: number,
    progress: Progress = { passedMs: 0, reservations: 0 },
  ) {
    this.#progress = progress;
    this.store = store;
    this.#advance = advance;
    this.#makeAnother = another;
    this.clock = clock;
    this.slackMs = slackMs;
  }

  /** The same state through another handle. */
  async another(): Promise<ContractWorld> {
    check(
      this.#makeAnother !== undefined,
      "a maker of another handle beside a store that claims `shared` or `persists`",
    );
    const store = await this.#makeAnother();
    this.#others.push(store);
    return new ContractWorld({ store, advance: this.#advance }, this.clock, this.slackMs, this.#progress);
  }

  /** As a store of several processes. */
  get shared(): SharedStore {
    const { store } = this;
    for (const name of ["renew", "watch", "sharing", "onSharing"]) {
      check(name in store, `a store that claims \`shared\` to have ${name}()`);
    }
    return store as SharedStore;
  }

  /** Ends all that was opened. What is open elsewhere goes first. */
  async close(): Promise<void> {
    for (const other of this.#others) await other.close?.();
    await this.store.close?.();
  }

  /** What the store tells of, while `happen` is done again and again until `isIt` is among it. */
  async told(isIt: (change: StoreChange) => boolean, happen: () => Promise<void>): Promise<boolean> {
    check(this.store.watch !== undefined, "a store that claims `watches` to have watch()");
    return heard(this.store.watch.bind(this.store), isIt, happen);
  }

  advance(ms: number): Promise<void> {
    this.#progress.passedMs += ms;
    return this.#advance(ms);
  }

  async reserve(
    candidates: Candidate | readonly Candidate[],
    options: Partial<ReserveOptions> = {},
  ): Promise<Reservation | Refusal> {
    const list = "scopes" in candidates ? [candidates] : candidates;
    this.#progress.reservations++;
    return this.store.reserve(list, { leaseMs: 600_000, purpose: "request", ...options });
  }

  async granted(candidates: Candidate | readonly Candidate[], options?: Partial<ReserveOptions>): Promise<Reservation> {
    const answer = await this.reserve(candidates, options);
    check(answer.granted, answer.granted ? "" : `${this.#step()} to be granted, got ${JSON.stringify(answer)}`);
    return answer;
  }

  async refused(candidates: Candidate | readonly Candidate[], options?: Partial<ReserveOptions>): Promise<Refusal> {
    const answer = await this.reserve(candidates, options);
    check(!answer.granted, `${this.#step()} to be refused, got one granted`);
    return answer;
  }

  #step(): string {
    const { passedMs, reservations } = this.#progress;
    return `reservation ${reservations} of this test, ${passedMs} ms after its beginning,`;
  }

  /** Refused until `ms` from now have passed, granted then: a window is half-open. */
  async freeAfter(ms: number, candidate: Candidate, options?: Partial<ReserveOptions>): Promise<Reservation> {
    const leadMs = Math.max(1, this.slackMs);
    await this.advance(ms - leadMs);
    await this.refused(candidate, options);
    await this.advance(leadMs + this.slackMs);
    return this.granted(candidate, options);
  }

  /** How many reservations are granted one after the other before one is refused. */
  async room(candidate: Candidate): Promise<number> {
    for (let count = 0; count < 1000; count++) {
      const answer = await this.reserve(candidate);
      if (!answer.granted) return count;
    }
    throw new Error("The store breaks its contract: a limit holds nothing back");
  }

  async settle(reservation: Reservation, report: Partial<Report> = {}): Promise<readonly ScopeState[]> {
    return this.store.settle([{ reservation, outcome: "success", sent: "yes", headersAfterMs: 0, ...report }]);
  }

  async cool(scope: ScopeId, set: CooldownChange["set"], source: CooldownSource = "heuristic"): Promise<void> {
    await this.store.cooldown([change(scope, set, source)]);
  }

  async state(scope: ScopeId): Promise<ScopeState | undefined> {
    return (await this.store.read([scope], [])).scopes[0];
  }

  /** Milliseconds a scope still cools down; 0 when it does not. */
  async restMs(scope: ScopeId): Promise<number> {
    const state = await this.state(scope);
    return state === undefined ? 0 : Math.max(0, state.until - state.now);
  }

  async bucket(bucket: Bucket): Promise<BucketState> {
    const state = (await this.store.read([], [bucket])).buckets[0];
    check(state !== undefined, "read() to tell of a bucket");
    return state;
  }
}

/** What the parts of the contract register their tests with. */
export interface ContractSuite {
  test(name: string, body: (world: ContractWorld) => Promise<void>): void;
}

export function change(scope: ScopeId, set: CooldownChange["set"], source: CooldownSource): CooldownChange {
  return { scope, set, reason: "rate_limit", source };
}

export function ladder(attemptStartedAt: number, spec: Partial<LadderSpec> = {}): CooldownChange["set"] {
  return { ladder: { baseMs: 1000, factor: 2, maxMs: 10_000, jitter: 0, ...spec }, attemptStartedAt };
}

export function rolling(id: string, limit: number, dimension = "requests"): Bucket {
  return { id, kind: "rolling", dimension, limit, windowMs, guardMs };
}

export function anchored(id: string, limit: number): Bucket {
  return { id, kind: "anchored", dimension: "requests", limit, windowMs, guardMs };
}

export function concurrency(id: string, limit: number): Bucket {
  return { id, kind: "concurrency", dimension: "concurrency", limit, guardMs };
}

/** Milliseconds until the first of those that were refused may be asked again; infinite where only a release helps. */
export function waitAfter({ blocked, now }: Refusal): number {
  return Math.min(...blocked.map(({ until }) => (until === null ? Number.POSITIVE_INFINITY : until - now)));
}

/** A candidate with the scopes `key:<id>` and `account:<id>`, wanting 1 of each bucket. */
export function candidate(id: string, ...wanted: readonly (Bucket | Need)[]): Candidate {
  const needs = wanted.map((each) => ("bucket" in each ? each : { bucket: each, amount: 1 }));
  return { scopes: [`key:${id}`, `account:${id}`], needs };
}

/** The window and guard of the buckets made here, milliseconds. */
export const times = { windowMs, guardMs } as const;
