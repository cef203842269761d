import type { KeyPool } from "../keys/key-pool.ts";
import type { Account } from "../keys/pooled-key.ts";
import { availability } from "./availability.ts";
import type { ReadySet } from "./ready-set.ts";

/**
 * Why nobody could serve:
 * - `none`: no account serves requests of this kind;
 * - `limited`, `refused`: the account that frees first waits for a time, at a limit or in a cooldown, or because its
 *   credential was refused;
 * - `blocked`: only a release of something that another request holds helps;
 * - `too-large`: ready accounts have room, but not for so much;
 * - `closed`: a limit that all accounts share;
 * - `store-away`: the store cannot be asked, so no account is to blame.
 */
export type NotNowReason = "none" | "limited" | "refused" | "blocked" | "too-large" | "closed" | "store-away";

/** Why a request could not be served when it was asked for. It is that request's own answer: nobody else's changes it. */
export class NotNow {
  readonly reason: NotNowReason;
  /** When it is worth asking again, monotonic; Infinity: no time is known. */
  readonly until: number;
  /** When there is room for what it wanted, which was more than there was; Infinity: that was not why. Monotonic. */
  readonly roomAt: number;
  /** The account that frees first, where one is known. */
  readonly account: Account | undefined;

  constructor(reason: NotNowReason, until: number, roomAt: number, account: Account | undefined) {
    this.reason = reason;
    this.until = until;
    this.roomAt = roomAt;
    this.account = account;
  }

  /** Could no other request be served either? */
  get closed(): boolean {
    return this.reason === "closed" || this.reason === "store-away";
  }

  /** Could the store not be asked? Then it may be back at any moment. */
  get storeAway(): boolean {
    return this.reason === "store-away";
  }
}

const reasons: Readonly<Record<number, NotNowReason>> = {
  [availability.refused]: "refused",
  [availability.blocked]: "blocked",
};

/** Nobody is ready. */
export function parked(readySet: ReadySet, pool: KeyPool): NotNow {
  const slot = readySet.wakes.first;
  const never = Number.POSITIVE_INFINITY;
  if (slot === -1)
    return new NotNow(readySet.count(availability.blocked) > 0 ? "blocked" : "none", never, never, undefined);
  return new NotNow(
    reasons[readySet.availabilityOf(slot)] ?? "limited",
    readySet.wakes.nextAt,
    never,
    pool.accountAt(slot),
  );
}

/** May another account serve, as far as is known? */
export function servesBeside(readySet: ReadySet, slot: number): boolean {
  const own = readySet.availabilityOf(slot);
  const isOwn = own === availability.ready || own === availability.deprioritized;
  return readySet.count(availability.ready) + readySet.count(availability.deprioritized) > (isOwn ? 1 : 0);
}
