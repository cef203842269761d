import type { SharedStore } from "../../limits/store.ts";
import type { Clock } from "../../types.ts";

/** A lease is renewed so often before it ends: two renewals may get lost. */
const renewalsPerLease = 3;

/** Keeps the leases of requests in flight over a shared store. One timer while anything is in flight, none otherwise. */
export class LeaseRenewal {
  readonly #store: SharedStore;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #failed: (error: unknown) => void;
  #inFlight = 0;
  /** On the process's clock. */
  #dueAt = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;

  constructor(
    store: SharedStore,
    { clock, leaseMs }: { readonly clock: Clock; readonly leaseMs: number },
    failed: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#everyMs = leaseMs / renewalsPerLease;
    this.#failed = failed;
  }

  /** A request has a key. */
  onBegin(): void {
    this.#inFlight++;
    if (this.#inFlight === 1) this.#arm();
    // Where timers end with the request that set them, the next request does their work.
    else if (this.#clock.timersEndWithRequest === true && this.#clock.monotonic() >= this.#dueAt) this.#renew();
  }

  onEnd(): void {
    this.#inFlight--;
    if (this.#inFlight > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** Nothing is renewed any more. */
  stop(): void {
    this.#inFlight = Number.NEGATIVE_INFINITY;
    this.onEnd();
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#dueAt = this.#clock.monotonic() + this.#everyMs;
    this.#cancelTimer = this.#clock.timer(() => this.#renew(), this.#everyMs, true);
  }

  #renew(): void {
    this.#arm();
    this.#ask().catch(this.#failed);
  }

  async #ask(): Promise<void> {
    await this.#store.renew();
  }
}
