import type { KeyPool } from "../keys/key-pool.ts";
import { NotNow, type NotNowReason, parked } from "../ready/not-now.ts";
import type { ReadySet } from "../ready/ready-set.ts";

/**
 * What the refusals of one request have shown, in one asking. Made where a
 * refusal concerns the request rather than the account. Accounts with room for less than the
 * request wants are passed over; others may still use them.
 */
export class Search {
  readonly #tooSmall = new Set<number>();
  /** Accounts to look at, in order; listed once. */
  order: readonly number[] | undefined;
  #roomAt = Number.POSITIVE_INFINITY;
  /** The first account that will have room. */
  #roomy = -1;
  #reason: NotNowReason | undefined;

  /** How many accounts have room for less. */
  get size(): number {
    return this.#tooSmall.size;
  }

  passes(slot: number): boolean {
    return this.#tooSmall.has(slot);
  }

  /** This account has room for so much at a later time, monotonic. */
  tooSmall(slot: number, until: number): void {
    this.#tooSmall.add(slot);
    if (this.isOver) return;
    if (until < this.#roomAt) this.#roomy = slot;
    this.noLaterThan(until);
  }

  /** It is worth asking again then at the latest. */
  noLaterThan(at: number): void {
    if (at < this.#roomAt) this.#roomAt = at;
  }

  /** Nobody else need be asked: the same stands against all, until then. */
  end(reason: "too-large" | "closed" | "store-away", until: number): void {
    this.#reason = reason;
    this.#roomAt = until;
    this.#roomy = -1;
  }

  get isOver(): boolean {
    return this.#reason !== undefined;
  }

  /** What the asking comes to, as the ready set stands now. */
  notNow(readySet: ReadySet, pool: KeyPool): NotNow {
    const roomAt = this.#roomAt;
    const soonest = readySet.wakes.nextAt;
    if (this.#reason !== undefined) return new NotNow(this.#reason, roomAt, roomAt, undefined);
    if (roomAt === Number.POSITIVE_INFINITY) return parked(readySet, pool);
    if (soonest < roomAt) return new NotNow("too-large", soonest, roomAt, pool.accountAt(readySet.wakes.first));
    return new NotNow("too-large", roomAt, roomAt, this.#roomy === -1 ? undefined : pool.accountAt(this.#roomy));
  }
}
