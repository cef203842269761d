import type { KeyConfig } from "../../src/pool/keys/key-config.ts";
import { heldBytes } from "../held-bytes.ts";
import { type KeyRotator, library, makeKeys, twoLimits } from "../library.ts";
import { roundsOf } from "../measure.ts";
import { makeConfigs, makeSharedConfigs } from "../pools.ts";
import { type Spread, spreadOf } from "../statistics.ts";
import { printGoal, printTable, printTitle, spreadText } from "../table.ts";

const baseURL = "https://api.example.test/v1";
const url = `${baseURL}/chat/completions`;
const poolsAtOnce = 100;
const manyKeys = 100_000;

/** What is held: by small pools, by a key of a large one, by a call in flight. */
export async function memory(): Promise<void> {
  printTitle("(i) memory held, heap and buffers together, bytes");
  const small = smallPools();
  const large = await largePools();
  const inFlight = await callInFlight();
  printTable(
    ["what", "bytes"],
    [...small, ...large, inFlight].map(({ name, bytes }) => [name, spreadText(bytes)]),
  );
  for (const { name, bytes, goal } of [...small, ...large, inFlight]) {
    if (goal !== undefined) printGoal(name, bytes.median, goal, " B");
  }
}

interface Weight {
  readonly name: string;
  readonly bytes: Spread;
  readonly goal?: number;
}

function smallPools(): Weight[] {
  const make = (provider: "generic" | "openai") => () =>
    library.createRotatingFetch({ keys: makeKeys(3), baseURL, provider });
  const { rotator } = make("openai")();
  return [
    { name: "a pool of 3 keys, `generic`", bytes: weightOf(make("generic")), goal: 16_000 },
    { name: "a pool of 3 keys, `openai`", bytes: weightOf(make("openai")), goal: 16_000 },
    { name: "a second fetch on one rotator", bytes: weightOf(() => library.createRotatingFetch({ rotator, baseURL })) },
    { name: "a `KeyRotator` of 3 keys", bytes: weightOf(() => new library.KeyRotator({ keys: makeKeys(3) })) },
  ];
}

/** Bytes of one, made many at once: what the compiler keeps for itself is spread over them. */
function weightOf(make: () => unknown): Spread {
  for (let warmUp = 0; warmUp < 30; warmUp++) make();
  const samples = Array.from({ length: roundsOf(9) }, () => {
    const before = heldBytes();
    const kept = Array.from({ length: poolsAtOnce }, make);
    const bytes = (heldBytes() - before) / kept.length;
    return bytes;
  });
  return spreadOf(samples);
}

async function largePools(): Promise<Weight[]> {
  const weights: Weight[] = [];
  const cases = [
    ["secrets", () => makeKeys(manyKeys), 200, 600],
    ["key objects with ids", () => makeConfigs(manyKeys), undefined, undefined],
    ["key objects, two an account", () => makeSharedConfigs(manyKeys), undefined, undefined],
  ] as const;
  for (const [name, make, mostUnused, mostUsed] of cases) {
    const rounds: { unused: number; used: number }[] = [];
    for (let round = 0; round < roundsOf(3); round++) rounds.push(await weighOnce(make()));
    const of = `a key of 100,000, given as ${name}`;
    const unused = spreadOf(rounds.map((each) => each.unused));
    const used = spreadOf(rounds.map((each) => each.used));
    weights.push({ name: `${of}, unused`, bytes: unused, ...goalOf(mostUnused) });
    weights.push({ name: `${of}, used once, two windows`, bytes: used, ...goalOf(mostUsed) });
  }
  return weights;
}

/** In a function of its own, which no pool outlives. */
async function weighOnce(keys: readonly (string | KeyConfig)[]): Promise<{ unused: number; used: number }> {
  // What the pool before began is over by then, and nothing holds it any more.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const before = heldBytes();
  const rotator = new library.KeyRotator({ keys, limits: twoLimits });
  const unused = (heldBytes() - before) / manyKeys;
  for (let call = 0; call < manyKeys; call++) useOnce(rotator);
  const used = (heldBytes() - before) / manyKeys;
  await rotator.close();
  return { unused, used };
}

const goalOf = (goal: number | undefined): { goal?: number } => (goal === undefined ? {} : { goal });

function useOnce(rotator: KeyRotator): void {
  const lease = rotator.acquire();
  if (lease instanceof Promise) throw new Error("No key was ready where one should have been");
  lease.settle({ outcome: "success" });
}

/** Over a bare stub with as many calls in flight. */
async function callInFlight(): Promise<Weight> {
  const atOnce = 2000;
  const samples: number[] = [];
  const hold = async (send: typeof fetch): Promise<number> => {
    const inits = Array.from({ length: atOnce }, () => ({ headers: { accept: "application/json" } }));
    const before = heldBytes();
    const calls = inits.map((init) => send(url, init));
    const bytes = (heldBytes() - before) / atOnce;
    answerAll();
    await Promise.all(calls);
    return bytes;
  };
  const waiting: (() => void)[] = [];
  const response = new Response("{}");
  const answerAll = (): void => {
    for (const answer of waiting.splice(0)) answer();
  };
  const stub = (): Promise<Response> => new Promise((resolve) => waiting.push(() => resolve(response)));
  const rotating = library.createRotatingFetch({ keys: makeKeys(3), baseURL, limits: twoLimits, fetch: stub });
  for (let round = 0; round < roundsOf(9) + 2; round++) {
    const bare = await hold(stub);
    const ours = await hold(rotating);
    if (round > 1) samples.push(ours - bare);
  }
  return { name: "a call in flight, over the bare stub", bytes: spreadOf(samples), goal: 1000 };
}
