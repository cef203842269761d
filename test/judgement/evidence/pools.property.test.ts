import { describe, expect, it } from "vitest";
import { RandomPool } from "./random-pool.ts";

/** Random pools; `.ci/run` and `npm run soak` ask for more. */
const pools = Number(process.env["EVIDENCE_POOLS"] ?? 40);
const calls = 60;

describe(`in ${pools} random pools whose dead accounts speak unknown dialects`, {
  timeout: Math.max(60_000, pools * 500),
}, () => {
  it("no call cools more than two accounts on guesses, and no good key is given up", async () => {
    for (let seed = 1; seed <= pools; seed++) {
      const pool = new RandomPool(seed);
      for (let call = 0; call < calls; call++) {
        const { cooled } = await pool.call();
        expect(new Set(cooled).size, `seed ${seed}, call ${call}`).toBeLessThanOrEqual(2);
        await pool.pass();
      }
      const { keys } = await pool.fetch.rotator.snapshot();
      expect(
        keys.filter(({ enabled }, place) => !enabled && !pool.dead.has(place)),
        `seed ${seed}`,
      ).toEqual([]);
      await pool.fetch.rotator.close();
    }
  });

  it("what a good account can serve is served, from the fourth refusal of each dead one on", async () => {
    let lost = 0;
    let served = 0;
    for (let seed = 1; seed <= pools; seed++) {
      const pool = new RandomPool(seed);
      // Where nobody is served in between, nothing tells a dead account from malformed requests.
      const refusals = new Map<number, number>();
      const servedAt = new Map<number, number>();
      let servedSoFar = 0;
      for (let call = 0; call < calls; call++) {
        const isKnown = [...pool.dead].every((place) => (refusals.get(place) ?? 0) >= 4);
        const { isMalformed, status, asked } = await pool.call();
        if (isKnown && !isMalformed) {
          if (status === 200) served++;
          else lost++;
          expect(status, `seed ${seed}, call ${call}, asked ${asked}`).toBe(200);
        }
        for (const place of asked) {
          if (!pool.dead.has(place) || servedAt.get(place) === servedSoFar) continue;
          servedAt.set(place, servedSoFar);
          refusals.set(place, (refusals.get(place) ?? 0) + 1);
        }
        if (status === 200) servedSoFar++;
        await pool.pass();
      }
      await pool.fetch.rotator.close();
    }
    expect(lost).toBe(0);
    expect(served).toBeGreaterThan(pools * 5);
  });

  it("a request that all good accounts refuse leaves those as they were", async () => {
    for (let seed = 1; seed <= pools; seed++) {
      const pool = new RandomPool(seed);
      for (let call = 0; call < calls; call++) {
        const before = new Set(await pool.away());
        const { isMalformed } = await pool.call();
        const added = (await pool.away()).filter((place) => !before.has(place) && !pool.dead.has(place));
        if (isMalformed) expect(added, `seed ${seed}, call ${call}`).toEqual([]);
        await pool.pass();
      }
      await pool.fetch.rotator.close();
    }
  });
});
