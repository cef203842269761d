import { InvalidOptionsError } from "../../errors.ts";
import type { CooldownSource, ScopeId } from "../../types.ts";
import type { CooldownRecord } from "../cooldown-rules.ts";
import type { StoreDump } from "../store.ts";
import {
  type Counter,
  type CounterDump,
  finiteOrNull,
  fromWallTime,
  type Instant,
  toWallTime,
} from "../windows/counter.ts";
import { createCounter } from "../windows/create-counter.ts";
import { recordKeptMs } from "./memory-cooldowns.ts";
import { markOlder } from "./older-ids.ts";

const format = "rotating-fetch/memory";
/** Raised only for what an earlier version would read wrongly. */
export const dumpVersion = 2;
/** That of version 0.1.0: its ids carry no provider. */
const olderVersion = 1;

/** What a memory store holds, as its dump needs it. */
export interface MemoryContents {
  readonly cells: ReadonlyMap<ScopeId, { readonly record: CooldownRecord }>;
  readonly counters: ReadonlyMap<string, Counter>;
}

/** What a memory store takes over from a dump. */
export interface LoadedContents {
  readonly records: readonly CooldownRecord[];
  readonly counters: ReadonlyMap<string, Counter>;
}

interface CooldownDump {
  readonly scope: ScopeId;
  /** Epoch milliseconds; `null`: never ends. */
  readonly until: number | null;
  readonly startedAt: number;
  readonly reason: string;
  readonly source: CooldownSource;
  readonly strikes: number;
}

interface CounterRecord {
  readonly id: string;
  readonly counted: CounterDump;
}

interface DumpedState {
  /** Epoch milliseconds. */
  readonly savedAt: number;
  readonly cooldowns: readonly CooldownDump[];
  readonly counters: readonly CounterRecord[];
}

export function dumpContents({ cells, counters }: MemoryContents, at: Instant): StoreDump {
  const state: DumpedState = {
    savedAt: at.wall,
    cooldowns: [...cells.values()].flatMap(({ record }) => dumpCooldown(record, at) ?? []),
    counters: [...counters].flatMap(([id, counter]) => dumpCounter(id, counter, at) ?? []),
  };
  return { format, version: dumpVersion, state };
}

/**
 * The JSON text of the same dump, a line for a record, so that a large one need not be made at once. What is worth no
 * line comes as an empty text.
 */
export function* dumpText({ cells, counters }: MemoryContents, at: Instant): Generator<string, void> {
  yield `{"format":${JSON.stringify(format)},"version":${dumpVersion},"state":{"savedAt":${at.wall},"cooldowns":[`;
  let separator = "\n";
  for (const { record } of cells.values()) {
    const dumped = dumpCooldown(record, at);
    yield dumped === undefined ? "" : separator + JSON.stringify(dumped);
    if (dumped !== undefined) separator = ",\n";
  }
  yield '\n],"counters":[';
  separator = "\n";
  for (const [id, counter] of counters) {
    const dumped = dumpCounter(id, counter, at);
    yield dumped === undefined ? "" : separator + JSON.stringify(dumped);
    if (dumped !== undefined) separator = ",\n";
  }
  yield "\n]}}\n";
}

/**
 * Reads a dump of this or another process. What has expired since is left out.
 * @throws InvalidOptionsError when it is none, one of another format or version, or out of shape.
 */
export function loadContents(dump: unknown, at: Instant): LoadedContents {
  const { cooldowns, counters } = expectState(dump);
  const named = (dump as StoreDump).version === olderVersion ? markOlder : (id: string): string => id;
  const loaded = new Map<string, Counter>();
  for (const { id, counted } of counters) {
    const counter = createCounter(counted.kind);
    counter.load(counted, at);
    if (!counter.isIdle(at)) loaded.set(named(id), counter);
  }
  const records = cooldowns.map((each) => loadCooldown({ ...each, scope: named(each.scope) }, at));
  return { records: records.filter((record) => isRemembered(record, at.monotonic)), counters: loaded };
}

/** A record whose cooldown is over is kept for a while, if there are consecutive failures to remember. */
function isRemembered({ until, strikes }: CooldownRecord, now: number): boolean {
  return until > now || (strikes > 0 && until + recordKeptMs > now);
}

function dumpCounter(id: string, counter: Counter, at: Instant): CounterRecord | undefined {
  const counted = counter.dump(at);
  return counted === undefined ? undefined : { id, counted };
}

function dumpCooldown(record: CooldownRecord, at: Instant): CooldownDump | undefined {
  if (!isRemembered(record, at.monotonic)) return undefined;
  const { scope, until, startedAt, reason, source, strikes } = record;
  const [endsAt, beganAt] = [finiteOrNull(toWallTime(until, at)), toWallTime(startedAt, at)];
  return { scope, until: endsAt, startedAt: beganAt, reason, source, strikes };
}

