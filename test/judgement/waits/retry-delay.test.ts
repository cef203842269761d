import { describe, expect, it } from "vitest";
import { hear } from "../../../src/judgement/reading/claims.ts";
import { normaliseEnvelope } from "../../../src/judgement/reading/envelope.ts";
import type { HeaderSource } from "../../../src/judgement/reading/headers.ts";
import { findDelayInProse, readRetryDelay } from "../../../src/judgement/waits/retry-delay.ts";

const now = Date.parse("2026-11-20T12:00:00Z");
const read = (headers: HeaderSource | undefined, body?: unknown): number | null =>
  readRetryDelay(headers, normaliseEnvelope(body), now, { times: hear(body, []).times });

describe("readRetryDelay", () => {
  it("prefers retry-after-ms, then Retry-After, then the body, then the dry bucket", () => {
    const body = { error: { message: "try again in 3s" } };
    const dry = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4" };
    expect(read({ ...dry, "retry-after-ms": "1500", "retry-after": "2" }, body)).toBe(1_500);
    expect(read({ ...dry, "retry-after": "2" }, body)).toBe(2_000);
    expect(read(dry, body)).toBe(3_000);
    expect(read(dry)).toBe(4_000);
    expect(read({ "retry-after": "20", ratelimit: '"default";r=0;t=50' })).toBe(20_000);
  });

  it("falls through headers that hold garbage", () => {
    expect(read({ "retry-after-ms": "NaN", "retry-after": "soon" }, { message: "try again in 7.66s." })).toBe(7_660);
  });

  it("keeps zero apart from nothing", () => {
    expect(read({ "retry-after": "0" }, { message: "try again in 5s" })).toBe(0);
    expect(read({})).toBeNull();
  });

  it("compares dates with the response's own clock", () => {
    const headers = { date: "Fri, 20 Nov 2026 15:00:00 GMT", "retry-after": "Fri, 20 Nov 2026 15:00:10 GMT" };
    expect(read(headers)).toBe(10_000);
  });

  it.each<[string, HeaderSource]>([
    ["Headers", new Headers({ "Retry-After": "7" })],
    ["a record in any case", { "Retry-After": "7" }],
    ["a record of lists", { "retry-after": ["3", "7"] }],
    ["something with get", { get: (name: string) => (name === "retry-after" ? "7" : null) }],
    ["a Map", new Map([["retry-after", "7"]]) as unknown as HeaderSource],
  ])("reads headers from %s", (_name, headers) => {
    expect(read(headers)).toBe(7_000);
  });

  it.each<[string, unknown, number]>([
    [
      "RetryInfo",
      { error: { details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "56s" }] } },
      56_000,
    ],
    [
      "RetryInfo in nanoseconds",
      { error: { details: [{ "@type": "x/google.rpc.RetryInfo", retryDelay: "562476.752463453s" }] } },
      562_476_752,
    ],
    [
      "RetryInfo as an object",
      { error: { details: [{ "@type": "x/google.rpc.RetryInfo", retryDelay: { seconds: "3", nanos: 500_000_000 } }] } },
      3_500,
    ],
    ["retry_after", { message: "You are being rate limited.", retry_after: 64.57 }, 64_570],
    ["estimated_time", { error: "loading", estimated_time: 20.5 }, 20_500],
    ["availability", { error: { message: "x", availability: { retry_after: 12 } } }, 12_000],
  ])("reads the body's %s", (_name, body, expected) => {
    expect(read(undefined, body)).toBe(expected);
  });

  it("waits for the bucket at zero, neither the first nor the last", () => {
    const headers = {
      "x-ratelimit-remaining-requests": "499",
      "x-ratelimit-reset-requests": "120ms",
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-reset-tokens": "2.4s",
      "x-ratelimit-remaining-day": "3",
      "x-ratelimit-reset-day": "40000",
    };
    expect(read(headers)).toBe(2_400);
    expect(read({ ...headers, "x-ratelimit-remaining-day": "0" })).toBe(40_000_000);
    expect(read({ ...headers, "x-ratelimit-remaining-tokens": "5" })).toBeNull();
  });

  it("takes the bucket the body named when none is at zero", () => {
    const headers = {
      "x-ratelimit-remaining-requests": "499",
      "x-ratelimit-reset-requests": "2m59s",
      "x-ratelimit-remaining-tokens": "3440",
      "x-ratelimit-reset-tokens": "7.66s",
    };
    const envelope = normaliseEnvelope({});
    expect(readRetryDelay(headers, envelope, now, { dimension: "tokens" })).toBe(7_660);
    expect(readRetryDelay(headers, envelope, now)).toBeNull();
  });

  it("reads the same buckets from a source that can only be asked by name", () => {
    const values = new Map([
      ["anthropic-ratelimit-output-tokens-remaining", "0"],
      ["anthropic-ratelimit-output-tokens-reset", "2026-11-20T12:00:31Z"],
      ["anthropic-ratelimit-requests-remaining", "49"],
      ["anthropic-ratelimit-requests-reset", "2026-11-20T12:00:01Z"],
    ]);
    expect(read({ get: (name) => values.get(name) ?? null })).toBe(31_000);
    expect(read(Object.fromEntries(values))).toBe(31_000);
  });

  it.each([
    ['"default";r=0;t=50', undefined, 50_000],
    ['"burst";r=37;t=12,"daily";r=0;t=36400', '"burst";q=100;w=60,"daily";q=1000;w=86400', 36_400_000],
    ["limit=100, remaining=0, reset=50", "100;w=60", 50_000],
    ['"a, b";r=0;t=9', undefined, 9_000],
    ['"default";r=0;t', undefined, null],
    ['"default";r=0;t=50, "broken', undefined, null],
    ['"conc";r=0', '"conc";q=5;qu="concurrent-requests"', null],
  ])("reads the structured field %s", (ratelimit, policy, expected) => {
    expect(read({ ratelimit, "ratelimit-policy": policy })).toBe(expected);
  });

  it.each([
    ["0, 4", 32_400_000],
    ["321, 0", 1_000],
  ])("reads two windows in one header, with %s left", (remaining, expected) => {
    const policy = { "x-ratelimit-limit": "500, 5", "x-ratelimit-policy": "500;w=86400, 5;w=1" };
    expect(read({ ...policy, "x-ratelimit-remaining": remaining, "x-ratelimit-reset": "32400, 1" })).toBe(expected);
  });

  it.each<[string, object, number]>([
    ["a wait in milliseconds", { error: { retry_after_ms: 1_500 } }, 1_500],
    ["a wait in minutes", { retryAfterMinutes: 2 }, 120_000],
    ["seconds until the reset", { detail: { reset_seconds: 37 } }, 37_000],
    ["an instant", { error: { quota: { resetsAt: "2026-11-20T12:00:45Z" } } }, 45_000],
    ["an instant in seconds since 1970", { resetTime: now / 1_000 + 9 }, 9_000],
    ["a duration", { quotaResetDelay: "1m3s" }, 63_000],
  ])("reads %s under a usual name", (_name, body, expected) => {
    expect(read({}, body)).toBe(expected);
  });

  it("survives a header source that throws", () => {
    const failing = {
      get(): string {
        throw new Error("no");
      },
    };
    expect(read(failing)).toBeNull();
  });
});

