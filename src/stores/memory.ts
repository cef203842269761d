import { systemClock } from "../clock.ts";
import type { Clock, Random } from "../types.ts";
import { afterSuccess, applyCooldown, type CooldownRecord, mayEndEarly, toScopeState } from "./cooldown-rules.ts";
import { type Counter, createCounter, type Instant, untilRelease } from "./counters.ts";
import type {
  Blocked,
  Bucket,
  BucketState,
  Candidate,
  CooldownChange,
  Need,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeId,
  ScopeState,
  Store,
  StoreChange,
  StoreReading,
  Unsubscribe,
  Usage,
} from "./store.ts";

export interface MemoryStoreOptions {
  /** @default the platform's clock */
  readonly clock?: Clock | undefined;
  /** Jitters cooldown ladders. @default Math.random */
  readonly random?: Random | undefined;
}

/** How long a cooldown's record is kept after its end, for its strikes; milliseconds. */
const recordKeptMs = 24 * 3_600_000;

const nothing: readonly ScopeState[] = Object.freeze([]);

/** A scope's record in a cell that candidates can hold on to while the record in it changes. */
class ScopeCell {
  record: CooldownRecord;
  probe: MemoryReservation | undefined;

  constructor(record: CooldownRecord) {
    this.record = record;
  }
}

/** What was looked up for a candidate: good for as long as the store's layout has not changed. */
class CandidateMemo {
  readonly store: MemoryStore;
  readonly layout: number;
  readonly cells: readonly ScopeCell[];
  readonly counters: readonly Counter[];
  readonly holdsConcurrency: boolean;

  constructor(store: MemoryStore, layout: number, cells: ScopeCell[], counters: Counter[], holdsConcurrency: boolean) {
    this.store = store;
    this.layout = layout;
    this.cells = cells;
    this.counters = counters;
    this.holdsConcurrency = holdsConcurrency;
  }
}

class MemoryReservation implements Reservation {
  readonly number: number;
  readonly index: number;
  readonly reservedAt: number;
  readonly leaseMs: number;
  /** Whole milliseconds: small numbers need no memory of their own. */
  readonly readyInMs: number;
  readonly candidate: Candidate;
  readonly memo: CandidateMemo;
  readonly tickets: number[];
  settled = false;
  /** Its concurrency was given back before anybody settled it. */
  expired = false;

  constructor(
    number: number,
    index: number,
    reservedAt: number,
    leaseMs: number,
    readyInMs: number,
    candidate: Candidate,
    memo: CandidateMemo,
    tickets: number[],
  ) {
    this.number = number;
    this.index = index;
    this.reservedAt = reservedAt;
    this.leaseMs = leaseMs;
    this.readyInMs = readyInMs;
    this.candidate = candidate;
    this.memo = memo;
    this.tickets = tickets;
  }

  get granted(): true {
    return true;
  }

  get readyAt(): number {
    return this.reservedAt + this.readyInMs;
  }

  get id(): string {
    return String(this.number);
  }

  get expiresAt(): number {
    return this.reservedAt + this.leaseMs;
  }

  get left(): readonly number[] {
    const { memo, candidate } = this;
    return candidate.needs.map(({ bucket }, place) => {
      const counter = memo.counters[place] as Counter;
      return bucket.limit - counter.used(bucket, memo.store.instant());
    });
  }
}

const noTickets: number[] = [];

/**
 * Counters and cooldowns of one process, in memory. Every answer is synchronous. Give one instance to several rotators
 * of the process to let them share what they count.
 */
export class MemoryStore implements Store {
  /** A refusal costs nothing here, so candidates are proposed one at a time. */
  readonly candidatesPerReserve = 1;
  readonly clock: Clock;
  readonly #random: Random;
  readonly #cells = new Map<ScopeId, ScopeCell>();
  readonly #counters = new Map<string, Counter>();
  readonly #listeners = new Set<(change: StoreChange) => void>();
  /** Reservations that hold concurrency or a probe claim: only these have anything to expire. */
  readonly #holders = new Set<MemoryReservation>();
  readonly #epoch: string;
  readonly #at: Instant = { monotonic: 0, wall: 0 };
  /** The last reading of the wall clock, and when it was taken. */
  #wallRead = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  #layout = 0;
  #reservations = 0;
  #sweepAtSize = 4096;

  constructor(options: MemoryStoreOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#epoch = `memory-${this.clock.wall()}`;
  }

