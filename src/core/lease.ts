import type { CooldownChange, Outcome, Reservation, Usage } from "../stores/store.ts";
import type { Classification } from "../types.ts";
import type { PooledKey } from "./key-pool.ts";

/** How an attempt ended. */
export interface LeaseResult {
  readonly outcome: Outcome;
  /** Did the request leave this machine? Only `"no"` gives quota back. @default "yes" */
  readonly sent?: "no" | "yes" | "unknown" | undefined;
  /** The judgement on a failure: it decides what is put to rest. */
  readonly classification?: Classification | undefined;
  /** Real token amounts, where the answer told them. */
  readonly usage?: Usage | undefined;
}

/** What a lease needs of the rotator that gave it. */
export interface LeaseOwner {
  now(): number;
  end(lease: Lease, result: LeaseResult): void;
}

/** One acquired key with its reservations, to be settled exactly once. */
export class Lease {
  readonly #owner: LeaseOwner;
  readonly #secret: string;
  /** @internal */
  readonly key: PooledKey;
  /** @internal */
  readonly reservation: Reservation;
  /** Found when it is needed; at the latest when the answer is judged. */
  model: string | undefined;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Monotonic milliseconds of the response's headers; 0 before. */
  answeredAt = 0;
  /** Where the attempt goes, for rests of a whole provider; set by whoever sends. */
  origin = "";
  settled = false;
  /** More requests are under way than there were lately: it probably opens a connection. @internal */
  opening = false;
  /** Milliseconds the request waited inside for this key. */
  waitedMs = 0;
  /** What its failure put to rest. @internal */
  marks: readonly CooldownChange[] | undefined;

  constructor(
    owner: LeaseOwner,
    key: PooledKey,
    reservation: Reservation,
    secret: string,
    model: string | undefined,
    startedAt: number,
  ) {
    this.#owner = owner;
    this.#secret = secret;
    this.key = key;
    this.reservation = reservation;
    this.model = model;
    this.startedAt = startedAt;
    this.marks = undefined;
  }

  get keyId(): string {
    return this.key.config.id;
  }

  get account(): string {
    return this.key.account.name;
  }

  /** The credential to send. Private to inspection and JSON. */
  get secret(): string {
    return this.#secret;
  }

  get baseURL(): URL | undefined {
    return this.key.config.baseURL;
  }

  get headers(): Readonly<Record<string, string>> | undefined {
    return this.key.config.headers;
  }

  get query(): Readonly<Record<string, string>> | undefined {
    return this.key.config.query;
  }

  /** Did its failure put this key or its account to rest? */
  get marked(): boolean {
    return this.marks !== undefined && this.marks.length > 0;
  }

  /** The response's headers are here. */
  answered(): void {
    this.answeredAt = this.#owner.now();
  }

  /** Gives the key back. Only the first call counts. */
  settle(result: LeaseResult): void {
    if (this.settled) return;
    this.settled = true;
    this.#owner.end(this, result);
  }
}
