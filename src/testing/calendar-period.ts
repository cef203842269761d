import type { WindowName } from "../types.ts";

/** A calendar period: `start` belongs to it, `end` to the next one. Epoch milliseconds. */
export interface CalendarPeriod {
  readonly start: number;
  readonly end: number;
}

const labelParts: Record<WindowName, readonly Intl.DateTimeFormatPartTypes[]> = {
  month: ["year", "month"],
  day: ["year", "month", "day"],
  // The offset tells the two hours apart that have one name when summer time ends.
  hour: ["year", "month", "day", "hour", "timeZoneName"],
  minute: ["year", "month", "day", "hour", "minute", "timeZoneName"],
  second: ["year", "month", "day", "hour", "minute", "second", "timeZoneName"],
};

const hourMs = 3_600_000;

/** No period of that name lasts longer, clock changes included. */
const longestMs: Record<WindowName, number> = {
  second: 1_000,
  minute: 60_000,
  hour: hourMs,
  day: 27 * hourMs,
  month: 31 * 24 * hourMs + 3 * hourMs,
};

const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      timeZoneName: "longOffset",
    });
    formats.set(timeZone, format);
  }
  return format;
}

function labelAt(wall: number, period: WindowName, timeZone: string): string {
  const wanted = labelParts[period];
  return formatFor(timeZone)
    .formatToParts(wall)
    .filter((part) => wanted.includes(part.type))
    .map((part) => part.value)
    .join("|");
}

/**
 * The second, minute, hour, day or month of an IANA time zone that the epoch millisecond `wall` lies in, found by
 * asking the calendar where its name changes. Throws a `RangeError` for an unknown zone.
 */
export function calendarPeriod(wall: number, period: WindowName, timeZone: string): CalendarPeriod {
  const now = Math.floor(wall);
  const label = labelAt(now, period, timeZone);
  const isInside = (at: number): boolean => labelAt(at, period, timeZone) === label;
  return {
    start: now - lastInside((distance) => isInside(now - distance), longestMs[period]),
    end: now + lastInside((distance) => isInside(now + distance), longestMs[period]) + 1,
  };
}

/** The largest distance below `limit` that is still inside; 0 always is. */
function lastInside(isInside: (distance: number) => boolean, limit: number): number {
  let inside = 0;
  let outside = limit;
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2);
    if (isInside(middle)) inside = middle;
    else outside = middle;
  }
  return inside;
}