function loadCooldown({ scope, until, startedAt, reason, source, strikes }: CooldownDump, at: Instant): CooldownRecord {
  const beganAt = fromWallTime(startedAt, at);
  const forMs = until === null ? Number.POSITIVE_INFINITY : until - startedAt;
  return { scope, until: beganAt + forMs, startedAt: beganAt, reason, source, strikes };
}

function expectState(dump: unknown): DumpedState {
  const { format: itsFormat, version: itsVersion, state } = expectObject("dump", dump);
  if (itsFormat !== format) throw unexpected("dump.format", `"${format}"`, itsFormat);
  if (itsVersion !== dumpVersion && itsVersion !== olderVersion)
    throw unexpected("dump.version", `${dumpVersion}, the one this version writes, or ${olderVersion}`, itsVersion);
  const { savedAt, cooldowns, counters } = expectObject("dump.state", state);
  expectNumbers("dump.state", { savedAt }, ["savedAt"]);
  expectList("dump.state.cooldowns", cooldowns, expectCooldown);
  expectList("dump.state.counters", counters, expectCounter);
  return state as DumpedState;
}

const sources: Readonly<Record<CooldownSource, true>> = {
  authoritative: true,
  heuristic: true,
  credit: true,
  operator: true,
};

function expectCooldown(field: string, value: unknown): void {
  const cooldown = expectObject(field, value);
  expectTexts(field, cooldown, ["scope", "reason"]);
  expectNumbers(field, cooldown, ["startedAt", "strikes"], ["until"]);
  if (typeof cooldown["source"] !== "string" || !Object.hasOwn(sources, cooldown["source"])) {
    throw unexpected(`${field}.source`, `one of ${Object.keys(sources).join(", ")}`, cooldown["source"]);
  }
}

const calendarFields = ["startBefore", "start", "lastAt", "before", "now", "after"];

function expectCounter(field: string, value: unknown): void {
  const record = expectObject(field, value);
  expectTexts(field, record, ["id"]);
  const counted = expectObject(`${field}.counted`, record["counted"]);
  switch (counted["kind"]) {
    case "rolling":
      expectNumbers(`${field}.counted`, counted, [], ["spanMs"]);
      expectEntries(`${field}.counted.entries`, counted["entries"]);
      break;
    case "calendar":
      expectNumbers(`${field}.counted`, counted, calendarFields, ["guardMs", "end"]);
      break;
    case "anchored":
      expectNumbers(`${field}.counted`, counted, ["startedAt", "startedBy", "used"], ["spanMs"]);
      break;
    default:
      expectKind(`${field}.counted.kind`, counted["kind"]);
  }
}

/** Of what can be dumped. */
function expectKind(field: string, kind: unknown): void {
  const kinds: readonly unknown[] = ["rolling", "calendar", "anchored"];
  if (!kinds.includes(kind)) throw unexpected(field, `one of ${kinds.join(", ")}`, kind);
}

function expectEntries(field: string, value: unknown): void {
  if (Array.isArray(value) && value.length % 5 === 0 && value.every(Number.isFinite)) return;
  throw unexpected(field, "a list of numbers, five for an entry", value);
}

type Fields = Readonly<Record<string, unknown>>;

function expectObject(field: string, value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw unexpected(field, "an object", value);
}

function expectList(field: string, value: unknown, expectEntry: (field: string, value: unknown) => void): void {
  if (!Array.isArray(value)) throw unexpected(field, "a list", value);
  for (const [place, entry] of value.entries()) expectEntry(`${field}[${place}]`, entry);
}

function expectTexts(field: string, value: Fields, names: readonly string[]): void {
  for (const name of names) {
    if (typeof value[name] !== "string") throw unexpected(`${field}.${name}`, "a string", value[name]);
  }
}

function expectNumbers(field: string, value: Fields, names: readonly string[], orNull: readonly string[] = []): void {
  for (const name of [...names, ...orNull]) {
    const isFit = Number.isFinite(value[name]) || (value[name] === null && orNull.includes(name));
    if (!isFit) throw unexpected(`${field}.${name}`, "a finite number", value[name]);
  }
}

/** A dump may be anything, a list of secrets included: of its texts only names like the expected ones are repeated. */
function unexpected(field: string, expectation: string, value: unknown): InvalidOptionsError {
  const isShown = typeof value === "number" || (typeof value === "string" && /^[a-z/-]{1,31}$/.test(value));
  const came = isShown
    ? JSON.stringify(value)
    : value === null
      ? "null"
      : Array.isArray(value)
        ? "a list"
        : kindOf(value);
  return new InvalidOptionsError(field, `Expected \`${field}\` to be ${expectation}, got ${came}`);
}

function kindOf(value: unknown): string {
  return value === undefined ? "undefined" : `a value of type ${typeof value}`;
}
