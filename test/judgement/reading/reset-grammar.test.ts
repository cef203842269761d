import { describe, expect, it } from "vitest";
import {
  maxDelayMs,
  parseDuration,
  parseInstant,
  parseReset,
  parseRetryAfter,
} from "../../../src/judgement/reading/reset-grammar.ts";

const now = Date.parse("2026-11-20T12:00:00Z");

describe("parseDuration", () => {
  it.each([
    ["6m0s", 360_000],
    ["1s", 1_000],
    ["20ms", 20],
    ["2m59.56s", 179_560],
    ["1h0m0.25s", 3_600_250],
    ["6m 11.52s", 371_520],
    ["156h14m36.75s", 562_476_750],
    ["500µs", 0.5],
    ["7 seconds", 7_000],
  ])("reads %s as %d ms", (text, expected) => {
    expect(parseDuration(text)).toBeCloseTo(expected, 6);
  });

  it.each(["", "s", "5", "5x", "5s!", "-5s", "1e3s", "constructor", "5 constructor"])("rejects %j", (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});

describe("parseInstant", () => {
  const expected = Date.parse("2026-11-20T12:00:30Z");

  it.each([
    "2026-11-20T12:00:30Z",
    "2026-11-20T12:00:30.000Z",
    "2026-11-20T13:00:30+01:00",
    "Fri, 20 Nov 2026 12:00:30 GMT",
    "Friday, 20-Nov-26 12:00:30 GMT",
    "Fri Nov 20 12:00:30 2026",
    "Fri Nov 20 2026 12:00:30 GMT+0000 (Coordinated Universal Time)",
    "Fri Nov 20 2026 13:00:30 GMT+0100 (Central European Standard Time)",
  ])("reads %s in every time zone alike", (text) => {
    expect(parseInstant(text, now)).toBe(expected);
  });

  it("reads a one-digit day of the asctime form", () => {
    expect(parseInstant("Sun Nov  1 00:00:00 2026", now)).toBe(Date.UTC(2026, 10, 1));
  });

  it("takes a two-digit year beyond fifty years ahead for the past", () => {
    expect(parseInstant("Sunday, 06-Nov-94 08:49:37 GMT", now)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
  });

  it.each([
    "2026-11-20 12:00:30",
    "Fri, 20 Foo 2026 12:00:30 GMT",
    "Fri, 20 Nov 2026 25:00:30 GMT",
    "tomorrow, at noon, perhaps",
  ])("does not guess at %s", (text) => {
    expect(parseInstant(text, now)).toBeNull();
  });
});

describe("parseReset", () => {
  it.each([
    ["1795176300000", 300_000],
    ["1795176025", 25_000],
    ["1795176025.5", 25_500],
    ["37", 37_000],
    ["33011.382867", 33_011_383],
    ["1h0m0.25s", 3_600_250],
    ["2026-11-20T12:01:30Z", 90_000],
    ["0", 0],
  ])("reads %s by its magnitude or form", (text, expected) => {
    expect(parseReset(text, now)).toBe(expected);
  });

  it("follows a declared unit instead of the magnitude", () => {
    expect(parseReset("600000", now, "ms")).toBe(600_000);
    expect(parseReset("600", now, "s")).toBe(600_000);
    expect(parseReset("1795176025", now, "epoch")).toBe(25_000);
  });

  it.each(["1795000000", "-5", "", "soon", "1e3"])("finds no delay in %j", (text) => {
    expect(parseReset(text, now)).toBeNull();
  });
});

it.each(["99999999", "2678401", "99999999999"])("takes %s seconds, too long to be believed, for 31 days", (text) => {
  expect(parseReset(text, now)).toBe(31 * 86_400_000);
  expect(parseRetryAfter(text, now)).toBe(31 * 86_400_000);
});

describe("parseRetryAfter", () => {
  it("takes seconds since 1970 for the instant that they are", () => {
    expect(parseRetryAfter(String(now / 1000 + 40), now)).toBe(40_000);
  });

  it.each([
    ["120", 120_000],
    ["0", 0],
    ["1.5", 1_500],
    ["30s", 30_000],
    ["30, 60", 60_000],
    ["60, 30", 60_000],
    ["30, soon", 30_000],
    ["Fri, 20 Nov 2026 12:00:30 GMT", 30_000],
    ["Friday, 20-Nov-26 12:00:30 GMT", 30_000],
    ["Fri Nov 20 12:00:30 2026", 30_000],
    ["Fri, 20 Nov 2026 12:00:30 GMT, Fri, 20 Nov 2026 12:00:50 GMT", 50_000],
    ["5, Fri, 20 Nov 2026 12:00:30 GMT", 30_000],
    [String(maxDelayMs / 1_000), maxDelayMs],
  ])("reads %s", (text, expected) => {
    expect(parseRetryAfter(text, now)).toBe(expected);
  });

  it.each(["", " ", "-1000", "1e3", "1e308", "NaN", "soon", "Infinity", "0x10", "9".repeat(400)])(
    "takes %s for no statement",
    (text) => {
      expect(parseRetryAfter(text, now)).toBeNull();
    },
  );

  it("takes a past date for no statement", () => {
    expect(parseRetryAfter("Fri, 20 Nov 2026 11:00:00 GMT", now)).toBeNull();
  });
});
