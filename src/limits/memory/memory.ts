import { systemClock } from "../../clock.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { Clock, CooldownChange, Random, ScopeId } from "../../types.ts";
import { amountVaries, needsOf } from "../amounts.ts";
import { afterSuccess, applyCooldown, type CooldownRecord, mayEndEarly, toScopeState } from "../cooldown-rules.ts";
import type {
  Blocked,
  Bucket,
  BucketState,
  Candidate,
  Counted,
  Dumpable,
  Hold,
  Need,
  Pins,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  Store,
  StoreChange,
  StoreDump,
  StoreReading,
  Unsubscribe,
} from "../store.ts";
import { type Counter, type Instant, untilRelease } from "../windows/counter.ts";
import { createCounter } from "../windows/create-counter.ts";
import { dumpContents, loadContents, type MemoryContents, recordKeptMs } from "./memory-dump.ts";
import { CandidateMemo, type CountedNeeds, type Layout, MemoryReservation, ScopeCell } from "./memory-reservation.ts";
import { adoptedModelScopes, isOlder, olderIdOf } from "./older-ids.ts";
import { MemoryPins } from "./pins.ts";
import { settleCounters, takeAll } from "./reserved-amounts.ts";

export interface MemoryStoreOptions {
  /** @default the platform's clock */
  readonly clock?: Clock | undefined;
  /** Jitters cooldown ladders. @default Math.random */
  readonly random?: Random | undefined;
}

/** How much longer than it counts a counter is kept: an answer that outlived its window may still be charged to it. */
const counterKeptMs = 15 * 60_000;

const nothing: readonly ScopeState[] = Object.freeze([]);
const noCells: readonly ScopeCell[] = [];
const noneCounted = { needs: [], counters: [] };

/**
 * Counters and cooldowns of one process, in memory. Every answer is synchronous. Give one instance to several rotators
 * of the process to let them share what they count.
 */
export class MemoryStore implements Store, Dumpable {
  /** A refusal costs nothing here, so candidates are proposed one at a time. */
  readonly candidatesPerReserve = 1;
  readonly clock: Clock;
  readonly #random: Random;
  readonly #cells = new Map<ScopeId, ScopeCell>();
  readonly #counters = new Map<string, Counter>();
  readonly #listeners = new Set<(change: StoreChange) => void>();
  readonly #at: Instant = { monotonic: 0, wall: 0 };
  /** The last reading of the wall clock, and when it was taken. */
  #wallRead = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  #pins: MemoryPins | undefined;
  #claims: MemoryPins | undefined;
  /** Is there anything from a dump of version 0.1.0 of which nobody has asked yet? */
  #hasOlder = false;
  #layout: Layout = { store: this };
  /** How many cells are claimed by probes that are not settled. */
  #probing = 0;
  #reservations = 0;
  #sweepAtSize = 4096;

