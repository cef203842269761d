/** Counters and cooldowns of several processes on one machine, in one SQLite file. docs/writing-a-store.md walks through it. */
import { randomUUID } from "node:crypto";
import type { Database } from "better-sqlite3";
import {
  afterSuccess,
  applyCooldown,
  type Blocked,
  type Bucket,
  type Candidate,
  type CooldownChange,
  type Counted,
  mayEndEarly,
  type Need,
  needsOf,
  type Random,
  type Refusal,
  type Report,
  type Reservation,
  type ReserveOptions,
  realAmount,
  type ScopeId,
  type ScopeState,
  type SharedStore,
  type StoreReading,
  type StoreSharing,
  type Unsubscribe,
} from "rotating-fetch";
import { type Cooldown, rowsOf, type SqliteRows } from "./rows.ts";
import { openDatabase } from "./schema.ts";
import { freeAt, keptUntil, mayJoin, type Standing, standingOf } from "./windows.ts";

export interface SqliteStoreOptions {
  /** The database file, made when it is not there. Beside it stand `<path>-wal` and `<path>-shm`. On a disk of this machine. */
  readonly path: string;
  /** How long a step waits for those of other processes before it throws, milliseconds. @default 5000 */
  readonly busyTimeoutMs?: number | undefined;
  /** The machine's wall clock, epoch milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** Jitters backoff schedules. @default Math.random */
  readonly random?: Random | undefined;
}

/** What a reservation took. Callers change a candidate's amounts for their next request, so this is a copy. */
interface Taken {
  readonly leaseMs: number;
  readonly scopes: readonly ScopeId[];
  readonly needs: readonly (Need & { readonly entry: number })[];
}

/** How long after its last sign of life a handle counts as an instance, milliseconds. */
const instanceLivesMs = 60_000;
const sweptEvery = 1000;

export class SqliteStore implements SharedStore {
  readonly #database: Database;
  readonly #rows: SqliteRows;
  readonly #now: () => number;
  readonly #random: Random;
  readonly #instance = randomUUID();
  /** What is not settled yet, by the very objects that were given out: so settling twice finds nothing the second time. */
  readonly #taken = new Map<Reservation, Taken>();
  readonly #since: number;
  #living: readonly string[] = [this.#instance];
  #reservations = 0;

  constructor({ path, busyTimeoutMs = 5000, now = Date.now, random = Math.random }: SqliteStoreOptions) {
    this.#database = openDatabase(path, busyTimeoutMs);
    this.#rows = rowsOf(this.#database);
    this.#now = now;
    this.#random = random;
    this.#since = now();
    this.#step((at) => this.#rows.sweep(at));
  }

