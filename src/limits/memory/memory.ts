import { systemClock } from "../../clock.ts";
import type { Clock, CooldownChange, Random, ScopeId } from "../../types.ts";
import { mayEndEarly, toScopeState } from "../cooldown-rules.ts";
import type {
  Blocked,
  Bucket,
  BucketState,
  BucketTerms,
  Candidate,
  Counted,
  Hold,
  Pins,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  Store,
  StoreChange,
  StoreReading,
  Unsubscribe,
} from "../store.ts";
import type { Instant } from "../windows/counter.ts";
import { MemoryCooldowns } from "./memory-cooldowns.ts";
import { MemoryCounters } from "./memory-counters.ts";
import type { LoadedContents, MemoryContents } from "./memory-dump.ts";
import { CandidateMemo, type Layout, MemoryReservation, type ScopeCell } from "./memory-reservation.ts";
import { MemoryPins } from "./pins.ts";
import { counterAt, full, readyInMs, settleCounters, takeAll } from "./reserved-amounts.ts";

export interface MemoryStoreOptions {
  /** @default the platform's clock */
  readonly clock?: Clock | undefined;
  /** Jitters the backoff schedule. @default Math.random */
  readonly random?: Random | undefined;
}

const nothing: readonly ScopeState[] = Object.freeze([]);
const noCells: readonly ScopeCell[] = [];

/** Counters and cooldowns of one process, in memory: what a pool counts in that was given no store. Every answer is synchronous. */
export class ProcessStore implements Store {
  /** A refusal costs nothing here, so candidates are proposed one at a time. */
  readonly candidatesPerReserve = 1;
  readonly clock: Clock;
  readonly #cooldowns: MemoryCooldowns;
  readonly #counters = new MemoryCounters();
  readonly #at: Instant = { monotonic: 0, wall: 0 };
  /** The last reading of the wall clock, and when it was taken. */
  #wallRead = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  #pins: MemoryPins | undefined;
  #claims: MemoryPins | undefined;
  #layout: Layout = { store: this };
  #reservations = 0;
  #sweepAtSize = 4096;

  constructor(options: MemoryStoreOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.#cooldowns = new MemoryCooldowns(this.clock, options.random ?? Math.random, () => this.#onNewScope());
  }