  constructor(options: MemoryStoreOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  reserve(candidates: readonly Candidate[], options: ReserveOptions, into?: Hold): Reservation | Refusal {
    const at = this.#at;
    at.monotonic = this.clock.monotonic();
    at.wall = -1;
    let blocked: Blocked[] | undefined;
    for (let index = 0; index < candidates.length; index++) {
      const candidate = candidates[index] as Candidate;
      const memo = this.#memoOf(candidate);
      const mayRefuse = memo.counted !== undefined || memo.cells.length > 0;
      const refused = mayRefuse ? this.#refusalOf(memo, index, at, options.purpose) : undefined;
      if (refused === undefined) return this.#take(memo, index, options, into ?? new MemoryReservation());
      blocked ??= [];
      blocked.push(refused);
    }
    return { granted: false, now: at.monotonic, blocked: blocked ?? [] };
  }

  settle(reports: readonly Report[], atLeast?: readonly Counted[]): readonly ScopeState[] {
    let touched: ScopeState[] | undefined;
    for (let place = 0; place < reports.length; place++) {
      const report = reports[place] as Report;
      const hold = report.reservation as Hold;
      const memo = hold.receipt;
      // It was settled already, or is another store's.
      if (!(memo instanceof CandidateMemo) || memo.layout.store !== this) continue;
      hold.receipt = undefined;
      const { counted } = memo;
      if (counted !== undefined) settleCounters(hold, counted, report, this.clock);
      if (counted?.holdsPermits || this.#probing > 0) this.#release(hold, memo);
      if (report.outcome === "success" && this.#cells.size > 0) touched = this.#succeeded(hold, memo, touched);
      if (report.cooldowns !== undefined) touched = this.#change(report.cooldowns, touched);
    }
    if (atLeast !== undefined) this.#raise(atLeast);
    return touched ?? nothing;
  }

  cooldown(changes: readonly CooldownChange[]): readonly ScopeState[] {
    return this.#change(changes, undefined) ?? nothing;
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
    const at = this.instant();
    if (this.#hasOlder) for (const scope of scopes) this.#adoptScope(scope);
    const states: ScopeState[] = [];
    for (const scope of scopes) {
      const cell = this.#cells.get(scope);
      if (cell !== undefined) states.push(toScopeState(cell.record, at.monotonic));
    }
    return { now: at.monotonic, scopes: states, buckets: buckets.map((bucket) => this.#bucketState(bucket, at)) };
  }

  *cooling(accounts: () => readonly string[] = () => []): Generator<ScopeId> {
    const now = this.clock.monotonic();
    if (this.#hasOlder) for (const scope of adoptedModelScopes(this.#cells.keys(), accounts())) this.#adoptScope(scope);
    for (const [scope, { record }] of this.#cells) if (record.until > now) yield scope;
  }

  get pins(): Pins {
    this.#pins ??= new MemoryPins(this.clock);
    return this.#pins;
  }

  claim(name: string, forMs: number): boolean {
    this.#claims ??= new MemoryPins(this.clock);
    if (this.#claims.get(name) !== undefined) return false;
    this.#claims.put(name, "", forMs);
    return true;
  }

  watch(listener: (change: StoreChange) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Counters and cooldowns as plain data that JSON can hold, for `load` in another process. Names them by id, holds no
   * secret. Permits are not among it: what is under way ends with its process.
   */
  dump(): StoreDump {
    return dumpContents(this.contents, this.instant());
  }

  /**
   * Goes on where a dump left off: windows keep their start, cooldowns their end. What has expired since is dropped, and
   * what had no answer yet counts as long as it may. For a store that has counted nothing yet; call it before the first request.
   * @throws InvalidOptionsError when the dump is of another format, version or shape, or when this store is in use. Nothing
   * is loaded then.
   */
  load(dump: StoreDump): void {
    const at = this.instant();
    const { records, counters } = loadContents(dump, at);
    this.#expectUnused(at);
    this.#counters.clear();
    for (const [id, counter] of counters) {
      this.#counters.set(id, counter);
      this.#hasOlder ||= isOlder(id);
    }
    for (const record of records) {
      this.#cells.set(record.scope, new ScopeCell(record));
      this.#hasOlder ||= isOlder(record.scope);
      this.#touch(record, at.monotonic, undefined);
    }
    this.#layout = { store: this };
  }

  /** What there is to dump. @internal */
  get contents(): MemoryContents {
    return { cells: this.#cells, counters: this.#counters };
  }

  /** @internal */
  instant(): Instant {
    return { monotonic: this.clock.monotonic(), wall: this.clock.wall() };
  }

  /** Sums of two processes, or of a dump that is loaded twice, would be of no use to anybody. */
  #expectUnused(at: Instant): void {
    const counting = [...this.#counters.values()].filter((counter) => !counter.isIdle(at)).length;
    if (this.#cells.size === 0 && counting === 0) return;
    const came = `one with ${this.#cells.size} cooldowns and ${counting} counters in use`;
    throw new InvalidOptionsError(
      "dump",
      `Expected \`dump\` to be loaded into a store nobody has used yet, got ${came}`,
    );
  }

  #raise(atLeast: readonly Counted[]): void {
    const at = this.instant();
    for (const { bucket, used } of atLeast) this.#counterOf(bucket).raise(used, bucket, at);
  }

  #memoOf(candidate: Candidate): CandidateMemo {
    const { memo } = candidate;
    if (memo instanceof CandidateMemo && memo.candidate === candidate && memo.layout === this.#layout) return memo;
    // Before anything is looked up: what is dropped must not be in a memo.
    if (this.#cells.size + this.#counters.size >= this.#sweepAtSize) this.#sweep(this.instant());
    const cells = this.#cells.size === 0 ? noCells : this.#cellsOf(candidate.scopes);
    const isCounted = candidate.needs.length > 0 || candidate.callerNeeds !== undefined;
    const fresh = new CandidateMemo(this.#layout, candidate, cells, isCounted ? this.#counted(candidate) : undefined);
    candidate.memo = fresh;
    return fresh;
  }

  #counted(candidate: Candidate): CountedNeeds | undefined {
    const needs = needsOf(candidate);
    if (needs.length === 0) return undefined;
    return {
      needs,
      counters: needs.map((need) => this.#counterOf(need.bucket)),
      holdsPermits: needs.some((need) => need.bucket.kind === "concurrency"),
      amountsVary: needs.some(({ bucket }) => amountVaries(bucket)),
    };
  }

  #cellsOf(scopes: readonly ScopeId[]): readonly ScopeCell[] {
    if (this.#hasOlder) for (const scope of scopes) this.#adoptScope(scope);
    const cells: ScopeCell[] = [];
    for (const scope of scopes) {
      const cell = this.#cells.get(scope);
      if (cell !== undefined) cells.push(cell);
    }
    return cells;
  }

  #counterOf(bucket: Bucket): Counter {
    let counter = this.#counters.get(bucket.id) ?? this.#adoptCounter(bucket.id);
    if (counter === undefined) {
      counter = createCounter(bucket.kind);
      this.#counters.set(bucket.id, counter);
    }
    return counter;
  }

  /** What version 0.1.0 counted of it, from now on under its own id. */
  #adoptCounter(id: string): Counter | undefined {
    const older = this.#hasOlder ? olderIdOf(id) : id;
    const counter = this.#counters.get(older);
    if (counter === undefined) return undefined;
    this.#counters.delete(older);
    this.#counters.set(id, counter);
    return counter;
  }

  #adoptScope(scope: ScopeId): void {
    const older = this.#cells.get(olderIdOf(scope));
    if (older === undefined || this.#cells.has(scope)) return;
    this.#cells.delete(older.record.scope);
    this.#cells.set(scope, new ScopeCell({ ...older.record, scope }));
    this.#layout = { store: this };
  }

  #refusalOf(memo: CandidateMemo, index: number, at: Instant, purpose: ReserveOptions["purpose"]): Blocked | undefined {
    const cells = memo.cells;
    for (let place = 0; place < cells.length; place++) {
      const cell = cells[place] as ScopeCell;
      const { record } = cell;
      if (record.until <= at.monotonic) continue;
      if (purpose === "probe" && mayEndEarly(record.source) && cell.probe === undefined) continue;
      return { index, by: record.scope, until: record.until, source: record.source, reason: record.reason };
    }
    const { needs, counters } = memo.counted ?? noneCounted;
    for (let place = 0; place < needs.length; place++) {
      const { bucket, amount } = needs[place] as Need;
      if (at.wall < 0 && (bucket.kind === "calendar" || bucket.kind === "anchored")) this.#readWall(at);
      const counter = counters[place] as Counter;
      const waitMs = counter.waitFor(amount, bucket, at);
      if (waitMs !== 0) return this.#full(index, bucket, amount, waitMs, counter, at);
    }
    return undefined;
  }

  /** Where much was asked for, little may fit sooner. */
  #full(index: number, bucket: Bucket, amount: number, waitMs: number, counter: Counter, at: Instant): Blocked {
    const by = bucket.id;
    if (waitMs === untilRelease) return { index, by, until: null };
    const until = at.monotonic + waitMs;
    return amount <= 1
      ? { index, by, until }
      : { index, by, until, anyUntil: at.monotonic + counter.waitFor(1, bucket, at) };
  }

  /** The wall clock counts whole milliseconds: within one, the last reading and the time since say as much. */
  #readWall(at: Instant): void {
    const sinceMs = at.monotonic - this.#readAt;
    if (sinceMs > 0 && sinceMs < 1) {
      at.wall = this.#wallRead + sinceMs;
      return;
    }
    this.#readAt = at.monotonic;
    this.#wallRead = this.clock.wall();
    at.wall = this.#wallRead;
  }

  #take(memo: CandidateMemo, index: number, options: ReserveOptions, hold: Hold): Reservation {
    const at = this.#at;
    hold.number = ++this.#reservations;
    hold.index = index;
    hold.reservedAt = at.monotonic;
    hold.readyInMs = 0;
    if (options.dryRun !== true) {
      hold.receipt = memo;
      if (memo.counted !== undefined) {
        takeAll(hold, memo.counted, at);
        hold.readyInMs = readyInMs(memo.counted, at);
      }
      if (options.purpose === "probe") this.#claim(hold, memo);
    }
    return hold;
  }

  /** One probe at a time: until it is settled nobody else passes these cooldowns. */
  #claim(hold: Hold, { cells }: CandidateMemo): void {
    for (const cell of cells) {
      if (cell.record.until <= hold.reservedAt) continue;
      cell.probe = hold;
      this.#probing++;
    }
  }

  /** Gives back permits and a probe's claim, which somebody may wait for. */
  #release(hold: Hold, { cells, counted }: CandidateMemo): void {
    let isAwaited = counted?.holdsPermits === true;
    for (let place = 0; place < cells.length; place++) {
      const cell = cells[place] as ScopeCell;
      if (cell.probe !== hold) continue;
      cell.probe = undefined;
      this.#probing--;
      isAwaited = true;
    }
    if (isAwaited) for (const listener of this.#listeners) listener({ type: "freed", scope: null });
  }

  #succeeded(
    { reservedAt }: Hold,
    { candidate }: CandidateMemo,
    touched: ScopeState[] | undefined,
  ): ScopeState[] | undefined {
    let states = touched;
    for (const cell of this.#memoOf(candidate).cells) {
      const now = this.clock.monotonic();
      const next = afterSuccess(cell.record, reservedAt, now);
      if (next !== cell.record) {
        cell.record = next;
        states = this.#touch(next, now, states);
      }
    }
    return states;
  }

  #change(changes: readonly CooldownChange[], touched: ScopeState[] | undefined): ScopeState[] | undefined {
    const now = this.clock.monotonic();
    let states = touched;
    for (const change of changes) {
      if (this.#hasOlder) this.#adoptScope(change.scope);
      const cell = this.#cells.get(change.scope);
      const next = applyCooldown(cell?.record, change, now, this.#random);
      if (next === undefined) continue;
      if (cell === undefined) this.#addCell(next);
      else cell.record = next;
      states = this.#touch(next, now, states);
    }
    return states;
  }

  #touch(record: CooldownRecord, now: number, touched: ScopeState[] | undefined): ScopeState[] {
    const state = toScopeState(record, now);
    for (const listener of this.#listeners) {
      listener(record.until > now ? { type: "cooled", state } : { type: "freed", scope: record.scope });
    }
    const states = touched ?? [];
    states.push(state);
    return states;
  }

  #addCell(record: CooldownRecord): void {
    if (this.#cells.size + this.#counters.size >= this.#sweepAtSize) this.#sweep(this.instant());
    this.#cells.set(record.scope, new ScopeCell(record));
    this.#layout = { store: this };
  }

  /** Drops what nobody would miss: long-ended records and counters with nothing left in them. Runs once in a doubling of the store. */
  #sweep({ monotonic, wall }: Instant): void {
    for (const [scope, { record, probe }] of this.#cells) {
      if (probe === undefined && record.until + recordKeptMs < monotonic) this.#cells.delete(scope);
    }
    const before: Instant = { monotonic: monotonic - counterKeptMs, wall: wall - counterKeptMs };
    for (const [id, counter] of this.#counters) {
      if (counter.isIdle(before)) this.#counters.delete(id);
    }
    this.#layout = { store: this };
    this.#sweepAtSize = Math.max(4096, (this.#cells.size + this.#counters.size) * 2);
  }

  #bucketState(bucket: Bucket, at: Instant): BucketState {
    const counter = this.#counters.get(bucket.id) ?? this.#adoptCounter(bucket.id);
    if (counter === undefined) return { id: bucket.id, used: 0, left: bucket.limit, resetInMs: null };
    const used = counter.used(bucket, at);
    const left = Math.max(0, bucket.limit - used);
    return { id: bucket.id, used, left, resetInMs: counter.resetInMs(bucket, at) };
  }
}

/** When a candidate could be had again of which this was taken. Of tokens any amount counts as room. */
function readyInMs({ needs, counters, amountsVary }: CountedNeeds, at: Instant): number {
  let readyMs = 0;
  for (let place = 0; place < needs.length; place++) {
    const { bucket, amount } = needs[place] as Need;
    const again = amountsVary && amountVaries(bucket) ? 1 : amount;
    const waitMs = (counters[place] as Counter).waitFor(again, bucket, at);
    if (waitMs > readyMs) readyMs = Math.ceil(waitMs);
  }
  return readyMs;
}
