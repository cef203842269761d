import { expectRest } from "../checks.ts";
import { resolveStrategy } from "../judgement/registry.ts";
import { EventHub, type RotatorEvents } from "../pool/events.ts";
import type { KeyUpdate } from "../pool/keys/key-source.ts";
import type { Lease } from "../pool/lease.ts";
import { Pool } from "../pool/pool.ts";
import { own, type PoolPort, type ProbeRequest } from "../pool/pool-port.ts";
import {
  type AcquireRequest,
  type ResolvedRotatorOptions,
  type RotatorOptions,
  resolveRotatorOptions,
  type StrategyName,
} from "../pool/rotator-options.ts";
import type { Strategy } from "../pool/strategies/strategy.ts";
import type { KeyConfig } from "../types.ts";
import { type CheckOptions, type CheckReport, check } from "./check.ts";
import { type Explanation, explain } from "./explain.ts";
import { type Forecast, forecast } from "./forecast.ts";
import { watchHealth } from "./health-rounds.ts";
import type { ImportOptions, ImportReport } from "./keys/key-import.ts";
import { type KeyManager, manageKeys, overridesFor, type ReplaceOptions } from "./keys/manage-keys.ts";
import { type PoolSnapshot, snapshot } from "./snapshot.ts";

/**
 * Picks keys, keeps each inside its limits, and lets refused ones rest. Knows nothing of HTTP: `acquire` gives a lease,
 * whoever sends the request settles it with the judgement on the answer.
 *
 * What operators do to keys holds for the next request; where there is a `keyStore` it is stored soon after, for which
 * `flushed()` waits.
 *
 * @example
 * const rotator = new KeyRotator({ keys: process.env.API_KEYS, limits: [{ requests: 20, per: "minute" }] });
 * const lease = await rotator.acquire();
 * lease.settle({ outcome: "success" });
 */
