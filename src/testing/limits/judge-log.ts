import type { Dimension } from "../../types.ts";
import { maxInWindow } from "./max-in-window.ts";
import { modelMatcher } from "./model-pattern.ts";
import type { CountedUse } from "./subject.ts";

/** A request that was let through. Handed back when it has ended. */
export interface LimitTicket extends CountedUse {
  readonly key: string;
  /** `undefined`: the key is its own account. */
  readonly account: string | undefined;
  /** When it ended, on the side of the clock that `at` is on; `null` while it is under way. */
  readonly finishedAt: number | null;
}

/** Which requests a question is about. @default all */
export interface TicketFilter {
  readonly key?: string | undefined;
  readonly account?: string | undefined;
  /** `*` matches any run of characters. */
  readonly models?: string | readonly string[] | undefined;
}

interface Entry {
  readonly ticket: { -readonly [Field in keyof LimitTicket]: LimitTicket[Field] };
  /** Places in the order of everything that began and ended: times may be equal. */
  readonly beganAs: number;
  endedAs: number;
}

/** What was let through, from the first request on or since it was cleared. */
export class JudgeLog {
  #entries: Entry[] = [];
  readonly #underWay = new Map<LimitTicket, Entry>();
  #events = 0;

  begin(ticket: LimitTicket): void {
    const entry = { ticket, beganAs: this.#events++, endedAs: Number.POSITIVE_INFINITY };
    this.#entries.push(entry);
    this.#underWay.set(ticket, entry);
  }

  /** Tells whether the ticket was under way. */
  end(ticket: LimitTicket, at: number): boolean {
    const entry = this.#underWay.get(ticket);
    if (entry === undefined) return false;
    this.#underWay.delete(ticket);
    entry.endedAs = this.#events++;
    entry.ticket.finishedAt = at;
    return true;
  }

  /** Forgets everything but what is under way. */
  clear(): void {
    this.#entries = [...this.#underWay.values()];
  }

  maxInAnyWindow(windowMs: number, dimension: Exclude<Dimension, "concurrency">, filter: TicketFilter): number {
    const tickets = this.#matching(filter).map(({ ticket }) => ticket);
    return maxInWindow(tickets, windowMs, dimension);
  }

  peakConcurrency(filter: TicketFilter): number {
    const entries = this.#matching(filter);
    const ends = entries.map(({ endedAs }) => endedAs).sort((one, other) => one - other);
    let most = 0;
    let ended = 0;
    for (const [place, { beganAs }] of entries.entries()) {
      while (ends[ended]! < beganAs) ended++;
      most = Math.max(most, place + 1 - ended);
    }
    return most;
  }

  #matching({ key, account, models }: TicketFilter): readonly Entry[] {
    const fits = modelMatcher(models);
    return this.#entries.filter(
      ({ ticket }) =>
        (key === undefined || ticket.key === key) &&
        (account === undefined || ticket.account === account) &&
        fits(ticket.model),
    );
  }
}
