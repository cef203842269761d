import type { Bucket } from "../../../limits/store.ts";

/** What answers said of the reservations in one entry of a window: the amounts were right. */
export interface AnsweredSlot {
  readonly bucket: Bucket;
  /** Of the entry. */
  readonly ticket: number;
  /** How many were answered. */
  count: number;
  /** The longest time after which one of them was counted, milliseconds. */
  delayMs: number;
}

interface Gathered {
  readonly dueAt: number;
  /** By ticket. */
  readonly slots: Map<number, AnsweredSlot>;
}

/**
 * So long an answer may wait for the next question about its bucket: there it costs nothing, and others need it only when the
 * window ends. Milliseconds, and a share of the window.
 */
const waitsMs = 1000;
const waitsShare = 1 / 20;

/** What is to be told of windows that were charged the right amount: when it was counted, so that it is free again that early. */
export class AnsweredSlots {
  /** By bucket id. */
  readonly #gathered = new Map<string, Gathered>();
  #dueAt = Number.POSITIVE_INFINITY;

  get isEmpty(): boolean {
    return this.#gathered.size === 0;
  }

  /** When the first of them can wait no longer; infinite where there are none. */
  get dueAt(): number {
    return this.#dueAt;
  }

  add(bucket: Bucket, ticket: number, delayMs: number, now: number): void {
    let gathered = this.#gathered.get(bucket.id);
    if (gathered === undefined) {
      const dueAt = now + Math.min(waitsMs, (bucket.windowMs ?? 0) * waitsShare);
      gathered = { dueAt, slots: new Map() };
      this.#gathered.set(bucket.id, gathered);
      this.#dueAt = Math.min(this.#dueAt, dueAt);
    }
    const slot = gathered.slots.get(ticket);
    if (slot === undefined) gathered.slots.set(ticket, { bucket, ticket, count: 1, delayMs });
    else {
      slot.count++;
      slot.delayMs = Math.max(slot.delayMs, delayMs);
    }
  }

  /** Those of one bucket. */
  take({ id }: Bucket): Iterable<AnsweredSlot> {
    const gathered = this.#gathered.get(id);
    if (gathered === undefined) return [];
    this.#gathered.delete(id);
    if (this.#gathered.size === 0) this.#dueAt = Number.POSITIVE_INFINITY;
    return gathered.slots.values();
  }

  /** Those that can wait no longer, of about so many buckets. */
  takeDue(now: number, most: number): AnsweredSlot[] {
    const due: AnsweredSlot[] = [];
    if (this.#dueAt > now) return due;
    this.#dueAt = Number.POSITIVE_INFINITY;
    let left = most;
    for (const [id, { dueAt, slots }] of this.#gathered) {
      if (dueAt <= now && left-- > 0) {
        due.push(...slots.values());
        this.#gathered.delete(id);
      } else this.#dueAt = Math.min(this.#dueAt, dueAt);
    }
    return due;
  }
}
