import type { Strength } from "../types.ts";
import type { Stage, Verdict } from "./lexicon/verdict.ts";
import type { ErrorRule } from "./provider.ts";
import { foldIdentifier } from "./reading/envelope.ts";
import type { Facts } from "./reading/facts.ts";
import { readPath } from "./reading/guarded.ts";
import { readQuotaFailure, windowInWords } from "./waits/limit-words.ts";

type Test = (facts: Facts) => boolean;

/** Turns a provider's rules into a stage: the first that applies decides. */
export function stageOfRules(rules: readonly ErrorRule[], strength: Strength = "certain"): Stage {
  const compiled = rules.map((rule) => ({ tests: testsOf(rule), verdict: { ...rule.verdict, strength } as Verdict }));
  return (facts) => {
    for (const { tests, verdict } of compiled) if (tests.every((test) => test(facts))) return verdict;
    return null;
  };
}

/** Does a rule name nothing but a status? Words go before it. */
export function isOfStatusAlone({ code, words, header, field, window }: ErrorRule): boolean {
  return [code, words, header, field, window].every((test) => test === undefined);
}

/** Does a rule look for errors in answers whose status says success? */
export function looksInside({ embedded, field }: ErrorRule): boolean {
  return embedded === true && field !== undefined;
}

function testsOf(rule: ErrorRule): readonly Test[] {
  const tests: Test[] = [];
  if (rule.status !== undefined) tests.push(statusTest(listOf(rule.status)));
  if (rule.embedded !== undefined) tests.push((facts) => facts.isEmbedded === rule.embedded);
  if (rule.code !== undefined) tests.push(codeTest(listOf(rule.code)));
  if (rule.words !== undefined) tests.push(wordsTest(listOf(rule.words)));
  if (rule.unless !== undefined) {
    const unwanted = wordsTest(listOf(rule.unless));
    tests.push((facts) => !unwanted(facts));
  }
  if (rule.header !== undefined) tests.push(headerTest(rule.header));
  if (rule.field !== undefined) tests.push(fieldTest(rule.field));
  if (rule.window !== undefined) tests.push(windowTest(listOf(rule.window)));
  return tests;
}

function listOf<Value>(value: Value | readonly Value[]): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : [value as Value];
}

function statusTest(statuses: readonly number[]): Test {
  return ({ status, effectiveStatus }) => statuses.includes(status) || statuses.includes(effectiveStatus);
}

function codeTest(codes: readonly string[]): Test {
  const folded = new Set(codes.map(foldIdentifier));
  return (facts) => facts.codes.some((code) => folded.has(code));
}

function wordsTest(words: readonly string[]): Test {
  const lower = words.map((phrase) => phrase.toLowerCase());
  return ({ message }) => message !== "" && lower.some((phrase) => message.includes(phrase));
}

function headerTest(header: NonNullable<ErrorRule["header"]>): Test {
  if (typeof header === "string") return (facts) => facts.headers.get(header) !== null;
  const [name, value] = header;
  return (facts) => facts.headers.get(name)?.trim().toLowerCase() === value.toLowerCase();
}

function fieldTest(field: NonNullable<ErrorRule["field"]>): Test {
  const [path, ...wanted] = typeof field === "string" ? [field] : field;
  return ({ envelope, body }) => {
    // One place after the other: a `null` in the details does not hide a value in the body.
    for (const holder of [...envelope.details, body]) {
      const value = readPath([holder], path);
      if (value === undefined) continue;
      if (wanted.length === 0 ? value !== null : wanted.some((one) => one === value)) return true;
    }
    return false;
  };
}

function windowTest(windows: readonly string[]): Test {
  return ({ envelope, message }) => {
    const window = readQuotaFailure(envelope.details)?.window ?? windowInWords(message);
    return window !== null && windows.includes(window);
  };
}
