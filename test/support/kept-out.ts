import type { Row } from "../../src/judgement/lexicon/decision-table.ts";
import { decisionTable } from "../../src/judgement/lexicon/decision-table.ts";
import { StemIndex } from "../../src/judgement/lexicon/stems.ts";
import { type Signal, wordClasses } from "../../src/judgement/lexicon/word-classes.ts";
import { decodeBody } from "../../src/judgement/reading/body.ts";
import { Facts } from "../../src/judgement/reading/facts.ts";
import type { Word } from "../../src/judgement/reading/words.ts";
import { byStatus } from "../../src/judgement/status-classifier.ts";
import { type AnswerCase, allCases, apiOf, classifiersWith, inputOf, isDecided } from "./answer-cases.ts";

export interface KeptOut {
  /** Share of the decisions that are right, by half: with the words of the other half alone, and by the status alone. */
  readonly words: readonly number[];
  /** The same beside the presets, which know answers of their own. */
  readonly named: readonly number[];
  readonly status: readonly number[];
}

/** Which stems occur in which case. */
function occurrences(cases: readonly AnswerCase[]): ReadonlyMap<string, ReadonlySet<AnswerCase>> {
  const said = cases.map((entry) => ({ entry, claims: claimsOf(entry) }));
  const found = new Map<string, Set<AnswerCase>>();
  for (const [signal, stems] of Object.entries(wordClasses)) {
    for (const stem of stems.split("|")) {
      const index = new StemIndex({ [signal]: stem } as Record<Signal, string>);
      const holders = said.filter(({ claims }) => claims.some((words) => index.signalsIn(words) !== 0));
      found.set(`${signal} ${stem}`, new Set(holders.map(({ entry }) => entry)));
    }
  }
  return found;
}

function claimsOf(entry: AnswerCase): readonly (readonly Word[])[] {
  if (entry.transport !== undefined) return [];
  const { status, headers, body } = entry.response;
  const answer = { status, headers, body, now: Date.parse(entry.now), context: {} };
  return new Facts(answer, decodeBody(body), null).said.claims.map(({ words }) => words);
}

/** A sequence of random numbers, the same for the same seed. */
function randomBy(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

/**
 * Twelve times half of the providers: the lexicon is cut to the stems that occur in the answers of one half, and reads those of
 * the other.
 */
export function keptOut(table: readonly Row[] = decisionTable): KeptOut {
  const cases = allCases.filter(({ transport }) => transport === undefined);
  const found = occurrences(cases);
  const apis = [...new Set(cases.map(apiOf))];
  const words: number[] = [];
  const named: number[] = [];
  const status: number[] = [];
  for (let seed = 1; seed <= 12; seed++) {
    const random = randomBy(seed * 7_919);
    const shown = new Set(apis.filter(() => random() < 0.5));
    const visible = new Set(cases.filter((entry) => shown.has(apiOf(entry))));
    const kept = cases.filter((entry) => !visible.has(entry));
    const by = classifiersWith(cutTo(visible, found), table);
    const classify = by(undefined);
    const alone = byStatus();
    words.push(shareOf(kept, (entry) => isDecided(classify(inputOf(entry)), entry.expect)));
    named.push(shareOf(kept, (entry) => isDecided(by(entry.provider)(inputOf(entry)), entry.expect)));
    status.push(shareOf(kept, (entry) => isDecided(alone(inputOf(entry)), entry.expect)));
  }
  return { words, named, status };
}

function cutTo(
  visible: ReadonlySet<AnswerCase>,
  found: ReadonlyMap<string, ReadonlySet<AnswerCase>>,
): Readonly<Record<Signal, string>> {
  const cut = Object.entries(wordClasses).map(([signal, stems]) => {
    const kept = stems
      .split("|")
      .filter((stem) => [...(found.get(`${signal} ${stem}`) ?? [])].some((entry) => visible.has(entry)));
    return [signal, kept.join("|")];
  });
  return Object.fromEntries(cut) as Record<Signal, string>;
}

function shareOf(cases: readonly AnswerCase[], isRight: (entry: AnswerCase) => boolean): number {
  return cases.filter(isRight).length / cases.length;
}
