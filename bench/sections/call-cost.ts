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
  reusedHeadersInit,
  type Send,
  stub,
  wrapper,
} from "../calls.ts";
import { makeKeys } from "../library.ts";
import { compare, type Row, roundsOf, type Timings } from "../measure.ts";
import { figure, printGoal, printTable, printTitle, spreadText } from "../table.ts";

interface Variant {
  readonly input: string;
  readonly makeInit: MakeInit;
  readonly send: Send;
  readonly handWritten: (keys: readonly string[], send: Send) => Send;
  readonly most: number;
}

const variants: readonly Variant[] = [
  { input: "plain object", makeInit: plainInit, send: stub, handWritten, most: 0.8 },
  { input: "Headers, reused", makeInit: reusedHeadersInit, send: stub, handWritten, most: 1.3 },
  { input: "Headers, new", makeInit: freshHeadersInit, send: stub, handWritten, most: 1.3 },
  { input: "Headers, reused, 12 names", makeInit: manyHeadersInit, send: stub, handWritten, most: 1.3 },
];

const reading = "plain object, six headers on the answer";

/** What one call through the library costs beside the same call by hand. */
export async function callCost(): Promise<void> {
  printTitle("(a) one call: three keys, a rolling minute and a calendar day, against a hand-written round robin");
  const keys = makeKeys(3);
  const rows: Row[] = [];
  for (const { input, makeInit, send, handWritten } of variants) {
    await assertRotates(wrapper, makeInit);
    await assertRotates(handWritten, makeInit);
    rows.push(callRow(`bare fetch | ${input}`, send, makeInit));
    rows.push(callRow(`by hand | ${input}`, handWritten(keys, send), makeInit));
    rows.push(callRow(`rotating-fetch | ${input}`, wrapper(keys, send), makeInit));
  }
  rows.push(callRow(`bare fetch | ${reading}`, informativeStub, plainInit));
  rows.push(callRow(`by hand, reads them | ${reading}`, handWrittenReading(keys, informativeStub), plainInit));
  rows.push(callRow(`rotating-fetch | ${reading}`, wrapper(keys, informativeStub, "openai"), plainInit));
  const timings = await compare(rows, { rounds: roundsOf(150) });
  print(timings);
  printGoals(timings);
}

function print(timings: Timings): void {
  const table = variants.flatMap(({ input }) => [
    rowOf(timings, `bare fetch | ${input}`, input),
    rowOf(timings, `by hand | ${input}`, input),
    rowOf(timings, `rotating-fetch | ${input}`, input),
  ]);
  for (const who of ["bare fetch", "by hand, reads them", "rotating-fetch"]) {
    table.push(rowOf(timings, `${who} | ${reading}`, reading));
  }
  printTable(["call | headers given", "ns", "over bare fetch, ns", "x by hand, same input"], table);
}

function rowOf(timings: Timings, name: string, input: string): string[] {
  const base = input === reading ? `by hand, reads them | ${input}` : `by hand | ${input}`;
  return [
    name,
    spreadText(timings.nanoseconds(name)),
    figure(timings.difference(name, `bare fetch | ${input}`).median),
    spreadText(timings.ratio(name, base)),
  ];
}

function printGoals(timings: Timings): void {
  for (const { input, most } of variants) {
    printGoal(input, timings.ratio(`rotating-fetch | ${input}`, `by hand | ${input}`).median, most, "x");
  }
  const read = `rotating-fetch | ${reading}`;
  printGoal(
    "six headers on the answer, against by hand without reading",
    timings.ratio(read, "by hand | plain object").median,
    2,
    "x",
  );
}
