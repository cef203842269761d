import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { classifierBy } from "../../src/judgement/classifier.ts";
import { readerOf } from "../../src/judgement/lexicon/by-words.ts";
import { decisionTable, type Row } from "../../src/judgement/lexicon/decision-table.ts";
import { type Signal, wordClasses } from "../../src/judgement/lexicon/word-classes.ts";
import type { AnswerClassifier, ClassifierInput, Provider } from "../../src/judgement/provider.ts";
import { providerNamed } from "../../src/named/presets.ts";
import type { Classification, ClassificationContext } from "../../src/types.ts";

/** An answer of a provider, and what it means. */
export interface AnswerCase {
  readonly id: string;
  readonly provider: string;
  readonly confidence: string;
  readonly context?: ClassificationContext;
  readonly transport?: { readonly name: string; readonly message: string; readonly cause?: { readonly code?: string } };
  readonly response: { readonly status: number; readonly headers: Record<string, string>; readonly body: unknown };
  readonly now: string;
  readonly expect: Classification;
}

/** A made-up answer, of which only the decision is known. */
export interface WordingCase {
  readonly id: string;
  readonly status: number;
  readonly body: unknown;
  readonly expect: Pick<Classification, "kind" | "failover" | "disableKey">;
}

/** What of a classification is compared. */
const decided = ["kind", "failover", "disableKey"] as const;
export const scored = [...decided, "scope", "window", "dimension", "retryAfterMs"] as const;
export type ScoredField = (typeof scored)[number];

export const answerCases: readonly AnswerCase[] = read("provider-cases.json");
export const laterCases: readonly AnswerCase[] = read("provider-cases-2.json");
export const allCases: readonly AnswerCase[] = [...answerCases, ...laterCases];
export const wordings: readonly WordingCase[] = read("refusal-wordings.json");
export const temptingFaults: readonly WordingCase[] = read("tempting-faults.json");
/** What a thesaurus has for words of refusals. */
export const synonyms: { readonly source: string; readonly words: Readonly<Record<string, readonly string[]>> } =
  read("synonyms.json");

function read<Value>(name: string): Value {
  return JSON.parse(readFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)), "utf8")) as Value;
}

const nobody: Provider = { name: "nobody", origins: [], credential: {} };

/** The lexicon, or one with other classes or rows, for every provider of the cases. */
export function classifiersWith(
  classes: Readonly<Record<Signal, string>> = wordClasses,
  table: readonly Row[] = decisionTable,
): (provider: string | undefined) => AnswerClassifier {
  const words = readerOf(classes, table);
  const made = new Map<string | undefined, AnswerClassifier>();
  return (name) => {
    let classifier = made.get(name);
    if (classifier === undefined) {
      classifier = classifierBy(name === undefined ? nobody : providerNamed(name), words);
      made.set(name, classifier);
    }
    return classifier;
  };
}

export function inputOf({ response, transport, context, now }: AnswerCase): ClassifierInput {
  const common = { context, now: Date.parse(now) };
  if (transport === undefined) return { ...common, ...response };
  const error = Object.assign(new Error(transport.message, { cause: transport.cause }), { name: transport.name });
  return { ...common, error };
}

/** The fields that are not as they should be. A delay may be a second off. */
export function missesOf(found: Classification, wanted: Partial<Classification>): readonly ScoredField[] {
  return scored.filter((field) => {
    if (!(field in wanted)) return false;
    if (field !== "retryAfterMs") return found[field] !== wanted[field];
    const [one, other] = [found.retryAfterMs, wanted.retryAfterMs ?? null];
    return one === null || other === null ? one !== other : Math.abs(one - other) > 1_000;
  });
}

export function isDecided(found: Classification, wanted: Partial<Classification>): boolean {
  return decided.every((field) => found[field] === wanted[field]);
}

/** Whose API a case is of: for those without a preset, its id begins with the name. */
export function apiOf({ provider, id }: AnswerCase): string {
  return provider === "generic" ? `${provider} ${id.split("-", 1)[0]}` : provider;
}
