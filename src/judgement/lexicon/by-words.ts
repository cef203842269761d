import type { Facts } from "../reading/facts.ts";
import { statedDelayOf } from "../waits/retry-delay.ts";
import { decisionTable, type Heard, type Names, type Row, type Signalled } from "./decision-table.ts";
import { StemIndex } from "./stems.ts";
import type { Verdict } from "./verdict.ts";
import { type Signal, wordClasses } from "./word-classes.ts";

/** A row of the table, its classes as bits. */
interface CompiledRow extends Row {
  readonly required: readonly number[];
  readonly forbidden: number;
}

export type WordJudge = (facts: Facts) => Verdict | null;

/** Reads by the words of the lexicon; made once, when the first refusal comes. */
export function readerOf(
  classes: Readonly<Record<Signal, string>>,
  table: readonly Row[],
): (facts: Facts) => Verdict | null {
  const index = new StemIndex(classes);
  const rows = table.map((row) => compiled(row, index));
  return (facts) => decide(facts, index, rows);
}

let known: ((facts: Facts) => Verdict | null) | undefined;

/** What the words and codes of an answer say together. Pages in front of the API are not heard. */
export function verdictByWords(facts: Facts): Verdict | null {
  known ??= readerOf(wordClasses, decisionTable);
  return known(facts);
}

function compiled(row: Row, { bits }: StemIndex): CompiledRow {
  const bitOf = (one: Signal | readonly Signal[]): number =>
    typeof one === "string" ? bits[one] : one.reduce((sum, signal) => sum | bits[signal], 0);
  return { ...row, required: row.all.map(bitOf), forbidden: bitOf(row.none ?? []) };
}

function decide(facts: Facts, index: StemIndex, rows: readonly CompiledRow[]): Verdict | null {
  if (facts.format === "markup" || facts.format === "empty") {
    if (facts.said.claims.length === 0) return null;
  }
  const claims: Signalled[] = [];
  let all = 0;
  for (const { words, isCode, isAdvice } of facts.said.claims) {
    const bits = index.signalsIn(words);
    if (bits === 0) continue;
    all |= bits;
    claims.push({ bits, words, isCode, isAdvice });
  }
  if (claims.length === 0) return null;
  const heard = heardOf(facts, claims, all, index);
  for (const row of rows) {
    if (!isUnder(row, heard.status)) continue;
    for (const claim of claims) {
      if (claim.isAdvice && row.hearsAdvice !== true) continue;
      // What somebody else said to the provider is not said to us.
      if (heard.status < 429 && (claim.bits & index.bits.fetching) !== 0) continue;
      if (!fits(row, claim.bits)) continue;
      const names: Names = (signal) => (claim.bits & index.bits[signal]) !== 0;
      if (row.only !== undefined && !row.only(names, claim, heard)) continue;
      return typeof row.says === "function" ? row.says(names, heard) : row.says;
    }
  }
  return null;
}

function heardOf(facts: Facts, claims: readonly Signalled[], all: number, { bits }: StemIndex): Heard {
  return {
    status: facts.effectiveStatus,
    isStructured: facts.format === "structured",
    claims,
    any: (signal) => (all & bits[signal]) !== 0,
    inCode: (one, other) =>
      claims.some((claim) => claim.isCode && (claim.bits & bits[one]) !== 0 && (claim.bits & bits[other]) !== 0),
    get statesWait() {
      return statedDelayOf(facts) !== null;
    },
  };
}

function fits({ required, forbidden }: CompiledRow, bits: number): boolean {
  if ((bits & forbidden) !== 0) return false;
  for (const wanted of required) if ((bits & wanted) === 0) return false;
  return true;
}

/** Errors of the client, and of those who answer everything with 200. */
function isClient(status: number): boolean {
  if (status === 200) return true;
  return status >= 400 && status < 500 && status !== 407 && status !== 408 && status !== 499;
}

function isUnder({ under, except }: Row, status: number): boolean {
  if (except?.includes(status) === true) return false;
  if (under === "client or 500") return isClient(status) || status === 500 || status === 503;
  return under === "client" ? isClient(status) : under.includes(status);
}
