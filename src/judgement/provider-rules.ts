import type { Strength } from "../types.ts";
import type { Stage, Verdict } from "./lexicon/verdict.ts";
import type { ErrorRule } from "./provider.ts";
import { foldIdentifier } from "./reading/envelope.ts";
import type { Facts } from "./reading/facts.ts";
import { isList, readList, readPath, textOf } from "./reading/guarded.ts";
import { holdsNothing } from "./reading/refused-success.ts";
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
export function isOfStatusAlone({ code, words, header, field, window, empty }: ErrorRule): boolean {
  return [code, words, header, field, window, empty].every((test) => test === undefined);
}

/** The status of success that a rule is for; `undefined`: it is for none. */
export function successIn({ status }: ErrorRule): number | undefined {
  return status === undefined ? undefined : listOf(status).find((one) => one >= 200 && one < 300);
}

/** Is a rule for answers that say success, so that these must be looked into? */
export function isForSuccess(rule: ErrorRule): boolean {
  return rule.empty === true || successIn(rule) !== undefined;
}

/** Does a rule look for errors in answers that say success and hold no error object? */
export function looksInside(rule: ErrorRule): boolean {
  return isForSuccess(rule) || (rule.embedded === true && rule.field !== undefined);
}

function testsOf(rule: ErrorRule): readonly Test[] {
  const tests: Test[] = [];
  if (rule.status !== undefined) tests.push(statusTest(listOf(rule.status)));
  if (successIn(rule) !== undefined && rule.field === undefined && rule.empty === undefined) tests.push(mayBeRefusal);
  if (rule.embedded !== undefined) tests.push((facts) => facts.isEmbedded === rule.embedded);
  if (rule.code !== undefined) tests.push(codeTest(listOf(rule.code)));
  const place = typeof rule.field === "string" ? rule.field : undefined;
  if (rule.words !== undefined) tests.push(wordsTest(listOf(rule.words), place));
  if (rule.unless !== undefined) {
    const unwanted = wordsTest(listOf(rule.unless), place);
    tests.push((facts) => !unwanted(facts));
  }
  if (rule.header !== undefined) tests.push(headerTest(rule.header));
  if (rule.field !== undefined) tests.push(fieldTest(rule.field));
  if (rule.empty === true) tests.push(isEmptyCompletion);
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

/** Words of a good answer may be anybody's: without a field they count in what looks like a refusal, and in plain text. */
function mayBeRefusal({ isEmbedded, looksRefused, format }: Facts): boolean {
  return !isEmbedded || looksRefused || format === "text";
}

/** @param place the field where the words must stand. @default the message */
function wordsTest(words: readonly string[], place?: string): Test {
  const lower = words.map((phrase) => phrase.toLowerCase());
  return (facts) => {
    const text = place === undefined ? facts.told : valuesAt(facts, place).map(textOf).join("\n").toLowerCase();
    return text !== "" && lower.some((phrase) => text.includes(phrase));
  };
}

function isEmptyCompletion({ isEmbedded, headers, body }: Facts): boolean {
  return isEmbedded && headers.get("content-type")?.startsWith("text/event-stream") !== true && holdsNothing(body);
}

function headerTest(header: NonNullable<ErrorRule["header"]>): Test {
  if (typeof header === "string") return (facts) => facts.headers.get(header) !== null;
  const [name, value] = header;
  return (facts) => facts.headers.get(name)?.trim().toLowerCase() === value.toLowerCase();
}

function fieldTest(field: NonNullable<ErrorRule["field"]>): Test {
  const [path, ...wanted] = typeof field === "string" ? [field] : field;
  return (facts) =>
    valuesAt(facts, path).some((value) => (wanted.length === 0 ? value !== null : wanted.some((one) => one === value)));
}

/** What stands at a path in the details, in the body and in its elements: a `null` in one place does not hide a value in another. */
function valuesAt({ envelope, body }: Facts, path: string): readonly unknown[] {
  const elements = isList(body) ? readList(body) : [];
  return [...envelope.details, body, ...elements]
    .map((holder) => readPath([holder], path))
    .filter((value) => value !== undefined);
}

function windowTest(windows: readonly string[]): Test {
  return ({ envelope, message }) => {
    const window = readQuotaFailure(envelope.details)?.window ?? windowInWords(message);
    return window !== null && windows.includes(window);
  };
}
