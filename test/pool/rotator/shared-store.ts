import { MemoryStore } from "../../../src/limits/memory/memory.ts";
import type {
  Candidate,
  Observation,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  Store,
  StoreChange,
  StoreReading,
  Unsubscribe,
} from "../../../src/limits/store.ts";
import { nextMacrotask } from "../../../src/testing/next-macrotask.ts";
import type { Clock, CooldownChange, ScopeId } from "../../../src/types.ts";

/** What several processes share: one of them per `SharedStore.door()`. */
export class SharedStore {
  readonly inner: MemoryStore;
  readonly doors: Door[] = [];

  constructor(clock: Clock) {
    this.inner = new MemoryStore({ clock, random: () => 0 });
  }

  /** @param tellsAfter turns of the event loop after which it tells of a change; Infinity: never */
  door(tellsAfter = 1): Door {
    const door = new Door(this.inner, tellsAfter);
    this.doors.push(door);
    return door;
  }
}

/** The way of one process to the store: it takes a while, and is counted. */
export class Door implements Store {
  readonly candidatesPerReserve = 16;
  readonly watch?: (listener: (change: StoreChange) => void) => Unsubscribe;
  readonly sessions = new Set<string>();
  /** Scopes asked for, by reading. */
  readonly readings: (readonly ScopeId[])[] = [];
  asked = 0;
  /** Candidates, over all questions. */
  proposed = 0;
  refused = 0;
  /** Stands between a reading and its answer. */
  beforeReading: () => Promise<void> | void = () => {};
  readonly #inner: MemoryStore;

  constructor(inner: MemoryStore, tellsAfter: number) {
    this.#inner = inner;
    if (tellsAfter === Number.POSITIVE_INFINITY) return;
    this.watch = (listener) =>
      inner.watch(async (change) => {
        for (let turn = 0; turn < tellsAfter; turn++) await nextMacrotask();
        listener(change);
      });
  }

  async reserve(candidates: readonly Candidate[], options: ReserveOptions): Promise<Reservation | Refusal> {
    this.asked++;
    this.proposed += candidates.length;
    this.sessions.add(options.session);
    await nextMacrotask();
    const answer = this.#inner.reserve(candidates, options);
    if (!answer.granted) this.refused++;
    await nextMacrotask();
    return answer;
  }

  async settle(reports: readonly Report[]): Promise<readonly ScopeState[]> {
    await nextMacrotask();
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

  async read(...asked: Parameters<Store["read"]>): Promise<StoreReading> {
    this.readings.push(asked[0]);
    await nextMacrotask();
    const reading = this.#inner.read(...asked);
    await this.beforeReading();
    return reading;
  }

  async observe(observations: readonly Observation[]): Promise<void> {
    await nextMacrotask();
    this.#inner.observe(observations);
  }

  async renew(): Promise<{ instances: number; rank: number; epoch: string; now: number }> {
    return this.#inner.renew();
  }
}
