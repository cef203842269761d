import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Calendar } from "../../src/limits/calendar.ts";
import { calendarPeriod } from "../../src/testing/calendar-period.ts";
import type { WindowName } from "../../src/types.ts";

const hours = (edges: readonly number[]) =>
  edges.slice(1).map((edge, place) => (edge - (edges[place] as number)) / 3_600_000);

function edges(unit: WindowName, timeZone: string, at: string): string[] {
  return new Calendar(unit, timeZone).edgesAt(Date.parse(at)).map((edge) => new Date(edge).toISOString());
}

describe("Calendar", () => {
  it("gives a day of 23 hours where summer time begins", () => {
    const days = new Calendar("day", "America/Los_Angeles").edgesAt(Date.parse("2026-03-08T12:00:00-07:00"));
    expect(hours(days)).toEqual([23, 24]);
    expect(days[0]).toBe(Date.parse("2026-03-08T00:00:00-08:00"));
  });

  it("gives a day of 25 hours where summer time ends", () => {
    const days = new Calendar("day", "America/Los_Angeles").edgesAt(Date.parse("2026-10-31T12:00:00-07:00"));
    expect(hours(days)).toEqual([24, 25]);
    expect(days[2]).toBe(Date.parse("2026-11-02T00:00:00-08:00"));
  });

  it("knows zones half an hour off", () => {
    expect(edges("day", "Asia/Kolkata", "2026-05-05T10:00:00Z")).toEqual([
      "2026-05-04T18:30:00.000Z",
      "2026-05-05T18:30:00.000Z",
      "2026-05-06T18:30:00.000Z",
    ]);
    expect(edges("hour", "Asia/Kolkata", "2026-05-05T10:10:00Z")[0]).toBe("2026-05-05T09:30:00.000Z");
  });

  it.each([
    ["America/Santiago", "2026-09-06T12:00:00Z", "2026-09-06T04:00:00.000Z"],
    ["Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00.000Z"],
  ])("begins a day at its first moment where %s has no midnight", (timeZone, at, start) => {
    expect(edges("day", timeZone, at)[0]).toBe(start);
    expect(hours(new Calendar("day", timeZone).edgesAt(Date.parse(at)))).toEqual([23, 24]);
  });

  it("gives months their own lengths, also over the end of a year", () => {
    expect(edges("month", "UTC", "2028-02-29T23:59:59Z")).toEqual([
      "2028-02-01T00:00:00.000Z",
      "2028-03-01T00:00:00.000Z",
      "2028-04-01T00:00:00.000Z",
    ]);
    expect(edges("month", "UTC", "2026-12-31T23:59:59.999Z")).toEqual([
      "2026-12-01T00:00:00.000Z",
      "2027-01-01T00:00:00.000Z",
      "2027-02-01T00:00:00.000Z",
    ]);
  });

  it("gives a boundary to the window that begins there", () => {
    const at = Date.parse("2026-03-01T00:00:00Z");
    for (const unit of ["second", "minute", "hour", "day", "month"] as const) {
      const calendar = new Calendar(unit, "UTC");
      expect(calendar.edgesAt(at)[0]).toBe(at);
      expect(calendar.edgesAt(at - 1)[1]).toBe(at);
    }
  });

  it("agrees with the local date wherever and whenever", () => {
    const zones = [
      "UTC",
      "America/Los_Angeles",
      "America/Santiago",
      "America/St_Johns",
      "Africa/Cairo",
      "Asia/Kolkata",
      "Asia/Kathmandu",
      "Australia/Adelaide",
      "Europe/Berlin",
      "Pacific/Apia",
      "Pacific/Chatham",
    ];
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2028, 0, 1) }),
        fc.constantFrom(...zones),
        fc.constantFrom("second", "minute", "hour", "day", "month" as const),
        (wall, timeZone, unit) => {
          // Its clocks are changed at a quarter to three: that hour has parts, and no limit is counted by the hours of that island.
          fc.pre(unit !== "hour" || timeZone !== "Pacific/Chatham");
          const [start, end, nextEnd] = new Calendar(unit, timeZone).edgesAt(wall);
          expect({ start, end }).toEqual(calendarPeriod(wall, unit, timeZone));
          expect(nextEnd).toBe(calendarPeriod(end, unit, timeZone).end);
        },
      ),
      { numRuns: 400 },
    );
  });

  it("holds the moment asked for, in whatever hour of whatever zone", () => {
    for (let wall = Date.parse("2026-04-04T12:00:01Z"); wall < Date.parse("2026-04-04T18:00:00Z"); wall += 600_000) {
      const [start, end, nextEnd] = new Calendar("hour", "Australia/Lord_Howe").edgesAt(wall);
      expect(start <= wall && wall < end && end < nextEnd).toBe(true);
    }
  });

  it("agrees with the local date around every change of the clocks", () => {
    const changes: [string, string][] = [
      ["America/Los_Angeles", "2026-03-08T10:00:00Z"],
      ["America/Los_Angeles", "2026-11-01T09:00:00Z"],
      ["America/Santiago", "2026-04-05T03:00:00Z"],
      ["America/Santiago", "2026-09-06T04:00:00Z"],
      ["Africa/Cairo", "2026-04-23T22:00:00Z"],
      ["Africa/Cairo", "2026-10-29T21:00:00Z"],
      ["Australia/Lord_Howe", "2026-04-04T15:00:00Z"],
      ["Australia/Lord_Howe", "2026-10-03T15:30:00Z"],
    ];
    for (const [timeZone, at] of changes) {
      for (let offset = -26; offset <= 26; offset++) {
        const wall = Date.parse(at) + offset * 1_800_000 + 1;
        // Half an hour's change is no boundary between hours; no limit is counted by the hours of that island.
        const units =
          timeZone === "Australia/Lord_Howe" ? (["day", "month"] as const) : (["hour", "day", "month"] as const);
        for (const unit of units) {
          const [start, end] = new Calendar(unit, timeZone).edgesAt(wall);
          expect({ timeZone, unit, wall, start, end }).toEqual({
            timeZone,
            unit,
            wall,
            ...calendarPeriod(wall, unit, timeZone),
          });
        }
      }
    }
  });
});