export class KeyRotator {
  readonly #pool: Pool;
  #manager: KeyManager | undefined;

  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: RotatorOptions) {
    const resolved = resolveRotatorOptions(options, (error) => this.#strategyFailed(error));
    const { keyStore, healthCheck, logger } = resolved;
    const overrides = keyStore === undefined ? undefined : (pool: PoolPort) => overridesFor(pool, keyStore);
    this.#pool = new Pool(resolved, new EventHub(logger), overrides);
    own(this, this.#pool);
    if (healthCheck !== undefined) watchHealth(this.#pool, healthCheck);
  }

  /** What is known of the provider these keys are for. */
  get provider(): ResolvedRotatorOptions["provider"] {
    return this.#pool.provider;
  }

  /** What those who make calls with it need to know. */
  get options(): Readonly<Pick<ResolvedRotatorOptions, "clock" | "random" | "maxWaitMs">> {
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
  useStrategy(strategy: StrategyName | Strategy): void {
    this.#pool.useStrategy(resolveStrategy(strategy, (error) => this.#strategyFailed(error)));
  }

  /** What is known of every key now: masked, never the secret. */
  snapshot(): Promise<PoolSnapshot> {
    return snapshot(this);
  }

  /** What is left of every declared limit, over all accounts and for each, and when it is used up at the present rate. */
  forecast(): Promise<Forecast> {
    return forecast(this);
  }

  /**
   * Dry run: which key a request would get and why, and what first stands against each other one, with its end.
   * @throws InvalidOptionsError for a field that no request has.
   */
  explain(request?: AcquireRequest): Promise<Explanation> {
    return explain(this, request);
  }

  /**
   * Probes every key and reports: what each answered, and in how many milliseconds. What is learnt counts at once: a key that
   * works again is used again, a refused one rests. Needs a fetch made with this rotator, which sends the probes.
   * @param probe @default the provider's own probe, or `healthCheck.path`
   * @param options.ids the keys to probe; @default all
   * @throws InvalidOptionsError for what cannot be a probe, and without one when none is known that proves anything.
   */
  check(probe?: ProbeRequest, options?: CheckOptions): Promise<CheckReport> {
    return check(this, probe, options);
  }

  /**
   * Probes one key or all, as `check()` does, with the provider's own probe.
   * @throws InvalidOptionsError when there is no such key, or no probe that proves anything.
   */
  recheck(id?: string): Promise<CheckReport> {
    return check(this, undefined, id === undefined ? {} : { ids: [id] });
  }

  /**
   * Puts a key to rest, or ends its rest, on an operator's word. A longer rest that holds already is not cut. Returns whether
   * there is such a key; `false` for all but added ones before a function that lists the keys was first read.
   * @param forMs milliseconds from now, a finite number > 0; or `"end"`
   * @param reason told with the event `key-cooled`; @default "operator"
   * @throws InvalidOptionsError for any other `forMs`.
   */
  async cooldown(id: string, forMs: number | "end", reason = "operator"): Promise<boolean> {
    return this.#pool.settlement.cooldown(id, expectRest("forMs", forMs), reason);
  }

  /**
   * Adds a key. One whose secret is there already is left as it is. Returns the key's id.
   * @throws InvalidOptionsError for what cannot be a key, or has the id of a key with another secret (`replace` gives a key
   * a new one); RotatorClosedError after `close()`.
   */
  add(key: string | KeyConfig): string {
    return this.#keys.add(key);
  }

  /**
   * Takes in many keys and tells what became of each: one that cannot be a key stops no other, one that is there keeps its
   * settings. Where none of them can be one, a `"replace"` leaves the keys there are.
   * @throws InvalidOptionsError for options that cannot work, and for an empty list; RotatorClosedError after `close()`.
   */
  import(keys: string | readonly (string | KeyConfig)[], options?: ImportOptions): ImportReport {
    return this.#keys.import(keys, options);
  }

  /**
   * Takes a key out, for good where the source lists it too: only `add` and `import` bring it back. Requests that hold it go
   * on. Returns whether there was one; before a function that lists the keys was first read, `true`: the word is kept until then.
   * @throws RotatorClosedError after `close()`.
   */
  remove(id: string): boolean {
    return this.#keys.remove(id);
  }

  /**
   * Switches a key on and ends its own rest. Returns whether there is such a key; before a function that lists the keys was
   * first read, `true`: the word is kept until then. A key whose secret nobody kept is switched on when it is given again.
   * @throws RotatorClosedError after `close()`.
   */
  enable(id: string): boolean {
    return this.#keys.enable(id);
  }

  /**
   * Switches a key off. Requests that hold it go on. Returns whether there is such a key; before a function that lists the
   * keys was first read, `true`: the word is kept until then.
   * @throws RotatorClosedError after `close()`.
   */
  disable(id: string, reason?: string): boolean {
    return this.#keys.disable(id, reason);
  }

  /**
   * Changes settings of a key: what is said here holds whatever the source says. Returns whether there is such a key; before a
   * function that lists the keys was first read, `true`: the word is kept until then.
   * @throws InvalidOptionsError naming the setting that cannot be one, and nothing is changed; RotatorClosedError after `close()`.
   */
  update(id: string, change: KeyUpdate): boolean {
    return this.#keys.update(id, change);
  }

  /**
   * Gives a key a new secret. Its id, settings and counters stay; verdicts on the old secret do not follow.
   * Returns whether there is such a key; `false` for all but added ones before a function that lists the keys was first read.
   * @throws InvalidOptionsError for what cannot be a secret, or is that of another key; RotatorClosedError after `close()`.
   */
  replace(id: string, secret: KeyConfig["secret"], options?: ReplaceOptions): boolean {
    return this.#keys.replace(id, secret, options);
  }

  /**
   * Waits until the key store has what was changed. Without one there is nothing to wait for.
   * @throws KeyStoreError when it cannot be stored. It holds all the same, and is tried again. What the key source throws when
   * it has to be read first.
   */
  flushed(): Promise<void> {
    return this.#keys.flushed();
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

  get #keys(): KeyManager {
    this.#manager ??= manageKeys(this);
    return this.#manager;
  }

  #strategyFailed(error: unknown): void {
    // The first one is made before the pool.
    this.#pool?.emit("part-failed", { part: "strategy", error });
  }
}
