import type { CooldownChange, CooldownSource, LadderSpec, Random, ScopeId } from "../types.ts";
import type { ScopeState } from "./store.ts";

/** What is remembered of a scope that was cooled. It outlives the cooldown, for the consecutive failures. */
export interface CooldownRecord {
  readonly scope: ScopeId;
  readonly until: number;
  readonly startedAt: number;
  readonly reason: string;
  readonly source: CooldownSource;
  readonly strikes: number;
}

/** Guesses and credit may be proved wrong before their end; what a provider or an operator said stands. */
export function mayEndEarly(source: CooldownSource): boolean {
  return source === "heuristic" || source === "credit";
}

/**
 * The record after a change, for stores: all times are the store's own. Returns the same object when nothing changes, and
 * `undefined` when there is nothing to remember.
 */
export function applyCooldown(
  record: CooldownRecord | undefined,
  change: CooldownChange,
  now: number,
  random: Random,
): CooldownRecord | undefined {
  const { set } = change;
  if (set === "end") return endCooldown(record, change.source, now);
  if ("forMs" in set) return extended(record, change, now, set.forMs, record?.strikes ?? 0);
  // A failure that was under way when the cooldown began tells nothing new.
  if (record !== undefined && set.attemptStartedAt <= record.startedAt) return record;
  const strikes = record?.strikes ?? 0;
  return extended(record, change, now, ladderStep(set.ladder, strikes, random), strikes + 1);
}

/** The record after a success, the same object when nothing changes. One that began before the cooldown did proves nothing about it. */
export function afterSuccess(record: CooldownRecord, reservedAt: number, now: number): CooldownRecord {
  if (reservedAt <= record.startedAt) return record;
  if (record.until <= now) return record.strikes === 0 ? record : { ...record, strikes: 0 };
  return mayEndEarly(record.source) ? { ...record, until: now, strikes: 0 } : record;
}

export function toScopeState(record: CooldownRecord, now: number): ScopeState {
  const { scope, until, startedAt, reason, source, strikes } = record;
  return { scope, until, startedAt, reason, source, strikes, now };
}

function endCooldown(record: CooldownRecord | undefined, by: CooldownSource, now: number): CooldownRecord | undefined {
  if (record === undefined || (record.until <= now && record.strikes === 0)) return record;
  if (by !== "operator" && !mayEndEarly(record.source)) return record;
  return { ...record, until: Math.min(record.until, now), strikes: 0 };
}

function extended(
  record: CooldownRecord | undefined,
  change: CooldownChange,
  now: number,
  forMs: number,
  strikes: number,
): CooldownRecord {
  const { scope, reason, source } = change;
  const until = now + forMs;
  const active = record !== undefined && record.until > now;
  if (!active) return { scope, until, startedAt: now, reason, source, strikes };
  // A step up is a cooldown of its own: what was under way when it was taken does not take another.
  const startedAt = strikes === record.strikes ? record.startedAt : now;
  if (until <= record.until) return strikes === record.strikes ? record : { ...record, strikes, startedAt };
  // A longer guess does not loosen what a provider or an operator said.
  const kept = mayEndEarly(source) && !mayEndEarly(record.source) ? record.source : source;
  return { scope, until, startedAt, reason, source: kept, strikes };
}

function ladderStep(ladder: LadderSpec, strikes: number, random: Random): number {
  const stepMs = Math.min(ladder.baseMs * ladder.factor ** strikes, ladder.maxMs);
  return stepMs * (1 + ladder.jitter * random());
}
