import type { Bucket } from "../../../limits/store.ts";

/** What one bucket was charged at about the same time, milliseconds on the server's clock. */
export interface LoggedUse {
  readonly bucket: Bucket;
  readonly at: number;
  readonly amount: number;
}

interface Log {
  bucket: Bucket;
  readonly grainMs: number;
  readonly keptMs: number;
  /** Of each entry, when the first and the last of it was taken: what counts from the last does not end early. */
  readonly starts: number[];
  readonly times: number[];
  readonly amounts: number[];
}

/** A calendar window is at most so long. */
const longestWindowMs = 32 * 86_400_000;
/** Buckets beyond so many are swept for those that nobody uses any more. */
const sweepAtSize = 10_000;

/**
 * What this process itself took, as long as it counts: a hundred entries for a window at most. From it the server is told again
 * what it lost.
 */
export class UsageLog {
  readonly #logs = new Map<string, Log>();
  #sweepAtSize = sweepAtSize;

  get isEmpty(): boolean {
    return this.#logs.size === 0;
  }

  add(bucket: Bucket, amount: number, at: number): void {
    if (bucket.kind === "concurrency") return;
    let log = this.#logs.get(bucket.id);
    if (log === undefined) {
      if (this.#logs.size >= this.#sweepAtSize) this.#sweep(at);
      const windowMs =
        bucket.windowMs ?? (bucket.edges === undefined ? longestWindowMs : bucket.edges[1] - bucket.edges[0]);
      log = { bucket, grainMs: windowMs / 100, keptMs: windowMs + bucket.guardMs, starts: [], times: [], amounts: [] };
      this.#logs.set(bucket.id, log);
    }
    log.bucket = bucket;
    const last = log.times.length - 1;
    if (last >= 0 && at - (log.starts[last] as number) < log.grainMs) {
      log.amounts[last] = (log.amounts[last] as number) + amount;
      log.times[last] = Math.max(log.times[last] as number, at);
      return;
    }
    log.starts.push(at);
    log.times.push(at);
    log.amounts.push(amount);
    if (log.times.length > 110) forget(log, at);
  }

  /** What was taken then turned out to be more or less. */
  correct(bucket: Bucket, change: number, at: number): void {
    const log = this.#logs.get(bucket.id);
    if (log === undefined) return;
    for (let place = log.times.length - 1; place >= 0; place--) {
      if ((log.starts[place] as number) > at) continue;
      log.amounts[place] = (log.amounts[place] as number) + change;
      return;
    }
  }

  /** All that still counts. */
  list(now: number): LoggedUse[] {
    const charges: LoggedUse[] = [];
    for (const log of this.#logs.values()) {
      forget(log, now);
      for (const [place, at] of log.times.entries()) {
        const amount = log.amounts[place] as number;
        if (amount > 0) charges.push({ bucket: log.bucket, at, amount });
      }
    }
    return charges;
  }

  clear(): void {
    this.#logs.clear();
  }

  #sweep(now: number): void {
    for (const [id, log] of this.#logs) {
      forget(log, now);
      if (log.times.length === 0) this.#logs.delete(id);
    }
    this.#sweepAtSize = Math.max(sweepAtSize, this.#logs.size * 2);
  }
}

function forget({ starts, times, amounts, keptMs }: Log, now: number): void {
  let over = 0;
  while (over < times.length && (times[over] as number) + keptMs <= now) over++;
  if (over === 0) return;
  starts.splice(0, over);
  times.splice(0, over);
  amounts.splice(0, over);
}
