import { expectCooldownTime } from "../checks.ts";
import type { Provider } from "../judgement/provider.ts";
import { ProcessStore } from "../limits/memory/memory.ts";
import { EventHub, type RotatorEvents } from "../pool/events.ts";
import type { Lease } from "../pool/lease.ts";
import { type MakeOverrides, Pool } from "../pool/pool.ts";
import { own } from "../pool/pool-port.ts";
import { resolveRotatorOptions } from "../pool/resolve-rotator-options.ts";
import type { AcquireRequest, HomeOf, RotatorOptions } from "../pool/rotator-options.ts";
import { resolveStrategy } from "../pool/strategies/resolve-strategy.ts";
import type { Strategy } from "../pool/strategies/strategy.ts";
import type { Clock, Random } from "../types.ts";

/** A pool as users hold it: picks keys until it is closed. What operators see and do is laid over it, where somebody wants that. */
export class PoolRotator {
  readonly #pool: Pool;

  /**
   * @param operators lays what they say over the keys, where that is kept in a store
   * @throws InvalidOptionsError naming the option that cannot work.
   * @internal
   */
  constructor(options: RotatorOptions, operators?: { readonly homeOf: HomeOf; readonly overridesFor: MakeOverrides }) {
    const resolved = resolveRotatorOptions(options, {
      makeStore: (parts) => new ProcessStore(parts),
      strategyFailed: (error) => this.#strategyFailed(error),
      homeOf: operators?.homeOf ?? (() => []),
    });
    this.#pool = new Pool(resolved, new EventHub(resolved.logger), operators?.overridesFor);
    own(this, this.#pool);
  }

  /** What is known of the provider these keys are for. */
  get provider(): Provider {
    return this.#pool.provider;
  }

  /** What those who make calls with it need to know. */
  get options(): { readonly clock: Clock; readonly random: Random; readonly maxWaitMs: number } {
    const { clock, random, maxWaitMs } = this.#pool.options;
    return { clock, random, maxWaitMs };
  }

  /** Requests that hold a key. */
  get inFlight(): number {
    return this.#pool.readiness.inFlight;
  }

  /** Requests that wait for one. */
  get waiting(): number {
    return this.#pool.readiness.queue.size;
  }

  /** Must the model of a request be known to serve it? Spares looking for it. */
  get needsModel(): boolean {
    return this.#pool.needsModel;
  }

  /** @throws InvalidOptionsError for an event there is not, or a listener that is no function; so do `once` and `off`. */
  on<Name extends keyof RotatorEvents>(name: Name, listener: (event: RotatorEvents[Name]) => void): this {
    this.#pool.events.on(name, listener);
    return this;
  }

  once<Name extends keyof RotatorEvents>(name: Name, listener: (event: RotatorEvents[Name]) => void): this {
    this.#pool.events.once(name, listener);
    return this;
  }

  off<Name extends keyof RotatorEvents>(name: Name, listener: (event: RotatorEvents[Name]) => void): this {
    this.#pool.events.off(name, listener);
    return this;
  }

  /** Does anybody listen to this event? */
  wants(name: keyof RotatorEvents): boolean {
    return this.#pool.wants(name);
  }

  /**
   * Gives a key that may be used now, or waits for one up to `maxWaitMs`. Synchronous when the store is and a key is ready.
   * @throws AllKeysExhaustedError when none becomes free in time; the signal's reason when aborted.
   */
  acquire(request?: AcquireRequest): Lease | Promise<Lease> {
    return this.#pool.acquire(request);
  }

  /** The name of the strategy keys are chosen by. */
  get strategy(): string {
    return this.#pool.strategy;
  }

  /**
   * Chooses keys by another strategy from now on. Requests under way and those that wait are not disturbed.
   * @throws InvalidOptionsError for what is no strategy.
   */
  useStrategy(strategy: Strategy): void {
    this.#pool.useStrategy(resolveStrategy(strategy, (error) => this.#strategyFailed(error)));
  }

  /**
   * Puts a key into cooldown, or ends it, on an operator's word. A longer cooldown that holds already is not cut. Returns whether
   * there is such a key; `false` for all but added ones before a function that lists the keys was first read.
   * @param forMs milliseconds from now, a finite number > 0; or `"end"`
   * @param reason told with the event `key-cooled`; @default "operator"
   * @throws InvalidOptionsError for any other `forMs`.
   */
  async cooldown(id: string, forMs: number | "end", reason = "operator"): Promise<boolean> {
    return this.#pool.settlement.cooldowns.set(id, expectCooldownTime("forMs", forMs), reason);
  }

  /**
   * Reads the key source again. Keys that stay keep their state, and what operators changed stays changed. When the source
   * fails, the keys there were stay in use and an event tells.
   * @throws RotatorClosedError after `close()`.
   */
  reload(): Promise<void> {
    return this.#pool.reload();
  }

  /**
   * Takes no further requests, lets those under way end for up to `drainMs`, and refuses those that wait.
   * @param options.drainMs milliseconds; @default 0
   * @throws KeyStoreError when the last changes to keys cannot be stored, or what a store's own `close()` throws.
   */
  close({ drainMs = 0 }: { drainMs?: number | undefined } = {}): Promise<void> {
    return this.#pool.close(drainMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #strategyFailed(error: unknown): void {
    // The first one is made before the pool.
    this.#pool?.emit("internal-error", { part: "strategy", error });
  }
}
