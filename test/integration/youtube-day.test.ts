import { defineProvider } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../src/testing/index.ts";
import { ok, rig } from "../fetch/fixture.ts";

const hour = 3_600_000;
const exceeded = "The request cannot be completed because you have exceeded your quota.";
const error = {
  code: 403,
  message: exceeded,
  errors: [{ message: exceeded, domain: "youtube.quota", reason: "quotaExceeded" }],
};

/** Days end at midnight in California: https://developers.google.com/youtube/v3/determine_quota_cost */
const youtube = defineProvider({
  name: "youtube",
  baseURL: "https://www.googleapis.com/youtube/v3",
  credential: { query: "key" },
  dayZone: "America/Los_Angeles",
  errors: [{ status: 403, code: "quotaExceeded", verdict: { kind: "rate_limit", window: "day", reset: "day" } }],
});

describe("a used-up day of YouTube's", () => {
  it.each<[string, number, number]>([
    ["in winter", Date.UTC(2026, 10, 20, 9), Date.UTC(2026, 10, 21, 8)],
    ["in summer", Date.UTC(2026, 6, 20, 9), Date.UTC(2026, 6, 21, 7)],
    ["on the day that has 25 hours", Date.UTC(2026, 10, 1, 7, 30), Date.UTC(2026, 10, 2, 8)],
  ])("ends at midnight in California %s: until then the key is left alone", async (_when, wall, midnight) => {
    const clock = new FakeClock({ wall });
    const url = "https://www.googleapis.com/youtube/v3/search";
    const isOut = (key: number): boolean => key === 0 && clock.wall() < midnight;
    const { fetch, sent } = rig(
      ({ url: to }) => (isOut(keyIn(to)) ? Response.json({ error }, { status: 403 }) : ok()),
      {
        provider: youtube,
        baseURL: youtube.baseURL as string,
        clock,
        strategy: "fill_first",
        keys: ["AIza-first-0001", "AIza-second-0002"],
      },
    );
    const keyIn = (to: string): number => Number(to.includes("0002"));
    const first = (): number => sent.filter(({ url: to }) => keyIn(to) === 0).length;
    for (; clock.wall() < midnight - hour; await clock.advance(hour / 2)) expect((await fetch(url)).status).toBe(200);
    expect(first()).toBe(1);
    await clock.advance(midnight - clock.wall() + 2000);
    expect((await fetch(url)).status).toBe(200);
    expect(first()).toBe(2);
  });
});
