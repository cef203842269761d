import { describe, expect, it } from "vitest";
import { calendarPeriod } from "../../src/testing/calendar-period.ts";

const iso = ({ start, end }: { start: number; end: number }): string[] =>
  [start, end].map((at) => new Date(at).toISOString());

describe("calendarPeriod", () => {
  it.each([
    ["second", "2026-03-01T12:34:56.789Z", "UTC", "2026-03-01T12:34:56.000Z", "2026-03-01T12:34:57.000Z"],
    ["minute", "2026-03-01T12:34:00.000Z", "UTC", "2026-03-01T12:34:00.000Z", "2026-03-01T12:35:00.000Z"],
    ["hour", "2026-03-01T12:34:56.789Z", "Asia/Kolkata", "2026-03-01T12:30:00.000Z", "2026-03-01T13:30:00.000Z"],
    ["day", "2026-03-01T15:59:59.999Z", "Asia/Shanghai", "2026-02-28T16:00:00.000Z", "2026-03-01T16:00:00.000Z"],
    ["month", "2026-12-31T23:59:59.999Z", "UTC", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"],
  ] as const)("finds the edges of the %s around %s in %s", (period, at, timeZone, start, end) => {
    expect(iso(calendarPeriod(Date.parse(at), period, timeZone))).toEqual([start, end]);
  });

  it("makes the day 23 hours long when summer time begins, and 25 when it ends", () => {
    const spring = calendarPeriod(Date.parse("2026-03-08T20:00:00Z"), "day", "America/Los_Angeles");
    expect(iso(spring)).toEqual(["2026-03-08T08:00:00.000Z", "2026-03-09T07:00:00.000Z"]);
    const autumn = calendarPeriod(Date.parse("2026-11-01T20:00:00Z"), "day", "America/Los_Angeles");
    expect(iso(autumn)).toEqual(["2026-11-01T07:00:00.000Z", "2026-11-02T08:00:00.000Z"]);
  });

  it("tells apart the two hours that have the same name when summer time ends", () => {
    const first = calendarPeriod(Date.parse("2026-11-01T08:30:00Z"), "hour", "America/Los_Angeles");
    const second = calendarPeriod(Date.parse("2026-11-01T09:30:00Z"), "hour", "America/Los_Angeles");
    expect(iso(first)).toEqual(["2026-11-01T08:00:00.000Z", "2026-11-01T09:00:00.000Z"]);
    expect(iso(second)).toEqual(["2026-11-01T09:00:00.000Z", "2026-11-01T10:00:00.000Z"]);
  });

  it("covers the month of a clock change", () => {
    const march = calendarPeriod(Date.parse("2026-03-20T00:00:00Z"), "month", "America/Los_Angeles");
    expect(iso(march)).toEqual(["2026-03-01T08:00:00.000Z", "2026-04-01T07:00:00.000Z"]);
    const november = calendarPeriod(Date.parse("2026-10-02T00:00:00Z"), "month", "Europe/Berlin");
    expect(iso(november)).toEqual(["2026-09-30T22:00:00.000Z", "2026-10-31T23:00:00.000Z"]);
  });
});
