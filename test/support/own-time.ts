const everyMs = 5;

/**
 * Time in which this process could run. A machine that stands still, or has no core left for it, takes time away that says nothing
 * of what is tested; time that the process itself spends computing counts.
 */
class OwnTime {
  #lostMs = 0;
  #longestMs = 0;
  #seenAt = performance.now();
  #cpu = process.cpuUsage();

  constructor() {
    setInterval(() => this.#look(), everyMs).unref();
  }

  /** Milliseconds, from any beginning. */
  now(): number {
    this.#look();
    return this.#seenAt - this.#lostMs;
  }

  /** The longest time it was kept from running since it was last asked for; milliseconds. */
  takeLongestStall(): number {
    this.#look();
    const longest = this.#longestMs;
    this.#longestMs = 0;
    return longest;
  }

  #look(): void {
    const now = performance.now();
    const cpu = process.cpuUsage();
    const workedMs = (cpu.user + cpu.system - this.#cpu.user - this.#cpu.system) / 1000;
    const lost = Math.max(0, now - this.#seenAt - everyMs - workedMs);
    this.#lostMs += lost;
    this.#longestMs = Math.max(this.#longestMs, lost);
    [this.#seenAt, this.#cpu] = [now, cpu];
  }
}

export const ownTime = new OwnTime();

/**
 * Runs it again, three times in all, where it fails and this process was held up for longer than that: then the failure says nothing
 * of what is tested, and is printed.
 */
export async function unlessHeldUp(mostMs: number, run: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    ownTime.takeLongestStall();
    try {
      return await run();
    } catch (error) {
      const heldUpMs = ownTime.takeLongestStall();
      if (heldUpMs <= mostMs || tries === 3) throw error;
      process.stdout.write(`held up for ${heldUpMs.toFixed()} ms, so done again: ${error}\n`);
    }
  }
}
