import type { Row } from "./measure.ts";

const parts = 100;

/** How many were counted in the last `windowMs`, to a hundredth of it. */
class SlidingWindow {
  readonly #counts = new Float64Array(parts);
  readonly #partMs: number;
  readonly #limit: number;
  #part = 0;
  #used = 0;

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#partMs = windowMs / parts;
  }

  hasRoom(now: number): boolean {
    const part = Math.floor(now / this.#partMs);
    if (part !== this.#part) this.#turnTo(part);
    return this.#used < this.#limit;
  }

  /** Returns what names it to `settle`. */
  take(amount: number): number {
    this.#used += amount;
    const place = this.#part % parts;
    this.#counts[place] = (this.#counts[place] as number) + amount;
    return this.#part;
  }

  settle(part: number, change: number): void {
    if (this.#part - part >= parts) return;
    this.#used += change;
    this.#counts[part % parts] = (this.#counts[part % parts] as number) + change;
  }

  #turnTo(part: number): void {
    const last = Math.min(part, this.#part + parts);
    while (this.#part < last) {
      const place = ++this.#part % parts;
      this.#used -= this.#counts[place] as number;
      this.#counts[place] = 0;
    }
    this.#part = part;
  }
}

interface Held {
  readonly second: number;
  readonly minute: number;
  ended: boolean;
}

/**
 * The least one would write for a key with a limit a second, one a minute and, where given, so many at once: no guard, no
 * cooldowns, no word on when there is room again.
 */
class HandWrittenQuota {
  readonly #second = new SlidingWindow(1e9, 1000);
  readonly #minute = new SlidingWindow(1e9, 60_000);
  readonly #slots: number;
  #underWay = 0;

  constructor(slots: number) {
    this.#slots = slots;
  }

  reserve(): Held | undefined {
    const now = performance.now();
    if (this.#underWay >= this.#slots) return undefined;
    if (!this.#second.hasRoom(now) || !this.#minute.hasRoom(now)) return undefined;
    this.#underWay++;
    return { second: this.#second.take(1), minute: this.#minute.take(1), ended: false };
  }

  settle(held: Held, change = 0): void {
    if (held.ended) return;
    held.ended = true;
    this.#underWay--;
    if (change === 0) return;
    this.#second.settle(held.second, change);
    this.#minute.settle(held.minute, change);
  }
}

/** Three of them, each in its turn. */
export function byHandRow(name: string, slots: number): Row {
  const quotas = [0, 1, 2].map(() => new HandWrittenQuota(slots));
  let turn = 0;
  return {
    name,
    run(count) {
      for (let call = 0; call < count; call++) {
        const quota = quotas[turn++ % 3] as HandWrittenQuota;
        const held = quota.reserve();
        if (held === undefined) throw new Error("No room where there should have been");
        quota.settle(held);
      }
    },
  };
}
