import { MemoryStore } from "../../../src/limits/memory/memory-store.ts";
import type { StoreSharing } from "../../../src/limits/sharing.ts";
import type {
  Candidate,
  Pins,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  SharedStore as SharedStoreSeam,
  StoreChange,
  StoreReading,
  Unsubscribe,
} from "../../../src/limits/store.ts";
import { Leases } from "../../../src/testing/leases.ts";
import { nextMacrotask } from "../../../src/testing/next-macrotask.ts";
import type { Clock, CooldownChange, ScopeId } from "../../../src/types.ts";

/** What several processes share: one of them per `SharedStore.door()`. */
export class SharedStore {
  readonly inner: MemoryStore;
  readonly doors: Door[] = [];
  readonly #leases: Leases;

  constructor(clock: Clock) {
    this.inner = new MemoryStore({ clock, random: () => 0 });
    this.#leases = new Leases(clock);
  }

  /** @param tellsAfter turns of the event loop after which it tells of a change; Infinity: never */
  door(tellsAfter = 1): Door {
    const door = new Door(this.inner, this.#leases.another(), tellsAfter);
    this.doors.push(door);
    return door;
  }
}

/** The way of one process to the store: it takes a while, and is counted. */
export class Door implements SharedStoreSeam {
  readonly candidatesPerReserve = 16;
  readonly watch: (listener: (change: StoreChange) => void) => Unsubscribe;
  /** Scopes asked for, by reading. */
  readonly readings: (readonly ScopeId[])[] = [];
  asked = 0;
  renewed = 0;
  /** Candidates, over all questions. */
  proposed = 0;
  refused = 0;
  /** How often it was asked which account something belongs to. */
  pinsAsked = 0;
  /** What it was told of that. */
  readonly pinned: (readonly [name: string, account: string])[] = [];
  readonly pins: Pins = {
    put: async (name, value, forMs) => {
      this.pinned.push([name, value]);
      this.#inner.pins.put(name, value, forMs);
    },
    get: async (name) => {
      this.pinsAsked++;
      return this.#inner.pins.get(name);
    },
  };
  /** Stands between a reading and its answer. */
  beforeReading: () => Promise<void> | void = () => {};
  readonly #inner: MemoryStore;
  readonly #leases: Leases;
  readonly #tells: boolean;

  constructor(inner: MemoryStore, leases: Leases, tellsAfter: number) {
    this.#inner = inner;
    this.#leases = leases;
    this.#tells = tellsAfter !== Number.POSITIVE_INFINITY;
    this.watch = (listener) =>
      !this.#tells
        ? () => {}
        : inner.watch(async (change) => {
            for (let turn = 0; turn < tellsAfter; turn++) await nextMacrotask();
            listener(change);
          });
  }

  async reserve(candidates: readonly Candidate[], options: ReserveOptions): Promise<Reservation | Refusal> {
    this.asked++;
    this.proposed += candidates.length;
    await nextMacrotask();
    this.#leases.endDue();
    const answer = this.#inner.reserve(candidates, options);
    if (!answer.granted) this.refused++;
    else this.#leases.begin(answer, options);
    await nextMacrotask();
    return answer;
  }

  async settle(reports: readonly Report[]): Promise<readonly ScopeState[]> {
    await nextMacrotask();
    this.#leases.endDue();
    for (const { reservation } of reports) this.#leases.settled(reservation);
    const states = this.#inner.settle(reports);
    await nextMacrotask();
    return states;
  }

  async cooldown(changes: readonly CooldownChange[]): Promise<readonly ScopeState[]> {
    await nextMacrotask();
    const states = this.#inner.cooldown(changes);
    await nextMacrotask();
    return states;
  }

  async read(...asked: Parameters<SharedStoreSeam["read"]>): Promise<StoreReading> {
    this.readings.push(asked[0]);
    await nextMacrotask();
    const reading = this.#inner.read(...asked);
    await this.beforeReading();
    return reading;
  }

  async renew(): Promise<void> {
    this.renewed++;
    await nextMacrotask();
    this.#leases.renew();
  }

  sharing(): StoreSharing {
    return { state: "shared", since: 0, instances: 1, rank: 0, listening: this.#tells };
  }

  onSharing(): Unsubscribe {
    return () => {};
  }
}
