import { type Spread, spreadOf } from "./statistics.ts";

/** Something to be timed: does its work `count` times. */
export interface Row {
  readonly name: string;
  run(count: number): void | Promise<void>;
}

export interface CompareOptions {
  /** How often every row is visited. @default 100, scaled by BENCH_ROUNDS */
  readonly rounds?: number | undefined;
  /** Length of one batch, milliseconds. @default 4 */
  readonly batchMs?: number | undefined;
  /** How long a row runs before anything counts, milliseconds. @default 250 */
  readonly warmUpMs?: number | undefined;
}

/** Rounds to run: BENCH_ROUNDS is a percentage of every section's own default, 100 unless set, but at least so many. */
export function roundsOf(byDefault: number, atLeast = 3): number {
  const asked = Number(process.env["BENCH_ROUNDS"] ?? "");
  return asked > 0 ? Math.max(atLeast, Math.round((byDefault * asked) / 100)) : byDefault;
}

/** Nanoseconds per call of every row and round. */
export class Timings {
  readonly #samples: ReadonlyMap<string, readonly number[]>;

  constructor(samples: ReadonlyMap<string, readonly number[]>) {
    this.#samples = samples;
  }

  nanoseconds(name: string): Spread {
    return spreadOf(this.#of(name));
  }

  /** Against the base row of the same round: what disturbs the machine for longer than a round disturbs both. */
  ratio(name: string, base: string): Spread {
    const bases = this.#of(base);
    return spreadOf(this.#of(name).map((sample, round) => sample / (bases[round] as number)));
  }

  /** Nanoseconds more than the base row of the same round. */
  difference(name: string, base: string): Spread {
    const bases = this.#of(base);
    return spreadOf(this.#of(name).map((sample, round) => sample - (bases[round] as number)));
  }

  #of(name: string): readonly number[] {
    const samples = this.#samples.get(name);
    if (samples === undefined) throw new Error(`No row \`${name}\``);
    return samples;
  }
}

/** Visits all rows in a new random order in every round. */
export async function compare(rows: readonly Row[], options: CompareOptions = {}): Promise<Timings> {
  const { batchMs = 4, warmUpMs = 250, rounds = roundsOf(100) } = options;
  const counts = new Map<Row, number>();
  // Twice: what the first rows taught the compiler may be undone by the last ones.
  for (let pass = 0; pass < 2; pass++) {
    for (const row of rows) counts.set(row, await warmUp(row, warmUpMs / 2, batchMs));
  }
  const samples = new Map<string, number[]>(rows.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const row of shuffled(rows)) {
      const count = counts.get(row) as number;
      samples.get(row.name)?.push((await timed(row, count)) / count);
    }
  }
  return new Timings(samples);
}

async function timed(row: Row, count: number): Promise<number> {
  const startedAt = process.hrtime.bigint();
  const running = row.run(count);
  if (running !== undefined) await running;
  return Number(process.hrtime.bigint() - startedAt);
}

/** Runs a row until it is hot; returns how many calls fill a batch. */
async function warmUp(row: Row, warmUpMs: number, batchMs: number): Promise<number> {
  const endsAt = performance.now() + warmUpMs;
  let count = 1;
  for (;;) {
    const ns = await timed(row, count);
    const perCall = Math.max(ns / count, 1);
    if (performance.now() >= endsAt && ns > (batchMs * 1e6) / 4) {
      return Math.max(1, Math.round((batchMs * 1e6) / perCall));
    }
    count = Math.max(1, Math.min(count * 4, Math.round((batchMs * 1e6) / perCall)));
  }
}

export function shuffled<T>(list: readonly T[]): T[] {
  const copy = [...list];
  for (let place = copy.length - 1; place > 0; place--) {
    const other = Math.floor(Math.random() * (place + 1));
    [copy[place], copy[other]] = [copy[other] as T, copy[place] as T];
  }
  return copy;
}
