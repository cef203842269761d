import type { Blocked, Need, Reservation } from "../../../limits/store.ts";
import type { ScopeId } from "../../../types.ts";

const nothing: readonly ScopeId[] = [];

/** What was reserved, with all that settling it needs: the server keeps nothing of a reservation by itself. */
export class RedisReservation implements Reservation {
  readonly granted = true;
  /** Of this instance's reservations. */
  readonly number: number;
  readonly id: string;
  readonly index: number;
  readonly reservedAt: number;
  readonly leaseMs: number;
  /** When its lease ends, on the server's clock. */
  expiresAt: number;
  readonly readyAt: number;
  /** What is left in each bucket, in the order of the needs. */
  readonly left: readonly number[];
  readonly blocked: readonly Blocked[] | undefined;
  /** What was taken, as it was then. */
  readonly needs: readonly Need[];
  readonly tickets: readonly number[];
  /** Scopes that had a record, which its success may clear. */
  readonly known: readonly ScopeId[];
  readonly isProbe: boolean;
  /** How much earlier the server may have reserved it than this process knew, milliseconds: all that is counted from it comes later by so much. */
  lagMs = 0;
  settled = false;

  constructor(taken: Omit<RedisReservation, "granted" | "settled" | "lagMs" | "claimed">) {
    this.number = taken.number;
    this.id = taken.id;
    this.index = taken.index;
    this.reservedAt = taken.reservedAt;
    this.leaseMs = taken.leaseMs;
    this.expiresAt = taken.expiresAt;
    this.readyAt = taken.readyAt;
    this.left = taken.left;
    this.blocked = taken.blocked;
    this.needs = taken.needs;
    this.tickets = taken.tickets;
    this.known = taken.known;
    this.isProbe = taken.isProbe;
  }

  /** Scopes that it may have claimed. */
  get claimed(): readonly ScopeId[] {
    return this.isProbe ? this.known : nothing;
  }
}
