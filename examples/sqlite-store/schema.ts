/** The tables, and how a database file is opened so that several processes can work on it. */
import { randomUUID } from "node:crypto";
import Database from "better-sqlite3";

/** Raised with every change of the tables that older code would misread. */
const version = 1;

const tables = `
  CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket TEXT NOT NULL,
    first_at REAL NOT NULL,
    last_at REAL NOT NULL,
    amount REAL NOT NULL,
    pending INTEGER NOT NULL,
    delay_ms REAL NOT NULL,
    counted INTEGER NOT NULL,
    opens INTEGER NOT NULL,
    kept_until REAL NOT NULL
  );
  CREATE INDEX IF NOT EXISTS entries_of_bucket ON entries (bucket, id);
  CREATE TABLE IF NOT EXISTS places (
    reservation TEXT NOT NULL,
    bucket TEXT NOT NULL,
    amount REAL NOT NULL,
    until REAL NOT NULL,
    leaving INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS places_of_bucket ON places (bucket);
  CREATE INDEX IF NOT EXISTS places_of_reservation ON places (reservation);
  CREATE TABLE IF NOT EXISTS cooldowns (
    scope TEXT PRIMARY KEY,
    until REAL NOT NULL,
    started_at REAL NOT NULL,
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    strikes INTEGER NOT NULL,
    probe TEXT,
    probe_until REAL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS instances (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    seen_at REAL NOT NULL
  );
  CREATE TABLE IF NOT EXISTS state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    seen_at REAL NOT NULL
  );
`;

/** @throws Error when the file was written by a later version, or is no database. */
export function openDatabase(path: string, busyTimeoutMs: number): Database.Database {
  const database = new Database(path, { timeout: busyTimeoutMs });
  try {
    // Readers and the one writer do not wait for each other, and a commit waits for no disk.
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = NORMAL");
    // Another process may be making the same tables.
    database.transaction(() => makeTables(database, path)).immediate();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function makeTables(database: Database.Database, path: string): void {
  const found = Number(database.pragma("user_version", { simple: true }));
  if (found > version) throw new Error(`${path} was written by a later version (${found}) than this one (${version})`);
  database.exec(tables);
  database.prepare("INSERT OR IGNORE INTO state VALUES (1, ?, 0)").run(randomUUID());
  database.pragma(`user_version = ${version}`);
}