describe("findDelayInProse", () => {
  it.each([
    ["Please try again in 2.4s. Visit the site.", 2_400],
    ["Please try again in 11m0.528s.", 660_528],
    ["Please try again in 6m 11.52s.", 371_520],
    ["Please try again in 120ms.", 120],
    ["Please retry after 7 seconds.", 7_000],
    ["please try again after 1 seconds", 1_000],
    ["Please wait 5631 seconds before retrying.", 5_631_000],
    ["Your quota will reset after 156h14m36s.", 562_476_000],
    ["slow down, reset-after: 30", 30_000],
    ["Please try after 2026-11-20T12:00:30.071Z.", 30_071],
    ["You will regain access on 2026-11-21 at 00:00 UTC.", 43_200_000],
    ["Please wait and then try again in 3s", 3_000],
    ["Try again in 3 minutes and 20 seconds.", 200_000],
    ["It resets in 1 day, 2 hours and 3 minutes", 93_780_000],
    ["Quota will be replenished in 00:30:02.", 1_802_000],
    ["Please wait about 6 seconds.", 6_000],
  ])("reads %s", (message, expected) => {
    expect(findDelayInProse(message, now)).toBe(expected);
  });

  it.each([
    "Please retry shortly.",
    "try again in 5 attempts",
    "try again in a moment",
    "Your limit will reset at 2026-11-25 19:22:49",
    "Please try after 2026-11-20 12:00:30",
    "wait until 5 of them are done",
  ])("finds no delay in: %s", (message) => {
    expect(findDelayInProse(message, now)).toBeNull();
  });
});

describe("findDelayInProse with the zone of a provider", () => {
  const inBeijing = (message: string): number | null => findDelayInProse(message, now, "Asia/Shanghai");

  it.each([
    ["Your limit will reset at 2026-11-20 20:00:30", 30_000],
    ["Your limit will reset at 2026-11-20 20:01.", 60_000],
    ["Your limit resets at 2026-11-20T20:00:30", 30_000],
    ["您的限额将在 2026-11-20 20:00:30 重置。", 30_000],
    ["您的限额将于2026-11-20 20:00:30重置", 30_000],
    ["It will reset at 2026-11-20 12:00:30 UTC", 30_000],
    ["It will reset at 2026-11-20 13:00:30 +0100 CET.", 30_000],
  ])("reads %s", (message, expected) => {
    expect(inBeijing(message)).toBe(expected);
  });

  it("leaves a time in a zone it does not know alone", () => {
    expect(inBeijing("It will reset at 2026-11-20 20:00:30 PST")).toBeNull();
  });

  it("does not take a number after such words for a wait", () => {
    expect(inBeijing("The counter will reset at 5")).toBeNull();
  });

  it("does not guess a zone where the provider has none", () => {
    expect(findDelayInProse("Your limit will reset at 2026-11-20 20:00:30", now)).toBeNull();
  });

  it("follows a zone whose clocks change", () => {
    const march = Date.parse("2026-03-08T11:00:00Z");
    expect(findDelayInProse("reset at 2026-03-08 04:30:00", march, "America/Los_Angeles")).toBe(1_800_000);
  });
});
