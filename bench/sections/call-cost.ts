import {
  assertRotates,
  callRow,
  freshHeadersInit,
  handWritten,
  handWrittenReading,
  informativeStub,
  type MakeInit,
  manyHeadersInit,
  plainInit,
  quickestByHand,
  reusedHeadersInit,
  spreadInit,
  stub,
  wrapper,
} from "../calls.ts";
import { makeKeys } from "../library.ts";
import { compare, type Row, roundsOf, type Timings } from "../measure.ts";
import { figure, printGoal, printTable, printTitle, spreadText } from "../table.ts";

interface Variant {
  readonly input: string;
  readonly makeInit: MakeInit;
  /** The goal: times the hand-written version with the same input. */
  readonly most: number;
}

const variants: readonly Variant[] = [
  { input: "a literal", makeInit: plainInit, most: 0.6 },
  { input: "plain object, spread and added to", makeInit: spreadInit, most: 0.7 },
  { input: "Headers, reused", makeInit: reusedHeadersInit, most: 1 },
  { input: "Headers, new", makeInit: freshHeadersInit, most: 1.2 },
  { input: "Headers, reused, 12 names", makeInit: manyHeadersInit, most: 1.2 },
];

/** With a provider's six rate-limit headers on the answer, which are read. */
const readingVariants: readonly Variant[] = [
  { input: "a literal, six headers on the answer", makeInit: plainInit, most: 1.6 },
  { input: "Headers, reused, six headers on the answer", makeInit: reusedHeadersInit, most: 2.4 },
  { input: "Headers, new, six headers on the answer", makeInit: freshHeadersInit, most: 1.9 },
];

/** What one call through the library costs beside the same call by hand. */
export async function callCost(): Promise<void> {
  printTitle("(a) one call: three keys, a rolling minute and a calendar day, against a hand-written round robin");
  const keys = makeKeys(3);
  const rows: Row[] = [];
  for (const { input, makeInit } of variants) {
    for (const make of [wrapper, handWritten, quickestByHand]) await assertRotates(make, makeInit);
    rows.push(callRow(`bare fetch | ${input}`, stub, makeInit));
    rows.push(callRow(`by hand | ${input}`, handWritten(keys, stub), makeInit));
    rows.push(callRow(`by hand, the quickest | ${input}`, quickestByHand(keys, stub), makeInit));
    rows.push(callRow(`rotating-fetch | ${input}`, wrapper(keys, stub), makeInit));
  }
  for (const { input, makeInit } of readingVariants) {
    rows.push(callRow(`bare fetch | ${input}`, informativeStub, makeInit));
    rows.push(callRow(`by hand, reads them | ${input}`, handWrittenReading(keys, informativeStub), makeInit));
    rows.push(callRow(`by hand | ${input}`, handWritten(keys, informativeStub), makeInit));
    rows.push(callRow(`rotating-fetch | ${input}`, wrapper(keys, informativeStub, "openai"), makeInit));
  }
  const timings = await compare(rows, { rounds: roundsOf(150) });
  print(timings, rows);
  printGoals(timings);
}

function print(timings: Timings, rows: readonly Row[]): void {
  const table = rows.map(({ name }) => rowOf(timings, name, name.slice(name.indexOf(" | ") + 3)));
  printTable(["call | headers given", "ns", "over bare fetch, ns", "x by hand, same input"], table);
}

function rowOf(timings: Timings, name: string, input: string): string[] {
  return [
    name,
    spreadText(timings.nanoseconds(name)),
    figure(timings.difference(name, `bare fetch | ${input}`).median),
    spreadText(timings.ratio(name, `by hand | ${input}`)),
  ];
}

function printGoals(timings: Timings): void {
  for (const { input, most } of [...variants, ...readingVariants]) {
    printGoal(input, timings.ratio(`rotating-fetch | ${input}`, `by hand | ${input}`).median, most, "x");
  }
  const { input } = variants[0] as Variant;
  const quickest = timings.ratio(`rotating-fetch | ${input}`, `by hand, the quickest | ${input}`).median;
  console.log(`no goal      ${input}, against the quickest by hand: ${figure(quickest)}x`);
}
