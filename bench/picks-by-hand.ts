import { makeKeys } from "./library.ts";
import { compare, type Row, roundsOf } from "./measure.ts";
import { coolingPlaces, coolingShares, sizes } from "./pools.ts";
import { figure, printTable, printTitle } from "./table.ts";

/** A key as anybody would keep it: its secret and what was counted for it in two windows. */
interface PlainKey {
  readonly secret: string;
  minute: number;
  day: number;
}

type Next = (count: number, last: number) => number;

const inTurn: Next = (count, last) => (last + 1) % count;
const atRandom: Next = (count) => Math.floor(Math.random() * count);

/**
 * What the machine itself takes: a list of as many plain objects, of which the ready ones have two numbers raised. What lies in no
 * cache costs whoever asks as much; no call that looks at an object of its key can add less.
 */
export async function picksByHand(): Promise<void> {
  printTitle(
    "(c) for comparison, by hand: two counters raised in one of as many plain objects, ns over the same with 3",
  );
  const [smallest, largest] = [sizes[0], sizes[sizes.length - 1] as number];
  const table: string[][] = [];
  for (const [name, next] of [
    ["in turn", inTurn],
    ["at random", atRandom],
  ] as const) {
    const added: string[] = [];
    for (const share of coolingShares) {
      const rows = [smallest, largest].map((size) => handRow(size, share, next));
      const timings = await compare(rows, { rounds: roundsOf(40), batchMs: 3, warmUpMs: 80 });
      added.push(figure(timings.difference(String(largest), String(smallest)).median));
    }
    table.push([name, ...added]);
  }
  printTable(["order", ...coolingShares.map((share) => `100k ${share * 100}%, ns more`)], table);
}

function handRow(size: number, share: number, next: Next): Row {
  const keys = makeKeys(size).map((secret): PlainKey => ({ secret, minute: 0, day: 0 }));
  const cooling = new Set(coolingPlaces(size, share));
  const ready = keys.filter((_, place) => !cooling.has(place));
  let last = 0;
  return {
    name: String(size),
    run(count) {
      for (let call = 0; call < count; call++) {
        last = next(ready.length, last);
        const key = ready[last] as PlainKey;
        key.minute++;
        key.day++;
      }
    },
  };
}