  reserve(candidates: readonly Candidate[], options: ReserveOptions, into?: Hold): Reservation | Refusal {
    const at = this.#at;
    at.monotonic = this.clock.monotonic();
    at.wall = -1;
    let blocked: Blocked[] | undefined;
    for (let index = 0; index < candidates.length; index++) {
      const candidate = candidates[index] as Candidate;
      const memo = this.#memoOf(candidate);
      const mayRefuse = memo.first !== undefined || memo.cells.length > 0;
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
      if (memo.first !== undefined) settleCounters(hold, memo, report, this.clock);
      if (memo.terms.holdsPermits || this.#cooldowns.probing > 0) this.#release(hold, memo);
      if (report.outcome === "success" && this.#cooldowns.cells.size > 0) {
        touched = this.#cooldowns.onSuccess(this.#memoOf(memo.candidate).cells, hold.reservedAt, touched);
      }
      if (report.cooldowns !== undefined) touched = this.#cooldowns.apply(report.cooldowns, touched);
    }
    if (atLeast !== undefined) this.#raise(atLeast);
    return touched ?? nothing;
  }

  cooldown(changes: readonly CooldownChange[]): readonly ScopeState[] {
    return this.#cooldowns.apply(changes, undefined) ?? nothing;
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
    const at = this.instant();
    const states = this.#cooldowns.of(scopes).map(({ record }) => toScopeState(record, at.monotonic));
    return { now: at.monotonic, scopes: states, buckets: buckets.map((bucket) => this.#bucketState(bucket, at)) };
  }

  cooling(accounts: () => readonly string[] = () => []): Iterable<ScopeId> {
    return this.#cooldowns.cooling(accounts);
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
    const { listeners } = this.#cooldowns;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** What there is to dump. @internal */
  get contents(): MemoryContents {
    return { cells: this.#cooldowns.cells, counters: this.#counters.byName };
  }

  /** Takes over what a dump had. @internal */
  takeOver({ records, counters }: LoadedContents, at: Instant): void {
    this.#counters.load(counters);
    this.#cooldowns.load(records, at.monotonic);
    this.#layout = { store: this };
  }

  /** @internal */
  instant(): Instant {
    return { monotonic: this.clock.monotonic(), wall: this.clock.wall() };
  }

  #raise(atLeast: readonly Counted[]): void {
    const at = this.instant();
    for (const { bucket, used } of atLeast) this.#counters.of(bucket).raise(used, bucket, at);
  }

  #memoOf(candidate: Candidate): CandidateMemo {
    const { memo } = candidate;
    const isOurs = memo instanceof CandidateMemo && memo.candidate === candidate && memo.layout.store === this;
    if (isOurs && memo.layout === this.#layout) return memo;
    // Before anything is looked up: what is dropped must not be in a memo.
    this.#sweepIfLarge();
    const cells = this.#cooldowns.cells.size === 0 ? noCells : this.#cooldowns.of(candidate.scopes);
    if (isOurs && (memo.first === undefined || memo.owner === this.#counters)) {
      // Its counters stay with it.
      memo.layout = this.#layout;
      memo.cells = cells;
      return memo;
    }
    const found = new CandidateMemo(this.#layout, candidate, cells);
    const isCounted = candidate.own === undefined ? candidate.needs.length > 0 : candidate.own !== null;
    if (isCounted || candidate.callerNeeds !== undefined) this.#counters.countFor(found);
    candidate.memo = found;
    return found;
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
    const { all } = memo.terms;
    for (let place = 0; place < all.length; place++) {
      const bucket = all[place] as BucketTerms;
      if (at.wall < 0 && (bucket.kind === "calendar" || bucket.kind === "anchored")) this.#readWall(at);
      const waitMs = counterAt(memo, place).waitFor(memo.wanted.amounts?.[place]?.amount ?? 1, bucket, at);
      if (waitMs !== 0) return full(index, memo, place, waitMs, at);
    }
    return undefined;
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
      if (memo.first !== undefined) {
        takeAll(hold, memo, at);
        hold.readyInMs = readyInMs(memo, at);
      }
      if (options.purpose === "probe") this.#cooldowns.claim(memo.cells, hold);
    }
    return hold;
  }

  /** Gives back permits and a probe's claim, which somebody may wait for. */
  #release(hold: Hold, { cells, terms }: CandidateMemo): void {
    const isProbe = cells.length > 0 && this.#cooldowns.release(cells, hold);
    if (!isProbe && !terms.holdsPermits) return;
    for (const listener of this.#cooldowns.listeners) listener({ type: "freed", scope: null });
  }

  #onNewScope(): void {
    this.#sweepIfLarge();
    this.#layout = { store: this };
  }

  /** Drops what nobody would miss. Runs once in a doubling of the store. */
  #sweepIfLarge(): void {
    const { cells } = this.#cooldowns;
    if (cells.size + this.#counters.named.size < this.#sweepAtSize) return;
    const at = this.instant();
    this.#cooldowns.sweep(at.monotonic);
    this.#counters.sweep(at);
    this.#layout = { store: this };
    this.#sweepAtSize = Math.max(4096, (cells.size + this.#counters.named.size) * 2);
  }

  #bucketState(bucket: Bucket, at: Instant): BucketState {
    const counter = this.#counters.find(bucket.id);
    if (counter === undefined) return { id: bucket.id, used: 0, left: bucket.limit, resetInMs: null };
    const used = counter.used(bucket, at);
    const left = Math.max(0, bucket.limit - used);
    return { id: bucket.id, used, left, resetInMs: counter.resetInMs(bucket, at) };
  }
}
