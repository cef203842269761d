import type { Claim } from "../reading/claims.ts";
import type { Facts } from "../reading/facts.ts";
import { statedDelayOf } from "../waits/retry-delay.ts";
import { decisionTable, type Heard, type Row, type Signalled } from "./decision-table.ts";
import { type Bits, StemIndex } from "./stems.ts";
import type { Verdict } from "./verdict.ts";
import { type Signal, wordClasses } from "./word-classes.ts";

/** A row of the table, its classes as bits. */
interface CompiledRow extends Row {
  readonly required: readonly number[];
  readonly forbidden: number;
}

/** Reads by the words of the lexicon; made once, when the first refusal comes. */
export function readerOf(
  classes: Readonly<Record<Signal, string>>,
  table: readonly Row[],
): (facts: Facts) => Verdict | null {
  const index = new StemIndex(classes);
  const rows = table.map((row) => compiled(row, index));
  const ofStatus = new Map<number, readonly CompiledRow[]>();
  return (facts) => {
    const { effectiveStatus: status } = facts;
    let known = ofStatus.get(status);
    if (known === undefined) {
      known = rows.filter((row) => isUnder(row, status));
      ofStatus.set(status, known);
    }
    return known.length === 0 ? null : decide(facts, index, known);
  };
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
  const answer = new HeardAnswer(facts, index);
  if (answer.claims.length === 0) return null;
  for (const row of rows) {
    for (const claim of answer.claims) {
      if (claim.isAdvice && row.hearsAdvice !== true) continue;
      if (!fits(row, claim.bits)) continue;
      if (row.only !== undefined && !row.only(claim, answer)) continue;
      return typeof row.says === "function" ? row.says(claim, answer) : row.says;
    }
  }
  return null;
}

class SignalledClaim implements Signalled {
  readonly first: string;
  readonly isCode: boolean;
  readonly isAdvice: boolean;
  readonly bits: number;
  readonly #names: Bits;

  constructor({ words, isCode, isAdvice }: Claim, bits: number, names: Bits) {
    this.first = words[0]?.text ?? "";
    this.isCode = isCode;
    this.isAdvice = isAdvice;
    this.bits = bits;
    this.#names = names;
  }

  has(signal: Signal): boolean {
    return (this.bits & this.#names[signal]) !== 0;
  }
}

class HeardAnswer implements Heard {
  readonly status: number;
  readonly isStructured: boolean;
  readonly claims: readonly SignalledClaim[];
  readonly #facts: Facts;
  readonly #names: Bits;
  /** Of all claims together. */
  readonly #bits: number;

  constructor(facts: Facts, index: StemIndex) {
    this.status = facts.effectiveStatus;
    this.isStructured = facts.format === "structured";
    this.#facts = facts;
    this.#names = index.bits;
    const claims: SignalledClaim[] = [];
    let all = 0;
    for (const claim of facts.said.claims) {
      const bits = index.signalsIn(claim.words);
      // What somebody else said to the provider is not said to us.
      if (bits === 0 || (this.status < 429 && (bits & index.bits.fetching) !== 0)) continue;
      all |= bits;
      claims.push(new SignalledClaim(claim, bits, index.bits));
    }
    this.claims = claims;
    this.#bits = all;
  }

  get statesWait(): boolean {
    return statedDelayOf(this.#facts) !== null;
  }

  any(signal: Signal): boolean {
    return (this.#bits & this.#names[signal]) !== 0;
  }

  find(test: (claim: Signalled, heard: Heard) => boolean): Signalled | undefined {
    for (const claim of this.claims) if (!claim.isAdvice && test(claim, this)) return claim;
    return undefined;
  }

  inCode(one: Signal, other: Signal): boolean {
    for (const claim of this.claims) if (claim.isCode && claim.has(one) && claim.has(other)) return true;
    return false;
  }
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