  reserve(candidates: readonly Candidate[], options: ReserveOptions): Reservation | Refusal {
    const at = this.#at;
    at.monotonic = this.clock.monotonic();
    at.wall = -1;
    if (this.#holders.size > 0) this.#expire(at.monotonic);
    let blocked: Blocked[] | undefined;
    for (let index = 0; index < candidates.length; index++) {
      const candidate = candidates[index] as Candidate;
      const memo = this.#memoOf(candidate);
      const refused = this.#refusalOf(candidate, memo, index, at, options.purpose);
      if (refused === undefined) return this.#take(candidate, memo, index, at, options);
      blocked ??= [];
      blocked.push(refused);
    }
    return refusal(at.monotonic, blocked ?? []);
  }

  settle(reports: readonly Report[]): readonly ScopeState[] {
    let touched: ScopeState[] | undefined;
    for (const report of reports) {
      const reservation = report.reservation;
      if (!(reservation instanceof MemoryReservation) || reservation.settled) continue;
      const { expired } = reservation;
      reservation.settled = true;
      if (!expired && reservation.tickets.length > 0) settleCounters(reservation, report);
      if (this.#holders.size > 0 && this.#holders.delete(reservation)) this.#released(reservation);
      if (report.outcome === "success" && this.#cells.size > 0) touched = this.#succeeded(reservation, touched);
      if (report.cooldowns !== undefined) touched = this.#change(report.cooldowns, touched);
    }
    return touched ?? nothing;
  }

  cooldown(changes: readonly CooldownChange[]): readonly ScopeState[] {
    return this.#change(changes, undefined) ?? nothing;
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
    const at = this.instant();
    const states: ScopeState[] = [];
    for (const scope of scopes) {
      const cell = this.#cells.get(scope);
      if (cell !== undefined) states.push(toScopeState(cell.record, at.monotonic));
    }
    return { now: at.monotonic, scopes: states, buckets: buckets.map((bucket) => this.#bucketState(bucket, at)) };
  }

  renew(): { instances: number; rank: number; epoch: string; now: number } {
    return { instances: 1, rank: 0, epoch: this.#epoch, now: this.clock.monotonic() };
  }

  watch(listener: (change: StoreChange) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @internal */
  instant(): Instant {
    return { monotonic: this.clock.monotonic(), wall: this.clock.wall() };
  }

  #memoOf(candidate: Candidate): CandidateMemo {
    const memo = candidate.memo;
    if (memo instanceof CandidateMemo && memo.layout === this.#layout && memo.store === this) return memo;
    const cells: ScopeCell[] = [];
    if (this.#cells.size > 0) {
      for (const scope of candidate.scopes) {
        const cell = this.#cells.get(scope);
        if (cell !== undefined) cells.push(cell);
      }
    }
    const counters = candidate.needs.map((need) => this.#counterOf(need.bucket));
    const holds = candidate.needs.some((need) => need.bucket.kind === "concurrency");
    const fresh = new CandidateMemo(this, this.#layout, cells, counters, holds);
    candidate.memo = fresh;
    return fresh;
  }

  #counterOf(bucket: Bucket): Counter {
    let counter = this.#counters.get(bucket.id);
    if (counter === undefined) {
      counter = createCounter(bucket.kind);
      this.#counters.set(bucket.id, counter);
    }
    return counter;
  }

  #refusalOf(
    candidate: Candidate,
    memo: CandidateMemo,
    index: number,
    at: Instant,
    purpose: ReserveOptions["purpose"],
  ): Blocked | undefined {
    const cells = memo.cells;
    for (let place = 0; place < cells.length; place++) {
      const cell = cells[place] as ScopeCell;
      const { record } = cell;
      if (record.until <= at.monotonic) continue;
      if (purpose === "probe" && mayEndEarly(record.source) && cell.probe === undefined) continue;
      return { index, by: record.scope, until: record.until, source: record.source, reason: record.reason };
    }
    const { needs } = candidate;
    for (let place = 0; place < needs.length; place++) {
      const { bucket, amount } = needs[place] as Need;
      if (at.wall < 0 && bucket.kind === "calendar") at.wall = this.#wallAt(at.monotonic);
      const waitMs = (memo.counters[place] as Counter).waitFor(amount, bucket, at);
      if (waitMs !== 0) return { index, by: bucket.id, until: waitMs === untilRelease ? null : at.monotonic + waitMs };
    }
    return undefined;
  }

  /** The wall clock counts whole milliseconds: within one, the last reading and the time since say as much. */
  #wallAt(monotonic: number): number {
    const sinceMs = monotonic - this.#readAt;
    if (sinceMs > 0 && sinceMs < 1) return this.#wallRead + sinceMs;
    this.#readAt = monotonic;
    this.#wallRead = this.clock.wall();
    return this.#wallRead;
  }

  #take(candidate: Candidate, memo: CandidateMemo, index: number, at: Instant, options: ReserveOptions): Reservation {
    const now = at.monotonic;
    const { needs } = candidate;
    const dry = options.dryRun === true;
    const tickets = dry ? noTickets : takeAll(needs, memo.counters, at);
    let readyInMs = 0;
    for (let place = 0; place < tickets.length; place++) {
      const { bucket, amount } = needs[place] as Need;
      const waitMs = (memo.counters[place] as Counter).waitFor(amount, bucket, at);
      if (waitMs > readyInMs) readyInMs = Math.ceil(waitMs);
    }
    const reservation = new MemoryReservation(
      ++this.#reservations,
      index,
      now,
      options.leaseMs,
      readyInMs,
      candidate,
      memo,
      tickets,
    );
    if (dry) reservation.settled = true;
    else if (memo.holdsConcurrency || options.purpose === "probe") this.#hold(reservation, options.purpose);
    return reservation;
  }

  #hold(reservation: MemoryReservation, purpose: ReserveOptions["purpose"]): void {
    this.#holders.add(reservation);
    if (purpose !== "probe") return;
    for (const cell of reservation.memo.cells) {
      if (cell.record.until > reservation.reservedAt) cell.probe = reservation;
    }
  }

  #released(reservation: MemoryReservation): void {
    for (const cell of reservation.memo.cells) if (cell.probe === reservation) cell.probe = undefined;
    for (const listener of this.#listeners) listener({ type: "freed", scope: null });
  }

  #expire(now: number): void {
    for (const reservation of this.#holders) {
      if (reservation.expiresAt > now) continue;
      reservation.expired = true;
      this.#holders.delete(reservation);
      reservation.candidate.needs.forEach(({ bucket }, place) => {
        if (bucket.kind !== "concurrency") return;
        (reservation.memo.counters[place] as Counter).settle(reservation.tickets[place] as number, 0, 0, bucket);
      });
      this.#released(reservation);
    }
  }

  #succeeded(reservation: MemoryReservation, touched: ScopeState[] | undefined): ScopeState[] | undefined {
    const memo = this.#memoOf(reservation.candidate);
    let states = touched;
    for (const cell of memo.cells) {
      const now = this.clock.monotonic();
      const next = afterSuccess(cell.record, reservation.reservedAt, now);
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
      const cell = this.#cells.get(change.scope);
      const next = applyCooldown(cell?.record, change, now, this.#random);
      if (next === undefined) continue;
      if (cell === undefined) this.#addCell(next, now);
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

  #addCell(record: CooldownRecord, now: number): void {
    if (this.#cells.size + this.#counters.size >= this.#sweepAtSize) this.#sweep(now);
    this.#cells.set(record.scope, new ScopeCell(record));
    this.#layout++;
  }

  /** Drops what nobody would miss: long-ended records. Runs once in a doubling of the store. */
  #sweep(now: number): void {
    for (const [scope, { record, probe }] of this.#cells) {
      if (probe === undefined && record.until + recordKeptMs < now) this.#cells.delete(scope);
    }
    this.#sweepAtSize = Math.max(4096, (this.#cells.size + this.#counters.size) * 2);
  }

  #bucketState(bucket: Bucket, at: Instant): BucketState {
    const counter = this.#counters.get(bucket.id);
    if (counter === undefined) return { id: bucket.id, used: 0, left: bucket.limit, resetInMs: null };
    const used = counter.used(bucket, at);
    return {
      id: bucket.id,
      used,
      left: Math.max(0, bucket.limit - used),
      resetInMs: counter.resetInMs(bucket, at),
    };
  }
}

/** One ticket a need. Arrays of the exact length: most keys have one or two limits. */
function takeAll(needs: readonly Need[], counters: readonly Counter[], at: Instant): number[] {
  switch (needs.length) {
    case 0:
      return noTickets;
    case 1:
      return [takeOne(needs[0] as Need, counters[0] as Counter, at)];
    case 2:
      return [
        takeOne(needs[0] as Need, counters[0] as Counter, at),
        takeOne(needs[1] as Need, counters[1] as Counter, at),
      ];
    default:
      return needs.map((need, place) => takeOne(need, counters[place] as Counter, at));
  }
}

function takeOne({ bucket, amount }: Need, counter: Counter, at: Instant): number {
  return counter.take(amount, bucket, at);
}

function refusal(now: number, blocked: readonly Blocked[]): Refusal {
  let retryAt: number | null = null;
  for (const { until } of blocked) {
    if (until !== null && (retryAt === null || until < retryAt)) retryAt = until;
  }
  return { granted: false, now, retryAt, blocked };
}

function settleCounters(reservation: MemoryReservation, report: Report): void {
  const { needs } = reservation.candidate;
  const headersAfterMs = report.headersAfterMs ?? Number.POSITIVE_INFINITY;
  const allowanceMs = report.allowanceMs ?? 0;
  for (let place = 0; place < needs.length; place++) {
    const { bucket, amount } = needs[place] as Need;
    const change = report.sent === "no" ? -amount : realAmount(bucket, amount, report.usage) - amount;
    const delayMs = Math.min(headersAfterMs, bucket.guardMs + allowanceMs);
    (reservation.memo.counters[place] as Counter).settle(reservation.tickets[place] as number, change, delayMs, bucket);
  }
}

/** What a bucket was really charged; the estimate stands where the answer did not tell. */
function realAmount(bucket: Bucket, estimate: number, usage: Usage | undefined): number {
  if (usage === undefined) return estimate;
  switch (bucket.dimension) {
    case "inputTokens":
      return usage.inputTokens ?? estimate;
    case "outputTokens":
      return usage.outputTokens ?? estimate;
    case "tokens":
      return usage.totalTokens ?? estimate;
    default:
      return estimate;
  }
}
