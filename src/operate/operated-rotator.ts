import type { KeyConfig } from "../pool/keys/key-config.ts";
import type { KeyUpdate } from "../pool/keys/key-source.ts";
import { type ProbeRequest, portOf } from "../pool/pool-port.ts";
import type { AcquireRequest, HomeOf, RotatorOptions } from "../pool/rotator-options.ts";
import { type CheckOptions, type CheckReport, check } from "./check.ts";
import { type Explanation, explain } from "./explain.ts";
import { type Forecast, forecast } from "./forecast.ts";
import { watchHealth } from "./health-rounds.ts";
import {
  type ImportOptions,
  type ImportReport,
  type KeyManager,
  manageKeys,
  overridesFor,
  type ReplaceOptions,
} from "./keys/manage-keys.ts";
import { PoolRotator } from "./pool-rotator.ts";
import { type PoolSnapshot, snapshot } from "./snapshot.ts";

/**
 * A rotator with all that operators do and see. What they do to keys holds for the next request; where there is a `keyStore` it is
 * stored soon after, for which `flushed()` waits.
 */
export class OperatedRotator extends PoolRotator {
  #manager: KeyManager | undefined;

  /**
   * @param homeOf the origins that are a provider's own, by its name
   * @throws InvalidOptionsError naming the option that cannot work.
   * @internal
   */
  constructor(options: RotatorOptions, homeOf: HomeOf) {
    super(options, { homeOf, overridesFor });
    const { healthCheck } = portOf(this).options;
    if (healthCheck !== undefined) watchHealth(this, healthCheck);
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
   * works again is used again, a refused one cools down. Needs a fetch made with this rotator, which sends the probes.
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
   * Adds a key. One whose secret is there already is left as it is. Returns the key's id.
   * @throws InvalidOptionsError for what cannot be a key, or has the id of a key with another secret (`replace` gives a key
   * a new one); RotatorClosedError after `close()`.
   */
  add(key: string | KeyConfig<string>): string {
    return this.#keys.add(key);
  }

  /**
   * Takes in many keys and tells what became of each: one that cannot be a key stops no other, one that is there keeps its
   * settings. Where none of them can be one, a `"replace"` leaves the keys there are.
   * @throws InvalidOptionsError for options that cannot work, and for an empty list; RotatorClosedError after `close()`.
   */
  import(keys: string | readonly (string | KeyConfig<string>)[], options?: ImportOptions): ImportReport {
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
   * Switches a key on and ends its own cooldown. Returns whether there is such a key; before a function that lists the keys was
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
   * Gives a key a new secret. Its id, settings and counters stay; what was found out about the old secret does not follow.
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

  get #keys(): KeyManager {
    this.#manager ??= manageKeys(this);
    return this.#manager;
  }
}
