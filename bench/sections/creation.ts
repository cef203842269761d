import { library, makeKeys } from "../library.ts";
import { roundsOf, shuffled } from "../measure.ts";
import { makeConfigs, makeSharedConfigs } from "../pools.ts";
import { spreadOf } from "../statistics.ts";
import { figure, printGoal, printTable, printTitle, spreadText } from "../table.ts";

const sizes = [3, 1000, 100_000] as const;

interface Way {
  readonly name: string;
  readonly most?: number;
  /** Prepares what is given, and returns the work to be timed. */
  prepare(size: number): () => unknown;
}

const ways: readonly Way[] = [
  { name: "filling a `Map` with as many objects", prepare: fillMap },
  { name: "KeyRotator, secrets", most: 5, prepare: (size) => rotatorOf(makeKeys(size)) },
  { name: "KeyRotator, key objects with ids", prepare: (size) => rotatorOf(makeConfigs(size)) },
  {
    name: "KeyRotator, key objects, two an account",
    most: 8,
    prepare: (size) => rotatorOf(makeSharedConfigs(size)),
  },
  {
    // Objects that are spread and then added to are slow for whoever reads them.
    name: "the same, each object spread and added to",
    prepare: (size) => rotatorOf(makeConfigs(size).map((key, place) => ({ ...key, account: `account-${place >> 1}` }))),
  },
];

/** How long making a pool holds the event loop, against the least that as many objects take. */
export async function creation(): Promise<void> {
  printTitle("(j) making a pool: milliseconds, and the ratio to filling a `Map` in the same round");
  for (const size of sizes) {
    const samples = await measure(size);
    const base = samples.get(ways[0]?.name ?? "") as readonly number[];
    const ratioOf = (name: string) =>
      spreadOf((samples.get(name) ?? []).map((took, round) => took / (base[round] as number)));
    printTable(
      [`${size.toLocaleString("en")} keys`, "ms", "x the Map"],
      ways.map(({ name }) => [name, spreadText(spreadOf(samples.get(name) ?? [])), figure(ratioOf(name).median)]),
    );
    if (size !== 100_000) continue;
    for (const { name, most } of ways) if (most !== undefined) printGoal(name, ratioOf(name).median, most, "x");
  }
}

async function measure(size: number): Promise<ReadonlyMap<string, readonly number[]>> {
  const samples = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  // Small pools are made often before one is timed, or it would be the compiler that is timed.
  const repeats = size < 100 ? 200 : 1;
  for (let round = -1; round < roundsOf(size > 10_000 ? 5 : 30); round++) {
    for (const way of shuffled(ways)) {
      const works = Array.from({ length: repeats }, () => way.prepare(size));
      globalThis.gc?.();
      const startedAt = performance.now();
      const made = works.map((work) => work());
      const took = (performance.now() - startedAt) / repeats;
      if (made.length !== repeats) throw new Error("Something was not made");
      if (round >= 0) samples.get(way.name)?.push(took);
      // What a rotator begins when it is made ends in a later turn.
      await new Promise(setImmediate);
    }
  }
  return samples;
}

function fillMap(size: number): () => unknown {
  const secrets = makeKeys(size);
  return () => {
    const map = new Map<string, object>();
    for (const secret of secrets) map.set(secret, { secret, weight: 1, inFlight: 0, used: 0 });
    return map;
  };
}

function rotatorOf(keys: ReturnType<typeof makeConfigs> | string[]): () => unknown {
  return () => new library.KeyRotator({ keys });
}
