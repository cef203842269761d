/** What a bucket holds and when something of it is free again, decided over the rows that a transaction has read. Pure. */
import type { Bucket } from "rotating-fetch";

/** What was taken from a bucket at about one time. */
export interface Entry {
  readonly id: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly amount: number;
  /** How many of its reservations have no answer yet. */
  readonly pending: number;
  /** The longest known delay until the provider had counted, milliseconds. */
  readonly delayMs: number;
  /** 1: the provider has counted it for sure. */
  readonly counted: number;
  /** 1: it opened an anchored window. */
  readonly opens: number;
}

export interface Place {
  readonly amount: number;
  /** When it comes back at the latest. */
  readonly until: number;
  /** 1: its request was given up, so the time is known. */
  readonly leaving: number;
}

export interface Standing {
  readonly used: number;
  /** Milliseconds until something is free again; `null`: nothing is counted, or nobody knows. */
  readonly resetInMs: number | null;
  /** Milliseconds until `amount` fits. 0: now; Infinity: never; `null`: only a release helps. */
  waitFor(amount: number): number | null;
}

/** The last entry takes what comes within this share of the window: at most a hundred rows a window. */
const grain = 0.01;
/** Months differ by a tenth, and so do days. */
const longer = 1.2;
/** A clock of whole milliseconds tells when something was reserved to one millisecond. */
const clockStepMs = 1;
/** No calendar window is longer. */
const longestCalendarMs = 32 * 86_400_000;

export function standingOf(bucket: Bucket, entries: readonly Entry[], places: readonly Place[], now: number): Standing {
  const found = bySort(bucket, entries, places, now);
  const waitFor = (amount: number): number | null =>
    amount > bucket.limit ? Number.POSITIVE_INFINITY : found.waitFor(amount);
  return { ...found, waitFor };
}

function bySort(bucket: Bucket, entries: readonly Entry[], places: readonly Place[], now: number): Standing {
  switch (bucket.kind) {
    case "rolling":
      return rolling(bucket, entries, now);
    case "calendar":
      return calendar(bucket, entries, now);
    case "anchored":
      return anchored(bucket, entries, now);
    case "concurrency":
      return concurrency(bucket, places, now);
  }
}

/** Each entry by itself: reserved + window + the delay that is known, or the guard while nothing is. */
function rolling(bucket: Bucket, entries: readonly Entry[], now: number): Standing {
  const counting = entries
    .map((entry) => ({ amount: entry.amount, freeAt: freeAt(bucket, entry) }))
    .filter((entry) => entry.freeAt > now)
    .sort((one, other) => one.freeAt - other.freeAt);
  const used = sumOf(counting);
  const waitFor = (amount: number): number => {
    let over = used + amount - bucket.limit;
    if (over <= 0) return 0;
    const last = counting.find((entry) => {
      over -= entry.amount;
      return over <= 0;
    });
    return last === undefined ? Number.POSITIVE_INFINITY : last.freeAt - now;
  };
  const [next] = counting;
  return { used, resetInMs: next === undefined ? null : next.freeAt - now, waitFor };
}

/** When a rolling window has forgotten an entry. */
export function freeAt({ windowMs = 0, guardMs }: Bucket, { lastAt, pending, delayMs }: Entry): number {
  return lastAt + clockStepMs + windowMs + (pending > 0 ? Math.max(guardMs, delayMs) : delayMs);
}

/** Within the guard of an edge nobody knows on which side the provider counts: such an entry counts on both. */
function calendar(bucket: Bucket, entries: readonly Entry[], now: number): Standing {
  const { limit, guardMs } = bucket;
  const { startBefore, start, end } = windowAt(bucket, now);
  const takenIn = (from: number, to: number): number =>
    sumOf(entries.filter(({ firstAt }) => firstAt >= from - guardMs && firstAt < to + guardMs));
  // A clock that is behind the edges keeps the count.
  const used = takenIn(Math.min(start, now), end);
  const before = now < start + guardMs ? takenIn(startBefore, start) : 0;
  const endsInMs = Number.isFinite(end) ? end - now : 0;
  const waitFor = (amount: number): number => {
    if (used + amount > limit) return Math.max(1, endsInMs + guardMs);
    return before + amount > limit ? start + guardMs - now : 0;
  };
  return { used, resetInMs: used === 0 ? null : endsInMs, waitFor };
}

