import type { Bucket, Candidate, Refusal, Report, ScopeState, StoreReading } from "../../../limits/store.ts";
import type { CooldownChange, Random, ScopeId } from "../../../types.ts";
import type { Question } from "../wire/answer.ts";
import { RedisReservation } from "../wire/redis-reservation.ts";
import type { Charge } from "../wire/request.ts";
import type { ServerTime } from "../wire/server-time.ts";
import { type Settling, settlingOf } from "../wire/settling.ts";
import type { LastSeen } from "./last-seen.ts";
import { Insurance, InsuredReservation, type Standing } from "./local-fallback.ts";
import type { OwnPlaces } from "./open-permits.ts";
import { OwnCharges } from "./usage-log.ts";

const askAgainMs = 250;

export interface GapOptions {
  readonly time: ServerTime;
  readonly random: Random;
  readonly seen: LastSeen;
  readonly places: OwnPlaces;
  readonly standing: () => Standing;
  /** Is nothing given out without the server? */
  readonly isClosed: boolean;
}

/** Stretches of time without the server: decides alone, and keeps what the server is to be told of it. */
export class Gap {
  readonly #options: GapOptions;
  readonly #charges = new OwnCharges();
  readonly #insurance: Insurance;
  #isOpen = false;

  constructor(options: GapOptions) {
    this.#options = options;
    this.#insurance = new Insurance(options);
  }

  /** Is there anything the server does not know of? */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  reserve(question: Question): InsuredReservation | Refusal {
    const { candidates, options } = question;
    const { isClosed, time, places } = this.#options;
    if (isClosed) return closed(candidates, time.monotonic());
    const answer = this.#open().reserve(question);
    if (!answer.granted || options.dryRun === true) return answer;
    for (const { bucket, amount } of answer.needs) this.#charges.add(bucket, amount, answer.reservedAt);
    places.taken(answer);
    return answer;
  }

  /** The states it touched; or, where the server is back and knows of the reservation, what it is to be told. */
  settle(reservation: InsuredReservation, report: Report): ScopeState[] | Settling {
    this.#options.places.ended(reservation);
    const settling = settlingOf(asKnownToServer(reservation), report);
    if (!this.#isUntold(reservation)) {
      this.#insurance.release(report, reservation);
      return settling;
    }
    for (const { bucket, change } of settling.needs) this.#charges.correct(bucket, change, reservation.reservedAt);
    return [...this.#insurance.settle(report, reservation)];
  }

  cooldown(changes: readonly CooldownChange[]): readonly ScopeState[] {
    return this.#open().cooldown(changes);
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): StoreReading {
    return this.#open().read(scopes, buckets);
  }

  /** The server is back: what it has to be told. */
  end(): { charges: Charge[]; changes: CooldownChange[] } {
    if (!this.#isOpen) return { charges: [], changes: [] };
    const { time, places } = this.#options;
    const now = time.monotonic();
    const charges: Charge[] = this.#charges.list(now);
    for (const holder of places.holders(now)) {
      if (!(holder instanceof InsuredReservation) || !this.#isUntold(holder)) continue;
      for (const { bucket, amount } of holder.needs) {
        if (bucket.kind === "concurrency") charges.push({ bucket, amount, at: now, holder });
      }
    }
    this.#charges.clear();
    this.#isOpen = false;
    return { charges, changes: this.#insurance.end() };
  }

  #isUntold({ stretch }: InsuredReservation): boolean {
    return this.#isOpen && stretch === this.#insurance.stretch;
  }

  #open(): Insurance {
    if (!this.#isOpen) this.#insurance.begin();
    this.#isOpen = true;
    return this.#insurance;
  }
}

/** Windows were told as they were taken; only places are known by their holder. */
function asKnownToServer(reservation: InsuredReservation): RedisReservation {
  const { number, id, index, reservedAt, leaseMs, expiresAt, readyAt } = reservation;
  const needs = reservation.needs;
  // Tickets of no entry: a lower charge has no effect, a higher one counts from now on.
  const tickets = needs.map(({ bucket, amount }) => (bucket.kind === "concurrency" ? amount : -1));
  return new RedisReservation({
    number,
    id,
    index,
    reservedAt,
    leaseMs,
    expiresAt,
    readyAt,
    left: [],
    blocked: undefined,
    needs,
    tickets,
    known: [],
    isProbe: false,
  });
}

function closed(candidates: readonly Candidate[], now: number): Refusal {
  const until = now + askAgainMs;
  const blocked = candidates.map((_candidate, index) => ({ index, by: "store", until, reason: "store unavailable" }));
  return { granted: false, now, blocked };
}
