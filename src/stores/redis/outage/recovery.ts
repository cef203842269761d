import type { Clock, Random } from "../../../types.ts";
import { CommandBudget } from "../wire/command-budget.ts";
import { inParts } from "../wire/in-parts.ts";
import type { Link } from "../wire/link.ts";
import type { ReportQueue } from "../wire/report-queue.ts";
import type { ScriptRequest } from "../wire/request.ts";
import type { ServerTime } from "../wire/server-time.ts";
import type { LastSeen } from "./last-seen.ts";
import type { OpenPermits } from "./open-permits.ts";
import type { Outage } from "./outage.ts";
import type { UsageLog } from "./usage-log.ts";

/** How long a server that came back is told what happened before it is asked again, milliseconds. */
const mergesWithinMs = 1500;

export interface RecoveryParts {
  readonly link: Link;
  readonly reports: ReportQueue;
  readonly outage: Outage;
  readonly seen: LastSeen;
  readonly permits: OpenPermits;
  readonly usage: UsageLog;
  readonly time: ServerTime;
  readonly random: Random;
  readonly newRequest: () => ScriptRequest;
  readonly sharing: SharingNews;
}

/** Whom it tells how this process stands with the others. */
interface SharingNews {
  lost(cause: unknown): void;
  back(): void;
  dataLost(): void;
}

/** Tells a server that is back what happened without it, and one that lost its data what it knew. */
export class Recovery {
  readonly #parts: RecoveryParts;
  /** Half of a question's time: it comes before one. */
  readonly #budget: CommandBudget;
  /** While the server is told what was taken without it: asked now, it would give that out again. Written here alone. */
  merging: Promise<void> | undefined;

  constructor(parts: RecoveryParts, clock: Clock, commandTimeoutMs: number) {
    this.#parts = parts;
    this.#budget = new CommandBudget(clock, commandTimeoutMs / 2);
  }

  /** Shares hold until what is granted can be relied on: one that is ended would be given anew. */
  mergeIfDue(): void {
    const { link, outage } = this.#parts;
    if (this.merging !== undefined || !outage.isOpen || !link.maySpend || !link.isAnswering) return;
    const ended = (): void => {
      this.merging = undefined;
    };
    this.merging = this.#budget.within(this.#merge(), () => {}).then(ended, ended);
  }

  onLost(cause: unknown): void {
    this.#parts.reports.letGo();
    this.#parts.sharing.lost(cause);
  }

  /** What the server is to be told before it is asked again is told when it resolves. */
  async onBack(): Promise<void> {
    await this.#merge();
    this.#parts.sharing.back();
  }

  onDataLost(): void {
    this.#replay();
    this.#parts.sharing.dataLost();
  }

  /** Tells the server what happened without it. */
  async #merge(): Promise<void> {
    const { link, reports, outage, seen, usage, random, newRequest } = this.#parts;
    const { charges, changes } = outage.end();
    for (const { bucket, amount, at } of charges) usage.add(bucket, amount, at);
    seen.onUse(charges);
    reports.charge(charges);
    for (const part of inParts(changes)) {
      await link.ask(newRequest().cool(part, random), undefined, () => {}).catch(() => {});
    }
    reports.flush();
    await reports.drained(mergesWithinMs);
  }

  /** Tells the server again what it has lost: all that this process took and that still counts. */
  #replay(): void {
    const { reports, permits, usage, time } = this.#parts;
    const now = time.monotonic();
    const held = permits
      .holders(now)
      .flatMap(({ id, expiresAt, needs }) =>
        needs
          .filter(({ bucket }) => bucket.kind === "concurrency")
          .map(({ bucket, amount }) => ({ bucket, amount, at: now, holder: { id, expiresAt } })),
      );
    reports.charge([...usage.list(now), ...held]);
  }
}