  reserve(candidates: readonly Candidate[], options: ReserveOptions): Reservation | Refusal {
    return this.#step((now) => {
      const blocked: Blocked[] = [];
      for (const [index, candidate] of candidates.entries()) {
        const refused = this.#cooling(candidate, options, now) ?? this.#full(candidate, now);
        if (refused === undefined) return this.#take(candidate, index, options, now);
        blocked.push({ index, ...refused });
      }
      return { granted: false, now, blocked };
    });
  }

  settle(reports: readonly Report[], atLeast: readonly Counted[] = []): readonly ScopeState[] {
    const open = new Map<Reservation, [Report, Taken]>();
    for (const report of reports) {
      const taken = this.#taken.get(report.reservation);
      if (taken !== undefined && !open.has(report.reservation)) open.set(report.reservation, [report, taken]);
    }
    if (open.size === 0 && atLeast.length === 0) return [];
    const touched = this.#step((now) => {
      const states = [...open.values()].flatMap(([report, taken]) => this.#end(report, taken, now));
      for (const counted of atLeast) this.#raise(counted, now);
      return states;
    });
    // Only now: a step that failed may be tried again.
    for (const reservation of open.keys()) this.#taken.delete(reservation);
    return touched;
  }

  cooldown(changes: readonly CooldownChange[]): readonly ScopeState[] {
    return this.#step((now) => this.#change(changes, now));
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
    return this.#step((now) => ({
      now,
      scopes: scopes.flatMap((scope) => {
        const found = this.#rows.cooldown(scope);
        return found === undefined ? [] : stateOf(found, now);
      }),
      buckets: buckets.map((bucket) => {
        const { used, resetInMs } = this.#standing(bucket, now);
        return { id: bucket.id, used, left: Math.max(0, bucket.limit - used), resetInMs };
      }),
    }));
  }

  /** Its own leases end later, and the others see that it lives. */
  renew(): void {
    this.#step((now) => {
      this.#rows.sweep(now);
      this.#living = this.#rows.instances(this.#instance, now, now - instanceLivesMs);
      for (const [{ id }, { leaseMs }] of this.#taken) {
        this.#rows.renew(id, now + leaseMs, now);
        this.#rows.claimOn(id, now + leaseMs, now);
      }
    });
  }

  /** SQLite tells no other process of a change. */
  watch(): Unsubscribe {
    return () => {};
  }

  sharing(): StoreSharing {
    const rank = Math.max(0, this.#living.indexOf(this.#instance));
    return { state: "shared", since: this.#since, instances: this.#living.length, rank, listening: false };
  }

  /** A file on this machine is never out of reach. */
  onSharing(): Unsubscribe {
    return () => {};
  }

  close(): void {
    if (!this.#database.open) return;
    this.#rows.leave(this.#instance);
    this.#database.close();
  }

  /** One step that nothing else can come between: the write lock first, then the clock, then whatever is looked at. */
  #step<T>(decide: (now: number) => T): T {
    const step = this.#database.transaction(() => {
      const now = this.#now();
      this.#rows.beAt(now);
      return decide(now);
    });
    return step.immediate();
  }

  #cooling(candidate: Candidate, { purpose }: ReserveOptions, now: number): Omit<Blocked, "index"> | undefined {
    for (const scope of candidate.scopes) {
      const found = this.#rows.cooldown(scope);
      if (found === undefined || found.until <= now) continue;
      const isClaimed = found.probe !== null && (found.probeUntil ?? 0) > now;
      if (purpose === "probe" && mayEndEarly(found.source) && !isClaimed) continue;
      return { by: scope, until: found.until, source: found.source, reason: found.reason };
    }
    return undefined;
  }

  #full(candidate: Candidate, now: number): Omit<Blocked, "index"> | undefined {
    for (const { bucket, amount } of needsOf(candidate)) {
      const standing = this.#standing(bucket, now);
      const waitMs = standing.waitFor(amount);
      if (waitMs === 0) continue;
      if (waitMs === null) return { by: bucket.id, until: null };
      const until = now + waitMs;
      // Where much was asked for, little may fit sooner.
      return amount <= 1
        ? { by: bucket.id, until }
        : { by: bucket.id, until, anyUntil: now + (standing.waitFor(1) ?? waitMs) };
    }
    return undefined;
  }

  #take(candidate: Candidate, index: number, options: ReserveOptions, now: number): Reservation {
    const id = `${this.#instance}.${++this.#reservations}`;
    const expiresAt = now + options.leaseMs;
    const isDry = options.dryRun === true;
    const needs = isDry
      ? []
      : needsOf(candidate).map((need) => ({ ...need, entry: this.#charge(id, need, expiresAt, now) }));
    if (!isDry && options.purpose === "probe") this.#rows.claim(candidate.scopes, id, expiresAt, now);
    const standings = needsOf(candidate).map(({ bucket }) => this.#standing(bucket, now));
    const waits = needs.map(({ bucket, amount }, place) => {
      const again = bucket.dimension === "requests" || bucket.dimension === "concurrency" ? amount : 1;
      return standings[place]?.waitFor(again) ?? 0;
    });
    const reservation = {
      granted: true,
      id,
      index,
      reservedAt: now,
      readyAt: now + Math.max(0, ...waits),
    } as const;
    if (!isDry) this.#taken.set(reservation, { leaseMs: options.leaseMs, scopes: [...candidate.scopes], needs });
    if (this.#reservations % sweptEvery === 0) this.#rows.sweep(now);
    return reservation;
  }

  /** Returns the entry that holds the amount; of places, which go by their reservation, 0. */
  #charge(reservation: string, { bucket, amount }: Need, expiresAt: number, now: number): number {
    if (bucket.kind === "concurrency") {
      this.#rows.hold(reservation, bucket.id, amount, expiresAt);
      return 0;
    }
    const entries = this.#rows.entries(bucket.id, now);
    const opens = bucket.kind === "anchored" && this.#standing(bucket, now).resetInMs === null;
    if (opens) this.#rows.forget(bucket.id);
    const last = opens ? undefined : entries.at(-1);
    const kept = keptUntil(bucket, now);
    if (last === undefined || !mayJoin(bucket, last, now))
      return this.#rows.add(bucket.id, amount, now, 1, opens, kept);
    this.#rows.join(last.id, amount, now, kept);
    return last.id;
  }

  #end(report: Report, { scopes, needs }: Taken, now: number): ScopeState[] {
    const { id, reservedAt } = report.reservation;
    for (const need of needs) if (need.bucket.kind !== "concurrency") this.#correct(need, report, now);
    // Whoever hangs up is not heard at once. A place whose lease has expired is gone, and stays gone.
    const lingers = report.sent !== "no" && (report.outcome === "aborted" || report.sent === "unknown");
    for (const { bucket } of needs) {
      if (bucket.kind === "concurrency") this.#rows.release(id, bucket.id, lingers ? now + bucket.guardMs : now);
    }
    this.#rows.unclaim(id);
    const touched: ScopeState[] = [];
    if (report.outcome === "success") {
      for (const scope of scopes) {
        const record = this.#rows.cooldown(scope);
        const next = record && afterSuccess(record, reservedAt, now);
        if (next !== undefined && next !== record) touched.push(this.#remember(next, now));
      }
    }
    return [...touched, ...this.#change(report.cooldowns ?? [], now)];
  }

  /** Real amounts take the place of what was reserved. */
  #correct({ bucket, amount, entry }: Taken["needs"][number], report: Report, now: number): void {
    const real = report.sent === "no" ? 0 : realAmount(bucket, amount, report.amounts);
    const change = real - amount;
    const believedMs = Math.min(
      report.headersAfterMs ?? Number.POSITIVE_INFINITY,
      bucket.guardMs + (report.allowanceMs ?? 0),
    );
    const found = this.#rows.entry(entry);
    if (bucket.kind === "rolling" && change > 0 && (found === undefined || freeAt(bucket, found) <= now)) {
      // The answer outlived its window: what it used beyond the estimate counts from now on.
      this.#rows.add(bucket.id, change, now, 0, false, keptUntil(bucket, now));
    } else if (found !== undefined) {
      this.#rows.correct(entry, change, believedMs, real > 0, bucket.windowMs ?? 0);
    }
  }

  /** What is missing is taken now, and counted. */
  #raise({ bucket, used }: Counted, now: number): void {
    const more = bucket.kind === "concurrency" ? 0 : used - this.#standing(bucket, now).used;
    if (more <= 0) return;
    const entry = this.#charge("", { bucket, amount: more }, now, now);
    this.#rows.correct(entry, 0, 0, true, bucket.windowMs ?? 0);
  }

  #change(changes: readonly CooldownChange[], now: number): ScopeState[] {
    return changes.flatMap((change) => {
      const record = this.#rows.cooldown(change.scope);
      const next = applyCooldown(record, change, now, this.#random);
      return next === undefined ? [] : this.#remember(next, now);
    });
  }

  #remember(record: Parameters<SqliteRows["remember"]>[0], now: number): ScopeState {
    this.#rows.remember(record);
    return stateOf(record, now);
  }

  #standing(bucket: Bucket, now: number): Standing {
    const isOfPlaces = bucket.kind === "concurrency";
    const entries = isOfPlaces ? [] : this.#rows.entries(bucket.id, now);
    const places = isOfPlaces ? this.#rows.places(bucket.id, now) : [];
    return standingOf(bucket, entries, places, now);
  }
}

function stateOf(
  { scope, until, startedAt, reason, source, strikes }: Omit<Cooldown, "probe" | "probeUntil">,
  now: number,
): ScopeState {
  return { scope, now, until, startedAt, reason, source, strikes };
}
