import type { Bucket, Refusal, ScopeState, StoreReading } from "../../limits/store.ts";
import type { CooldownChange, ScopeId } from "../../types.ts";
import type { DirectCalls } from "./direct-calls.ts";
import { OlderRecords } from "./older-records.ts";
import type { UsageLog } from "./outage/usage-log.ts";
import type { ReportQueue } from "./wire/report-queue.ts";
import type { ServerTime } from "./wire/server-time.ts";

export interface RollingDeployParts {
  readonly calls: DirectCalls;
  readonly reports: ReportQueue;
  readonly usage: UsageLog;
  readonly time: ServerTime;
}

/**
 * Records have a format of their own (`wire/key-names.ts`), which is part of their names, so that processes of two formats never
 * misread each other. They find each other by their signs of life, and no limit is used twice while both run:
 *
 * - Next to processes of the format before, this one counts in their records as well as in its own, in the same atomic step: what one
 *   of the two takes, the other cannot take again. It goes on until what they took has left its windows.
 * - Next to processes of a later format, whose records it cannot know, it takes no more than its share, as in an outage.
 */
export class RollingDeploy {
  readonly #parts: RollingDeployParts;
  /** Where processes of the format before were met. Written here alone. */
  older: OlderRecords | undefined;

  constructor(parts: RollingDeployParts) {
    this.#parts = parts;
  }

  /** A process of the format before gave its last sign of life then. */
  onOlder(seenAt: number): void {
    const { reports, usage, time } = this.#parts;
    if (this.older === undefined) this.older = new OlderRecords(seenAt);
    else if (!this.older.onSignOfLife(seenAt)) return;
    // What this process took before they came, they do not know of.
    reports.charge(this.older.untold(usage.list(time.monotonic())));
  }

  async cooldown(changes: readonly CooldownChange[]): Promise<readonly ScopeState[]> {
    const { calls, time } = this.#parts;
    const { older } = this;
    if (older === undefined) return calls.cooldown(changes);
    return older.states(await calls.cooldown(older.changes(changes, time.monotonic())));
  }

  async read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): Promise<StoreReading> {
    const { calls, time } = this.#parts;
    if (this.older === undefined) {
      const reading = await calls.read(scopes, buckets);
      // The first answer tells of them.
      if (this.older === undefined) return reading;
    }
    const older: OlderRecords = this.older;
    const now = time.monotonic();
    const reading = await calls.read(older.scopes(scopes, now), older.buckets(buckets, now));
    this.#copy(older, reading.scopes, reading.now);
    return older.reading(reading, buckets);
  }

  /** As others know what refused. */
  refusal(refusal: Refusal, older: OlderRecords): Refusal {
    const { now, blocked } = refusal;
    const cooling = blocked.flatMap(({ by, until, reason = "", source }) =>
      source === undefined || until === null ? [] : { scope: by, until, reason, source },
    );
    this.#copy(older, cooling, now);
    return { granted: false, now, blocked: older.blocked(blocked) };
  }

  /** What cools in the records of the format before is to hold when nobody looks at these any more. */
  #copy(older: OlderRecords, cooling: Parameters<OlderRecords["toCopy"]>[0], now: number): void {
    const changes = older.toCopy(cooling, now);
    if (changes.length > 0) void this.#parts.calls.cooldown(changes);
  }
}
