/** A time as the clocks of a zone tell it. */
export interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** What the clocks of a time zone say. */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat;

  private constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
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
  }

  /** One for each zone: the platform takes long to make its format. */
  static of(timeZone: string): ZoneClock {
    let clock = clocks.get(timeZone);
    if (clock === undefined) {
      clock = new ZoneClock(timeZone);
      clocks.set(timeZone, clock);
    }
    return clock;
  }

  local(instant: number): LocalTime {
    const parts: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(instant)) parts[type] = Number(value);
    return parts as unknown as LocalTime;
  }

  /** The local time at an instant, read as if it were UTC. */
  asUtc(instant: number): number {
    const { year, month, day, hour, minute, second } = this.local(instant);
    return Date.UTC(year, month - 1, day, hour, minute, second);
  }

  /**
   * Epoch milliseconds of a local time.
   * @param local the local time read as if it were UTC, epoch milliseconds
   */
  instantOf(local: number): number {
    let instant = local;
    // The second round settles times near a change of the clocks.
    for (let round = 0; round < 2; round += 1) instant = local - (this.asUtc(instant) - instant);
    return instant;
  }
}

const clocks = new Map<string, ZoneClock>();
