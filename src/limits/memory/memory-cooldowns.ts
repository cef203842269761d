import type { Clock, CooldownChange, Random, ScopeId } from "../../types.ts";
import { afterSuccess, applyCooldown, type CooldownRecord, toScopeState } from "../cooldown-rules.ts";
import type { Hold, ScopeState, StoreChange } from "../store.ts";
import { ScopeCell } from "./memory-reservation.ts";
import { adoptedModelScopes, isOlder, olderIdOf } from "./older-ids.ts";

/** How long a cooldown's record is kept after its end, for its consecutive failures; milliseconds. */
export const recordKeptMs = 24 * 3_600_000;

/** Cooldowns by scope, and whoever is told of them. */
export class MemoryCooldowns {
  readonly cells = new Map<ScopeId, ScopeCell>();
  readonly listeners = new Set<(change: StoreChange) => void>();
  /** How many cells are claimed by probes that are not settled. */
  probing = 0;
  /** Is there anything from a dump of version 0.1.0 of which nobody has asked yet? */
  #hasOlder = false;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Told before a scope is entered that was not there. */
  readonly #onNew: () => void;

  constructor(clock: Clock, random: Random, onNew: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#onNew = onNew;
  }

  /** Those of these scopes that were ever put into cooldown. */
  of(scopes: readonly ScopeId[]): readonly ScopeCell[] {
    if (this.#hasOlder) for (const scope of scopes) this.#adopt(scope);
    const found: ScopeCell[] = [];
    for (const scope of scopes) {
      const cell = this.cells.get(scope);
      if (cell !== undefined) found.push(cell);
    }
    return found;
  }

  *cooling(accounts: () => readonly string[]): Generator<ScopeId> {
    const now = this.#clock.monotonic();
    if (this.#hasOlder) for (const scope of adoptedModelScopes(this.cells.keys(), accounts())) this.#adopt(scope);
    for (const [scope, { record }] of this.cells) if (record.until > now) yield scope;
  }

  load(records: readonly CooldownRecord[], now: number): void {
    for (const record of records) {
      this.cells.set(record.scope, new ScopeCell(record));
      this.#hasOlder ||= isOlder(record.scope);
      this.#touch(record, now, undefined);
    }
  }

  /** @param touched states to add to; `undefined`: none yet */
  apply(changes: readonly CooldownChange[], touched: ScopeState[] | undefined): ScopeState[] | undefined {
    const now = this.#clock.monotonic();
    let states = touched;
    for (const change of changes) {
      if (this.#hasOlder) this.#adopt(change.scope);
      const cell = this.cells.get(change.scope);
      const next = applyCooldown(cell?.record, change, now, this.#random);
      if (next === undefined) continue;
      if (cell === undefined) {
        this.#onNew();
        this.cells.set(next.scope, new ScopeCell(next));
      } else cell.record = next;
      states = this.#touch(next, now, states);
    }
    return states;
  }

  onSuccess(
    cells: readonly ScopeCell[],
    reservedAt: number,
    touched: ScopeState[] | undefined,
  ): ScopeState[] | undefined {
    let states = touched;
    for (const cell of cells) {
      const now = this.#clock.monotonic();
      const next = afterSuccess(cell.record, reservedAt, now);
      if (next !== cell.record) {
        cell.record = next;
        states = this.#touch(next, now, states);
      }
    }
    return states;
  }

  /** One probe at a time: until it is settled nobody else passes these cooldowns. */
  claim(cells: readonly ScopeCell[], hold: Hold): void {
    for (const cell of cells) {
      if (cell.record.until <= hold.reservedAt) continue;
      cell.probe = hold;
      this.probing++;
    }
  }

  /** Gives back a probe's claim. Returns whether there was one. */
  release(cells: readonly ScopeCell[], hold: Hold): boolean {
    let isAny = false;
    for (let place = 0; place < cells.length; place++) {
      const cell = cells[place] as ScopeCell;
      if (cell.probe !== hold) continue;
      cell.probe = undefined;
      this.probing--;
      isAny = true;
    }
    return isAny;
  }

  /** Drops records that ended long ago. */
  sweep(now: number): void {
    for (const [scope, { record, probe }] of this.cells) {
      if (probe === undefined && record.until + recordKeptMs < now) this.cells.delete(scope);
    }
  }

  /** What version 0.1.0 had in cooldown, from now on under its own id. */
  #adopt(scope: ScopeId): void {
    const older = this.cells.get(olderIdOf(scope));
    if (older === undefined || this.cells.has(scope)) return;
    this.cells.delete(older.record.scope);
    this.#onNew();
    this.cells.set(scope, new ScopeCell({ ...older.record, scope }));
  }

  #touch(record: CooldownRecord, now: number, touched: ScopeState[] | undefined): ScopeState[] {
    const state = toScopeState(record, now);
    for (const listener of this.listeners) {
      listener(record.until > now ? { type: "cooled", state } : { type: "freed", scope: record.scope });
    }
    const states = touched ?? [];
    states.push(state);
    return states;
  }
}
