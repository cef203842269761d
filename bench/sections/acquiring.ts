import type { Lease } from "../../src/index.ts";
import { type KeyRotator, type Limit, library, type StrategyName, twoLimits } from "../library.ts";
import { compare, type Row, roundsOf } from "../measure.ts";
import { coolingPlaces, coolingShares, makeConfigs, sizes, strategies } from "../pools.ts";
import { figure, printGoal, printTable, printTitle } from "../table.ts";

const success = { outcome: "success" } as const;
const variants = [
  { name: "no limits", limits: [] },
  { name: "two limits", limits: twoLimits },
] as const;
const farAwayMs = 30 * 86_400_000;

/** Acquire and settle: the choice, the store's counters and cooldowns, the lease. */
export async function acquiring(): Promise<void> {
  printTitle("(c) acquire and settle through KeyRotator and MemoryStore, ns");
  const table: string[][] = [];
  const worst: (() => void)[] = [];
  for (const { name, limits } of variants) {
    for (const strategy of strategies) {
      const line = [`${strategy}, ${name}`];
      const extras: number[] = [];
      const pools = sizes.map((size) => new CoolingPool(size, strategy, limits));
      for (const share of coolingShares) {
        for (const pool of pools) await pool.coolTo(share);
        const timings = await compare(
          pools.map((pool) => pool.row()),
          { rounds: roundsOf(40), batchMs: 3, warmUpMs: 150 },
        );
        const [smallest, largest] = [String(sizes[0]), String(sizes[sizes.length - 1])];
        for (const size of sizes) line.push(figure(timings.nanoseconds(String(size)).median));
        const extra = timings.difference(largest, smallest).median;
        line.push(figure(extra));
        extras.push(extra);
      }
      table.push(line);
      worst.push(() =>
        printGoal(`${strategy}, ${name}: 100k keys over 3, worst share`, Math.max(...extras), 150, " ns"),
      );
    }
  }
  const columns = coolingShares.flatMap((share) => [
    ...sizes.map((size) => `${size >= 1000 ? `${size / 1000}k` : size} ${share * 100}%`),
    "100k-3",
  ]);
  printTable(["strategy", ...columns], table);
  for (const print of worst) print();
}

/** A rotator of which a growing share cools. */
class CoolingPool {
  readonly #size: number;
  readonly #rotator: KeyRotator;
  readonly #ids: readonly string[];
  readonly #order: readonly number[];
  #cooling = 0;
  #warm = false;

  constructor(size: number, strategy: StrategyName, limits: readonly Limit[]) {
    const keys = makeConfigs(size);
    this.#size = size;
    this.#rotator = new library.KeyRotator({ keys, strategy, limits, maxWaitMs: 0, maxCooldownMs: farAwayMs });
    this.#ids = keys.map(({ id }) => id as string);
    this.#order = coolingPlaces(size, 1);
  }

  async coolTo(share: number): Promise<void> {
    const wanted = Math.min(this.#size - 1, Math.round(this.#size * share));
    for (; this.#cooling < wanted; this.#cooling++) {
      const id = this.#ids[this.#order[this.#cooling] as number] as string;
      await this.#rotator.cooldown(id, farAwayMs);
    }
    // Whoever is asked for the first time has records made, and the cooled ones are found to be cooling.
    if (!this.#warm) this.#run(this.#size * 3);
    else this.#run(this.#size + wanted);
    this.#warm = true;
  }

  row(): Row {
    return { name: String(this.#size), run: (count) => this.#run(count) };
  }

  #run(count: number): void {
    const rotator = this.#rotator;
    for (let call = 0; call < count; call++) (rotator.acquire() as Lease).settle(success);
  }
}