interface CalendarWindow {
  /** When the window before began, at the earliest. */
  readonly startBefore: number;
  readonly start: number;
  readonly end: number;
}

/** Edges may be long past. Then the window that holds now began somewhen after them, and its end is not known. */
function windowAt({ edges }: Bucket, now: number): CalendarWindow {
  if (edges === undefined) throw new TypeError("A calendar bucket has edges");
  const [start, end, nextEnd] = edges;
  if (now < end) return { startBefore: start - longer * (end - start), start, end };
  if (now < nextEnd) return { startBefore: start, start: end, end: nextEnd };
  return { startBefore: end, start: nextEnd, end: Number.POSITIVE_INFINITY };
}

/** Begins with its first use. Around its end nothing is given out: it could open the provider's next window unseen. */
function anchored(bucket: Bucket, entries: readonly Entry[], now: number): Standing {
  const { limit, guardMs, windowMs = 0 } = bucket;
  const began = beginning(entries);
  const leftMs = began.latest + windowMs + guardMs - now;
  if (leftMs <= 0) return { used: 0, resetInMs: null, waitFor: () => 0 };
  const used = sumOf(entries);
  const mayHaveEnded = now - began.earliest >= windowMs - guardMs;
  return { used, resetInMs: leftMs, waitFor: (amount) => (!mayHaveEnded && used + amount <= limit ? 0 : leftMs) };
}

/** Between which two times the provider's window began. Where the first use was never sent, a later one opened it. */
function beginning(entries: readonly Entry[]): { readonly earliest: number; readonly latest: number } {
  const [first] = entries;
  if (first === undefined) return { earliest: Number.NEGATIVE_INFINITY, latest: Number.NEGATIVE_INFINITY };
  if (first.opens === 1) return { earliest: first.firstAt, latest: first.firstAt };
  const sure = entries.find(({ counted }) => counted === 1) ?? entries.at(-1);
  return { earliest: first.firstAt, latest: sure?.lastAt ?? first.lastAt };
}

function concurrency(bucket: Bucket, places: readonly Place[], now: number): Standing {
  const used = sumOf(places);
  const waitFor = (amount: number): number | null => {
    if (used + amount <= bucket.limit) return 0;
    const leaving = places.filter(({ leaving }) => leaving === 1).map(({ until }) => until);
    return leaving.length === 0 ? null : Math.min(...leaving) - now;
  };
  return { used, resetInMs: null, waitFor };
}

/** May what is taken now be added to this entry, instead of making another? */
export function mayJoin(bucket: Bucket, last: Entry, now: number): boolean {
  if (bucket.kind !== "calendar") return last.opens === 0 && now - last.firstAt < (bucket.windowMs ?? 0) * grain;
  const { start, end } = windowAt(bucket, now);
  // Only what is counted on the same sides of the edges.
  const sides = (at: number): string => `${at < start + bucket.guardMs} ${at >= end - bucket.guardMs}`;
  const isNear = Number.isFinite(end) && last.firstAt >= start && now - last.firstAt < (end - start) * grain;
  return isNear && sides(last.firstAt) === sides(now);
}

/** From when on nobody asks for an entry of now any more. */
export function keptUntil(bucket: Bucket, now: number): number {
  if (bucket.kind !== "calendar") return now + 2 * ((bucket.windowMs ?? 0) + bucket.guardMs);
  const { start, end } = windowAt(bucket, now);
  return Number.isFinite(end) ? end + longer * (end - start) + bucket.guardMs : now + longestCalendarMs;
}

function sumOf(list: readonly { readonly amount: number }[]): number {
  return list.reduce((sum, { amount }) => sum + amount, 0);
}
