/** Every statement the store runs. None of them decides anything. */
import type { Database } from "better-sqlite3";
import type { CooldownRecord, ScopeId } from "rotating-fetch";
import type { Entry, Place } from "./windows.ts";

export interface Cooldown extends CooldownRecord {
  /** The reservation that claims the one probe at a time, and how long. */
  readonly probe: string | null;
  readonly probeUntil: number | null;
}

export type SqliteRows = ReturnType<typeof rowsOf>;

/** How long a scope's consecutive failures are remembered after its cooldown, milliseconds. */
const recordKeptMs = 7 * 86_400_000;

const entryColumns = "id, first_at AS firstAt, last_at AS lastAt, amount, pending, delay_ms AS delayMs, counted, opens";
/** Every column that holds a time. */
const times = {
  entries: ["first_at", "last_at", "kept_until"],
  places: ["until"],
  cooldowns: ["until", "started_at", "probe_until"],
  instances: ["seen_at"],
};

export function rowsOf(database: Database) {
  return {
    ...timeRows(database),
    ...entryRows(database),
    ...placeRows(database),
    ...cooldownRows(database),
  };
}

function timeRows(database: Database) {
  const state = database.prepare<[], { seenAt: number }>("SELECT seen_at AS seenAt FROM state");
  const see = database.prepare("UPDATE state SET seen_at = ?");
  const shifts = Object.entries(times).map(([table, columns]) =>
    database.prepare(`UPDATE ${table} SET ${columns.map((column) => `${column} = ${column} + :by`).join(", ")}`),
  );
  const sweeps = [
    database.prepare("DELETE FROM entries WHERE kept_until <= :now"),
    database.prepare("DELETE FROM places WHERE until <= :now"),
    database.prepare("DELETE FROM cooldowns WHERE until + :kept <= :now"),
  ];
  const live = database.prepare(
    "INSERT INTO instances (id, seen_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
  );
  const bury = database.prepare("DELETE FROM instances WHERE seen_at < ?");
  const living = database.prepare<[], { id: string }>("SELECT id FROM instances ORDER BY number");
  const leave = database.prepare("DELETE FROM instances WHERE id = ?");
  return {
    /** A clock that was set back was wrong before: all that was noted by it goes back with it. */
    beAt: (now: number): void => {
      const { seenAt } = state.get() as { seenAt: number };
      if (now < seenAt) for (const shift of shifts) shift.run({ by: now - seenAt });
      if (now !== seenAt) see.run(now);
    },
    sweep: (now: number): void => {
      for (const sweep of sweeps) sweep.run({ now, kept: recordKeptMs });
    },
    instances: (id: string, now: number, seenSince: number): string[] => {
      live.run(id, now);
      bury.run(seenSince);
      return living.all().map((row) => row.id);
    },
    leave: (id: string): void => void leave.run(id),
  };
}

function entryRows(database: Database) {
  const ofBucket = database.prepare<[string, number], Entry>(
    `SELECT ${entryColumns} FROM entries WHERE bucket = ? AND kept_until > ? ORDER BY id`,
  );
  const one = database.prepare<[number], Entry>(`SELECT ${entryColumns} FROM entries WHERE id = ?`);
  const add = database.prepare("INSERT INTO entries VALUES (NULL, ?, :now, :now, ?, ?, 0, 0, ?, ?)");
  const join = database.prepare(
    "UPDATE entries SET amount = amount + ?, last_at = ?, pending = pending + 1, kept_until = ? WHERE id = ?",
  );
  const correct = database.prepare(`
    UPDATE entries SET amount = amount + :change, pending = pending - 1, delay_ms = max(delay_ms, :delayMs),
      counted = max(counted, :counted), kept_until = max(kept_until, last_at + :windowMs + :delayMs + 1) WHERE id = :id`);
  const dropEmpty = database.prepare("DELETE FROM entries WHERE id = ? AND pending <= 0 AND amount <= 0");
  const forget = database.prepare("DELETE FROM entries WHERE bucket = ?");
  return {
    entries: (bucket: string, now: number): Entry[] => ofBucket.all(bucket, now),
    entry: (id: number): Entry | undefined => one.get(id),
    add: (bucket: string, amount: number, now: number, pending: 0 | 1, opens: boolean, keptUntil: number): number =>
      Number(add.run(bucket, amount, pending, opens ? 1 : 0, keptUntil, { now }).lastInsertRowid),
    join: (id: number, amount: number, now: number, keptUntil: number): void =>
      void join.run(amount, now, keptUntil, id),
    correct: (id: number, change: number, delayMs: number, isCounted: boolean, windowMs: number): void => {
      correct.run({ id, change, delayMs, counted: isCounted ? 1 : 0, windowMs });
      dropEmpty.run(id);
    },
    forget: (bucket: string): void => void forget.run(bucket),
  };
}

function placeRows(database: Database) {
  const held = database.prepare<[string, number], Place>(
    "SELECT amount, until, leaving FROM places WHERE bucket = ? AND until > ?",
  );
  const hold = database.prepare("INSERT INTO places VALUES (?, ?, ?, ?, 0)");
  const release = database.prepare(
    "UPDATE places SET until = min(until, ?), leaving = 1 WHERE reservation = ? AND bucket = ? AND leaving = 0",
  );
  const renew = database.prepare("UPDATE places SET until = ? WHERE reservation = ? AND leaving = 0 AND until > ?");
  return {
    places: (bucket: string, now: number): Place[] => held.all(bucket, now),
    hold: (reservation: string, bucket: string, amount: number, until: number): void =>
      void hold.run(reservation, bucket, amount, until),
    /** A lease that has ended stays so. */
    renew: (reservation: string, until: number, now: number): void => void renew.run(until, reservation, now),
    release: (reservation: string, bucket: string, until: number): void => void release.run(until, reservation, bucket),
  };
}

function cooldownRows(database: Database) {
  const one = database.prepare<[string], Cooldown>(
    "SELECT scope, until, started_at AS startedAt, reason, source, strikes, probe, probe_until AS probeUntil FROM cooldowns WHERE scope = ?",
  );
  const remember = database.prepare(`
    INSERT INTO cooldowns (scope, until, started_at, reason, source, strikes)
    VALUES (:scope, :until, :startedAt, :reason, :source, :strikes)
    ON CONFLICT (scope) DO UPDATE SET until = excluded.until, started_at = excluded.started_at, reason = excluded.reason,
      source = excluded.source, strikes = excluded.strikes`);
  const claim = database.prepare("UPDATE cooldowns SET probe = ?, probe_until = ? WHERE scope = ? AND until > ?");
  const claimOn = database.prepare("UPDATE cooldowns SET probe_until = ? WHERE probe = ? AND probe_until > ?");
  const unclaim = database.prepare("UPDATE cooldowns SET probe = NULL, probe_until = NULL WHERE probe = ?");
  return {
    cooldown: (scope: ScopeId): Cooldown | undefined => one.get(scope),
    remember: ({ scope, until, startedAt, reason, source, strikes }: CooldownRecord): void =>
      void remember.run({ scope, until, startedAt, reason, source, strikes }),
    claim: (scopes: readonly ScopeId[], reservation: string, until: number, now: number): void => {
      for (const scope of scopes) claim.run(reservation, until, scope, now);
    },
    claimOn: (reservation: string, until: number, now: number): void => void claimOn.run(until, reservation, now),
    unclaim: (reservation: string): void => void unclaim.run(reservation),
  };
}
