import { seededRandom } from "../../src/testing/seeded-random.ts";
import type { Random } from "../../src/types.ts";

/** Draws from one seed. Two worlds with the same seed are the same world. */
export class Draws {
  readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  /** An integer, both ends included. */
  integer(low: number, high: number): number {
    return Math.min(high, Math.floor(this.between(low, high + 1)));
  }

  /** Every order of magnitude as likely as the next. */
  logBetween(low: number, high: number): number {
    return low * (high / low) ** this.random();
  }

  logInteger(low: number, high: number): number {
    return Math.min(high, Math.max(low, Math.round(this.logBetween(low, high))));
  }

  pick<T>(choices: readonly [T, ...T[]] | readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)] as T;
  }

  /** The time to the next event of a random stream, in the unit of `mean`. */
  exponential(mean: number): number {
    return -Math.log(1 - this.random()) * mean;
  }
}
