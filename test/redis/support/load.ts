import { expect } from "vitest";
import type { Candidate, Refusal, Reservation } from "../../../src/limits/store.ts";
import { FallbackReservation } from "../../../src/stores/redis/outage/local-fallback.ts";
import type { RedisReservation } from "../../../src/stores/redis/wire/answer.ts";
import { ownTime } from "../../support/own-time.ts";
import type { Rig } from "./rigs.ts";
import { ask, until } from "./shared-limits.ts";

/** How much later than its budget an answer may be seen where two cores do all the work; milliseconds. */
const schedulingMs = 200;
/** Between an answer and the next question of the same asker; milliseconds. */
const pauseMs = 4;

interface Answered {
  readonly answer: Reservation | Refusal;
  readonly tookMs: number;
}

/** Requests of several processes, each with some under way at any time, from now until it is stopped. */
export class Load {
  readonly wanted: Candidate;
  readonly #askers: Promise<void>[];
  readonly #answered = new Map<Rig, Answered[]>();
  #isOver = false;
  #underWay = 0;
  #resumed: Promise<void> | undefined;

  constructor(rigs: readonly Rig[], wanted: Candidate, atOnce = 2) {
    this.wanted = wanted;
    this.#askers = rigs.flatMap((rig) => {
      this.#answered.set(rig, []);
      return Array.from({ length: atOnce }, () => this.#ask(rig));
    });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#askers);
  }

  /** Resolves when nothing is under way; goes on when what it resolves with is called. */
  async pause(): Promise<() => void> {
    let resume = (): void => {};
    this.#resumed = new Promise((resolve) => {
      resume = resolve;
    });
    await until(() => this.#underWay === 0);
    return resume;
  }

  /** How many were answered so far. */
  get answers(): number {
    return [...this.#answered.values()].reduce((sum, each) => sum + each.length, 0);
  }

  get granted(): number {
    return this.#grantedOf(() => true);
  }

  /** By the processes themselves. */
  get grantedAlone(): number {
    return this.#grantedOf((answer) => answer instanceof FallbackReservation);
  }

  /** Was any of so many last answers of each process the server's? */
  isServed(last = 1): boolean {
    return [...this.#answered.values()].every((all) =>
      all.slice(-last).some(({ answer }) => answer.granted && !(answer instanceof FallbackReservation)),
    );
  }

  expectAnswersInTime(budgetMs: number): void {
    for (const all of this.#answered.values()) {
      expect(Math.max(...all.map(({ tookMs }) => tookMs))).toBeLessThan(budgetMs + schedulingMs);
    }
  }

  /**
   * What the documentation promises: each time a process is alone it takes no more than its share of what it last saw left; so
   * all of them together no more than the limit and the sum of shares beyond what was left.
   */
  expectWithinShares(limit: number): void {
    let shares = 0;
    for (const [{ standing }, all] of this.#answered) {
      let [seen, share, taken] = [limit, Number.NaN, 0];
      for (const { answer } of all) {
        if (answer instanceof FallbackReservation) {
          if (Number.isNaN(share)) {
            share = Math.max(0, Math.ceil((seen - standing.rank) / standing.instances));
            shares += share;
          }
          taken++;
          expect(taken).toBeLessThanOrEqual(share);
        } else if (answer.granted)
          [seen, share, taken] = [(answer as RedisReservation).left[0] as number, Number.NaN, 0];
      }
    }
    const left = limit - (this.granted - this.grantedAlone);
    expect(this.granted).toBeLessThanOrEqual(limit + Math.max(0, shares - left));
  }

  #grantedOf(counts: (answer: Reservation) => boolean): number {
    return [...this.#answered.values()].flat().filter(({ answer }) => answer.granted && counts(answer)).length;
  }

  async #ask(rig: Rig): Promise<void> {
    const answered = this.#answered.get(rig) as Answered[];
    while (!this.#isOver) {
      await this.#resumed;
      const startedAt = ownTime.now();
      this.#underWay++;
      const answer = await ask(rig.store, this.wanted);
      answered.push({ answer, tookMs: ownTime.now() - startedAt });
      if (answer.granted) {
        const reports = [{ reservation: answer, outcome: "success", sent: "yes", headersAfterMs: 1 }] as const;
        void rig.store.settle(reports);
      }
      this.#underWay--;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
