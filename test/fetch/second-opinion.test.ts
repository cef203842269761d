import type { RotatingFetchOptions } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { chatUrl, ok, post, type RigOptions, rig } from "./fixture.ts";

/** The first key refuses everything, in words nobody knows. */
function pool(options: RigOptions, status = 418, refuses = (key: number, _number: number): boolean => key === 0) {
  return rig(({ key }, number) => (refuses(key, number) ? Response.json({ error: "E-7712" }, { status }) : ok()), {
    strategy: "fill_first",
    ...options,
  });
}

const get: RequestInit = {};
const asked: Record<string, RequestInit> = { GET: get, POST: post() };

describe("secondOpinion", () => {
  it.each<[RotatingFetchOptions["secondOpinion"], Partial<RotatingFetchOptions>, string, readonly number[]]>([
    [undefined, {}, "GET", [0, 1]],
    [undefined, {}, "POST", [0]],
    ["safe", {}, "GET", [0, 1]],
    ["safe", {}, "POST", [0]],
    ["safe", { retryUnsafe: true }, "POST", [0, 1]],
    ["safe", { provider: "openai" }, "POST", [0, 1]],
    ["always", {}, "POST", [0, 1]],
    ["always", { affinity: () => "session" }, "POST", [0]],
    ["never", {}, "GET", [0]],
    ["never", { retryUnsafe: true, provider: "openai" }, "POST", [0]],
  ])(
    "%s, with %j, has a %s that was refused in unknown words asked of %j",
    async (secondOpinion, more, method, keys) => {
      const { fetch, keysUsed } = pool(
        { ...more, ...(secondOpinion && { secondOpinion }) },
        418,
        (_key: number, number: number): boolean => number === 1,
      );
      const { status } = await fetch(chatUrl, asked[method]);
      // A session begins on any of them.
      expect(keysUsed()).toHaveLength(keys.length);
      expect(status).toBe(keys.length === 1 ? 418 : 200);
    },
  );

  it("always sends nothing twice after 409, whose request may have had an outcome", async () => {
    const { fetch, keysUsed } = pool({ secondOpinion: "always" }, 409);
    expect((await fetch(chatUrl, post())).status).toBe(409);
    expect(keysUsed()).toEqual([0]);
  });

  it("never still learns from different requests which account refuses them all", async () => {
    const { fetch, keysUsed, clock } = pool({ secondOpinion: "never", strategy: "round_robin", keyCount: 4 });
    const statuses = [];
    for (let call = 0; call < 200; call++) {
      statuses.push((await fetch(chatUrl)).status);
      await clock.advance(500);
    }
    expect(statuses.filter((status) => status === 418).length).toBeLessThanOrEqual(12);
    expect(new Set(keysUsed()).size).toBe(4);
  });

  it("is refused where it is none of the three, with what was probably meant", () => {
    expect(() => pool({ secondOpinion: "nevr" as "never" })).toThrow(
      'Expected `secondOpinion` to be one of "safe", "always", "never", got `nevr` (string); did you mean `never`?',
    );
    expect(() => pool({ secondOpinon: "never" } as RigOptions)).toThrow("did you mean `secondOpinion`?");
  });
});
