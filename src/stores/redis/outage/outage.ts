import type { Bucket, Candidate, Counted, Refusal, Report, ScopeState, StoreReading } from "../../../limits/store.ts";
import type { CooldownChange, Random, ScopeId } from "../../../types.ts";
import type { Question } from "../wire/answer.ts";
import { RedisReservation } from "../wire/answer.ts";
import type { Standing } from "../wire/link.ts";
import type { Charge } from "../wire/request.ts";
import type { ServerTime } from "../wire/server-time.ts";
import { type Settling, settlingOf } from "../wire/settling.ts";
import type { LastSeen } from "./last-seen.ts";
import { FallbackReservation, LocalFallback } from "./local-fallback.ts";
import type { OpenPermits } from "./open-permits.ts";
import { UsageLog } from "./usage-log.ts";

const askAgainMs = 250;

export interface OutageOptions {
  readonly time: ServerTime;
  readonly random: Random;
  readonly seen: LastSeen;
  readonly permits: OpenPermits;
  readonly standing: () => Standing;
  /** Is nothing given out without the server? */
  readonly isClosed: boolean;
}

/** Stretches of time without the server: decides alone, and keeps what the server is to be told of it. */
export class Outage {
  readonly #options: OutageOptions;
  readonly #usage = new UsageLog();
  readonly #fallback: LocalFallback;
  /** Is there anything the server does not know of? Written here alone. */
  isOpen = false;

  constructor(options: OutageOptions) {
    this.#options = options;
    this.#fallback = new LocalFallback(options);
  }

  reserve(question: Question): FallbackReservation | Refusal {
    const { candidates, options } = question;
    const { isClosed, time, permits } = this.#options;
    if (isClosed) return closed(candidates, time.monotonic());
    const answer = this.#open().reserve(question);
    if (!answer.granted || options.dryRun === true) return answer;
    for (const { bucket, amount } of answer.needs) this.#usage.add(bucket, amount, answer.reservedAt);
    if (answer.isHolding) permits.taken(answer);
    return answer;
  }

  /** The states it touched; or, where the server is back and knows of the reservation, what it is to be told. */
  settle(reservation: FallbackReservation, report: Report): ScopeState[] | Settling {
    if (reservation.isHolding) this.#options.permits.ended(reservation);
    const settling = settlingOf(asKnownToServer(reservation), report);
    if (!this.#isUntold(reservation)) {
      this.#fallback.release(report, reservation);
      return settling;
    }
    for (const { bucket, change } of settling.needs) this.#usage.correct(bucket, change, reservation.reservedAt);
    return [...this.#fallback.settle(report, reservation)];
  }

  raise(atLeast: readonly Counted[]): void {
    this.#fallback.raise(atLeast);
  }

  cooldown(changes: readonly CooldownChange[]): readonly ScopeState[] {
    return this.#open().cooldown(changes);
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
    return this.#open().read(scopes, buckets);
  }

  /** The server is back: what it has to be told. */
  end(): { charges: Charge[]; changes: CooldownChange[] } {
    if (!this.isOpen) return { charges: [], changes: [] };
    const { time, permits } = this.#options;
    const now = time.monotonic();
    const charges: Charge[] = this.#usage.list(now);
    for (const holder of permits.holders(now)) {
      if (!(holder instanceof FallbackReservation) || !this.#isUntold(holder)) continue;
      for (const { bucket, amount } of holder.needs) {
        if (bucket.kind === "concurrency") charges.push({ bucket, amount, at: now, holder });
      }
    }
    this.#usage.clear();
    this.isOpen = false;
    return { charges, changes: this.#fallback.end() };
  }

  #isUntold({ stretch }: FallbackReservation): boolean {
    return this.isOpen && stretch === this.#fallback.stretch;
  }

  #open(): LocalFallback {
    if (!this.isOpen) this.#fallback.begin();
    this.isOpen = true;
    return this.#fallback;
  }
}

/** Windows were told as they were taken; only permits are known by their holder. */
function asKnownToServer(reservation: FallbackReservation): RedisReservation {
  const { number, id, index, reservedAt, leaseMs, readyAt, needs } = reservation;
  // Tickets of no entry: a lower charge has no effect, a higher one counts from now on.
  const tickets = needs.map(({ bucket, amount }) => (bucket.kind === "concurrency" ? amount : -1));
  const question = { number, id, options: { leaseMs, purpose: "request" } } as const;
  return new RedisReservation(question, index, reservedAt, readyAt, needs, tickets, [], []);
}

function closed(candidates: readonly Candidate[], now: number): Refusal {
  const until = now + askAgainMs;
  const blocked = candidates.map((_candidate, index) => ({ index, by: "store", until, reason: "store unavailable" }));
  return { granted: false, now, blocked };
}
