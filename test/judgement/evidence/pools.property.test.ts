import { beforeAll, describe, expect, it } from "vitest";
import { RandomPool } from "./random-pool.ts";

/** Random pools; `.ci/run` and `npm run soak` ask for more. */
const pools = Number(process.env["EVIDENCE_POOLS"] ?? 40);
/** The first one's seed. */
const from = Number(process.env["EVIDENCE_FROM"] ?? 1);
const calls = 60;

/** What went wrong in all pools, by what it is; a story has its seed. */
interface Findings {
  readonly overcooled: string[];
  readonly givenUp: string[];
  readonly lost: string[];
  readonly cooledForRequests: string[];
  served: number;
}

/** Plays one pool, and adds what went wrong there. */
async function play(seed: number, found: Findings): Promise<void> {
  const pool = new RandomPool(seed);
  // Where nobody is served in between, nothing tells a dead account from malformed requests.
  const refusals = new Map<number, number>();
  const servedAt = new Map<number, number>();
  let servedSoFar = 0;
  for (let call = 0; call < calls; call++) {
    const before = new Set(await pool.away());
    const isKnown = [...pool.dead].every((place) => (refusals.get(place) ?? 0) >= 4);
    const { isMalformed, status, asked, cooled } = await pool.call();
    const story = `seed ${seed}, call ${call}, asked ${asked}`;
    if (new Set(cooled).size > 2) found.overcooled.push(story);
    if (isMalformed) {
      const added = (await pool.away()).filter((place) => !before.has(place) && !pool.dead.has(place));
      if (added.length > 0) found.cooledForRequests.push(`${story}: ${added}`);
    } else if (isKnown) {
      if (status === 200) found.served++;
      else found.lost.push(`${story}: ${status}`);
    }
    for (const place of asked) {
      if (!pool.dead.has(place) || servedAt.get(place) === servedSoFar) continue;
      servedAt.set(place, servedSoFar);
      refusals.set(place, (refusals.get(place) ?? 0) + 1);
    }
    if (status === 200) servedSoFar++;
    await pool.pass();
  }
  const { keys } = await pool.fetch.rotator.snapshot();
  if (keys.some(({ enabled }, place) => !enabled && !pool.dead.has(place))) found.givenUp.push(`seed ${seed}`);
  await pool.fetch.rotator.close();
}

describe(`in ${pools} random pools whose dead accounts speak unknown dialects`, () => {
  const found: Findings = { overcooled: [], givenUp: [], lost: [], cooledForRequests: [], served: 0 };
  beforeAll(
    async () => {
      for (let seed = from; seed < from + pools; seed++) await play(seed, found);
    },
    Math.max(60_000, pools * 500),
  );

  it("no call cools more than two accounts on guesses, and no good key is given up", () => {
    expect(found).toMatchObject({ overcooled: [], givenUp: [] });
  });

  it("what a good account can serve is served, from the fourth refusal of each dead one on", () => {
    expect(found.lost).toEqual([]);
    expect(found.served).toBeGreaterThan(pools * 5);
  });

  it("a request that all good accounts refuse leaves those as they were", () => {
    expect(found.cooledForRequests).toEqual([]);
  });
});
