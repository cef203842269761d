import type { Lease } from "../src/index.ts";
import { type KeyRotator, type Limit, library, type StrategyName } from "./library.ts";
import type { Row } from "./measure.ts";
import { coolingPlaces, makeConfigs } from "./pools.ts";

const success = { outcome: "success" } as const;
const farAwayMs = 30 * 86_400_000;

/** A rotator of which a growing share cools, and which chooses by one strategy after the other. */
export class CoolingPool {
  readonly #size: number;
  readonly #rotator: KeyRotator;
  readonly #ids: readonly string[];
  readonly #order: readonly number[];
  #cooling = 0;

  constructor(size: number, limits: readonly Limit[]) {
    const keys = makeConfigs(size);
    this.#size = size;
    this.#rotator = new library.KeyRotator({ keys, limits, maxWaitMs: 0, maxCooldownMs: farAwayMs });
    this.#ids = keys.map(({ id }) => id as string);
    this.#order = coolingPlaces(size, 1);
  }

  async coolTo(share: number): Promise<void> {
    const wanted = Math.min(this.#size - 1, Math.round(this.#size * share));
    for (; this.#cooling < wanted; this.#cooling++) {
      const id = this.#ids[this.#order[this.#cooling] as number] as string;
      await this.#rotator.cooldown(id, farAwayMs);
    }
    // A key that is asked for the first time has its records made: all are, in their turn, before a call is timed.
    this.#rotator.useStrategy("round_robin");
    this.#run(this.#size - wanted);
  }

  row(strategy: StrategyName): Row {
    this.#rotator.useStrategy(strategy);
    return { name: String(this.#size), run: (count) => this.#run(count) };
  }

  close(): Promise<void> {
    return this.#rotator.close();
  }

  #run(count: number): void {
    const rotator = this.#rotator;
    for (let call = 0; call < count; call++) (rotator.acquire() as Lease).settle(success);
  }
}
