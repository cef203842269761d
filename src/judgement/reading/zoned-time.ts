const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * Epoch milliseconds of a local time.
 *
 * @param local the local time read as if it were UTC, epoch milliseconds
 */
export function instantInZone(local: number, timeZone: string): number {
  let instant = local;
  // The second round settles times near a change of the clocks.
  for (let round = 0; round < 2; round += 1) instant = local - (readLocal(instant, timeZone) - instant);
  return instant;
}

/** The local time at an instant, read as if it were UTC. */
function readLocal(instant: number, timeZone: string): number {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timeZone, format);
  }
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
