import { systemClock } from "../clock.ts";
import { MemoryStore } from "../limits/memory/memory-store.ts";
import type { StoreSharing } from "../limits/sharing.ts";
import type {
  Bucket,
  Candidate,
  Counted,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  SharedStore,
  StoreReading,
  Unsubscribe,
} from "../limits/store.ts";
import type { Clock, CooldownChange, Random, ScopeId } from "../types.ts";
import { Leases } from "./leases.ts";
import { nextMacrotask } from "./next-macrotask.ts";

export interface NastyStoreOptions {
  /** What its own, skewed clock is derived from. @default the platform's clock */
  readonly clock?: Clock | undefined;
  /** Draws latencies and jitters backoff schedules. @default Math.random */
  readonly random?: Random | undefined;
  /**
   * What a call takes, on the way there and on the way back: turns of the event loop, which no clock notices, or
   * milliseconds on `clock`, which somebody has to move on.
   * @default "macrotasks"
   */
  readonly latency?: "macrotasks" | "milliseconds" | undefined;
  /** The longest way there or back, in the unit of `latency`. @default 3 */
  readonly maxLatency?: number | undefined;
  /** How far its monotonic time is ahead of the caller's, milliseconds. @default 7 hours */
  readonly monotonicOffsetMs?: number | undefined;
  /** How far its wall time is ahead of the caller's, milliseconds. @default 0 */
  readonly wallSkewMs?: number | undefined;
}

/**
 * A correct store with the manners of one behind a bad network: every call takes a while and calls overtake each other,
 * all that goes in and out is a copy, and its clock has nothing to do with the caller's. What works on this one works
 * on a store in another process.
 */
export class NastyStore implements SharedStore {
  /** The build calls a class that mentions itself by another name. */
  static readonly name = "NastyStore";

  readonly candidatesPerReserve = 16;
  readonly #inner: MemoryStore;
  readonly #options: NastyStoreOptions;
  readonly #leases: Leases;
  /** All that are on this state. */
  readonly #handles: NastyStore[];
  readonly #since: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #latency: "macrotasks" | "milliseconds";
  readonly #maxLatency: number;
  /** What is out, by id: callers hold copies. */
  readonly #reservations = new Map<string, Reservation>();

  /** @param beside another handle on the same state, of a process of its own */
  constructor(options: NastyStoreOptions = {}, beside?: NastyStore) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#latency = options.latency ?? "macrotasks";
    this.#maxLatency = options.maxLatency ?? 3;
    const offsetMs = options.monotonicOffsetMs ?? 7 * 3_600_000;
    const skewMs = options.wallSkewMs ?? 0;
    const clock = this.#clock;
    const skewed: Clock = {
      monotonic: () => clock.monotonic() + offsetMs,
      wall: () => clock.wall() + skewMs,
      timer: (callback, delayMs) => clock.timer(callback, delayMs),
    };
    this.#since = clock.wall();
    if (beside === undefined) {
      this.#inner = new MemoryStore({ clock: skewed, random: this.#random });
      this.#leases = new Leases(skewed);
      this.#handles = [];
    } else {
      this.#inner = beside.#inner;
      this.#leases = beside.#leases.another();
      this.#handles = beside.#handles;
    }
    this.#handles.push(this);
  }

  reserve(candidates: readonly Candidate[], options: ReserveOptions): Promise<Reservation | Refusal> {
    if (candidates.length > this.candidatesPerReserve) {
      throw new RangeError(`Expected at most ${this.candidatesPerReserve} candidates, got ${candidates.length}`);
    }
    const asked = structuredClone(candidates.map(({ scopes, needs, callerNeeds }) => ({ scopes, needs, callerNeeds })));
    const askedOptions = structuredClone(options);
    return this.#answer(() => {
      const answer = this.#inner.reserve(asked, askedOptions);
      if (!answer.granted) return answer;
      this.#leases.begin(answer, askedOptions);
      if (askedOptions.dryRun !== true) this.#reservations.set(answer.id, answer);
      const { granted, id, index, reservedAt, readyAt } = answer;
      return { granted, id, index, reservedAt, readyAt };
    });
  }

  settle(reports: readonly Report[], atLeast?: readonly Counted[]): Promise<readonly ScopeState[]> {
    const copies = structuredClone(reports);
    const counted = structuredClone(atLeast);
    return this.#answer(() => {
      const own = copies.flatMap((report) => {
        const reservation = this.#reservations.get(report.reservation.id);
        this.#reservations.delete(report.reservation.id);
        if (reservation === undefined) return [];
        this.#leases.settled(reservation);
        return { ...report, reservation };
      });
      return this.#inner.settle(own, counted);
    });
  }

  cooldown(changes: readonly CooldownChange[]): Promise<readonly ScopeState[]> {
    const copies = structuredClone(changes);
    return this.#answer(() => this.#inner.cooldown(copies));
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): Promise<StoreReading> {
    const copies = structuredClone({ scopes, buckets });
    return this.#answer(() => this.#inner.read(copies.scopes, copies.buckets));
  }

  renew(): Promise<void> {
    return this.#answer(() => this.#leases.renew());
  }

  /** It tells nothing: what others change is learnt with the next question. */
  watch(): Unsubscribe {
    return () => {};
  }

  sharing(): StoreSharing {
    const { length: instances } = this.#handles;
    return { state: "shared", since: this.#since, instances, rank: this.#handles.indexOf(this), listening: false };
  }

  /** The same state, as another process has it. */
  another(): NastyStore {
    return new NastyStore(this.#options, this);
  }

  close(): void {
    const place = this.#handles.indexOf(this);
    if (place !== -1) this.#handles.splice(place, 1);
  }

  /** It is never away. */
  onSharing(): Unsubscribe {
    return () => {};
  }

  async #answer<T>(decide: () => T): Promise<T> {
    await this.#travel();
    this.#leases.endDue();
    const answer = structuredClone(decide());
    await this.#travel();
    return answer;
  }

  async #travel(): Promise<void> {
    const drawn = this.#random() * this.#maxLatency;
    if (this.#latency === "milliseconds") {
      await new Promise<void>((resolve) => this.#clock.timer(resolve, drawn));
      return;
    }
    for (let turn = Math.round(drawn); turn > 0; turn--) await nextMacrotask();
  }
}
