import { RotatorClosedError } from "../errors.ts";
import type { ClassificationContext, KeyConfig } from "../types.ts";
import { untilEnded } from "./bounded-wait.ts";
import { Dispatcher } from "./dispatcher.ts";
import { EventHub, type RotatorEvents } from "./events.ts";
import { expectRest } from "./expectations.ts";
import { type Explanation, expectRequest, explainRequest } from "./explanation.ts";
import { type Forecast, forecastPool } from "./forecast.ts";
import { type CheckReport, HealthChecker, type ProbeRequest, type SendProbe } from "./health-checker.ts";
import { KeyBook } from "./key-book.ts";
import type { HeaderReader } from "./learnt-limits.ts";
import type { Lease } from "./lease.ts";
import { RateLimitTracker } from "./rate-limit-tracker.ts";
import { RequestNames } from "./request-names.ts";
import {
  type AcquireRequest,
  type ResolvedRotatorOptions,
  type RotatorOptions,
  resolveRotatorOptions,
} from "./rotator-options.ts";
import { Settlement } from "./settlement.ts";
import { SharedWork } from "./shared-work.ts";
import { type PoolSnapshot, takeSnapshot } from "./snapshot.ts";

const anyRequest: AcquireRequest = Object.freeze({});

/**
 * Picks keys, keeps each inside its limits, and lets refused ones rest. Knows nothing of HTTP: `acquire` gives a lease,
 * whoever sends the request settles it with the judgement on the answer.
 *
 * @example
 * const rotator = new KeyRotator({ keys: process.env.API_KEYS, limits: [{ requests: 20, per: "minute" }] });
 * const lease = await rotator.acquire();
 * lease.settle({ outcome: "success" });
 */
export class KeyRotator {
  readonly #options: ResolvedRotatorOptions;
  readonly #events: EventHub;
  readonly #tracker: RateLimitTracker;
  readonly #book: KeyBook;
  readonly #dispatcher: Dispatcher;
  readonly #settlement: Settlement;
  readonly #health: HealthChecker;
  /** Does the choice of keys depend on how long answers take to end? Then leases last as long as the response's body. */
  readonly countsStreams: boolean;
  readonly #names: RequestNames;
  /** The first read of an asynchronous source; a failure leaves the next request to try again. */
  readonly #loading: SharedWork<void>;
  #closed = false;
  #stopWatching: (() => void) | undefined;

  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: RotatorOptions) {
    const failed = (error: unknown): void => this.#events?.emit("part-failed", { part: "strategy", error });
    this.#options = resolveRotatorOptions(options, failed);
    const { clock, limits, guardMs, cooldownMs, maxCooldownMs, store, keys, logger } = this.#options;
    this.#events = new EventHub(logger);
    this.#names = new RequestNames(this.#options.random);
    this.#loading = new SharedWork(clock);
    this.#tracker = new RateLimitTracker({ limits, clock, guardMs, cooldownMs, maxCooldownMs, ipScope: "ip:local" });
    this.#book = new KeyBook(this.#options);
    if (typeof keys !== "function") this.#book.replaceAll(keys);
    const parts = { options: this.#options, events: this.#events, pool: this.#book.pool, tracker: this.#tracker };
    this.#dispatcher = new Dispatcher({ ...parts, names: this.#names });
    this.#settlement = new Settlement({ ...parts, dispatcher: this.#dispatcher });
    this.learnsFromHeaders = this.#settlement.learnt.hasGrammar;
    this.countsStreams = this.#dispatcher.countsStreams;
    this.#dispatcher.owner = this.#settlement;
    this.#health = new HealthChecker({ ...parts, dispatcher: this.#dispatcher, settlement: this.#settlement });
    this.#stopWatching = store.watch?.((change) => {
      // What this rotator gives back itself is handed on by whoever settles it.
      if (change.type === "freed" && !this.#settlement.isSettling) this.#dispatcher.freed();
    });
  }

  /** What is known of the provider these keys are for. */
  get provider(): ResolvedRotatorOptions["provider"] {
    return this.#options.provider;
  }

  /** What those who make calls with it need to know. */
  get options(): Readonly<Pick<ResolvedRotatorOptions, "clock" | "random" | "maxWaitMs">> {
    const { clock, random, maxWaitMs } = this.#options;
    return { clock, random, maxWaitMs };
  }

  /** Requests that hold a key. */
  get inFlight(): number {
    return this.#dispatcher.inFlight;
  }

  /** Requests that wait for one. */
  get waiting(): number {
    return this.#dispatcher.waiting;
  }

  /** Does any limit count tokens? Then answers are read for what they used. @internal */
  get countsTokens(): boolean {
    return this.#book.pool.countsTokens;
  }

  /** Must leases last as long as the response's body? @internal */
  get countsToTheEnd(): boolean {
    return this.countsStreams || this.#book.pool.countsTokens || this.#book.pool.countsConcurrency;
  }

  /** How many accounts there are. @internal */
  get accountCount(): number {
    return this.#book.pool.accountCount;
  }

  /** Must the model of a request be known to serve it? Spares looking for it. */
  get needsModel(): boolean {
    return this.#dispatcher.lanes.needModel;
  }

  /** @throws InvalidOptionsError for an event there is not, or a listener that is no function; so do `once` and `off`. */
  on<Name extends keyof RotatorEvents>(name: Name, listener: (event: RotatorEvents[Name]) => void): this {
    this.#events.on(name, listener);
    return this;
  }

  once<Name extends keyof RotatorEvents>(name: Name, listener: (event: RotatorEvents[Name]) => void): this {
    this.#events.once(name, listener);
    return this;
  }

  off<Name extends keyof RotatorEvents>(name: Name, listener: (event: RotatorEvents[Name]) => void): this {
    this.#events.off(name, listener);
    return this;
  }

  /** Does anybody listen to this event? */
  wants(name: keyof RotatorEvents): boolean {
    return this.#events.wants(name);
  }

  /** @internal */
  emit<Name extends keyof RotatorEvents>(name: Name, event: RotatorEvents[Name]): void {
    this.#events.emit(name, event);
  }

  /** Names a request in events. @internal */
  nameOf(request: AcquireRequest): string {
    return this.#names.of(request);
  }

  /**
   * Gives a key that may be used now, or waits for one up to `maxWaitMs`. Synchronous when the store is and a key is ready.
   * @throws AllKeysExhaustedError when none becomes free in time; the signal's reason when aborted.
   */
  acquire(request: AcquireRequest = anyRequest): Lease | Promise<Lease> {
    if (this.#closed) return Promise.reject(new RotatorClosedError());
    if (!this.#book.loaded) return this.#acquireWhenLoaded(request);
    return this.#dispatcher.acquire(request);
  }

  /** What is known of every key now: masked, never the secret. */
  snapshot(): Promise<PoolSnapshot> {
    return this.#ready().then(() =>
      takeSnapshot(
        {
          pool: this.#book.pool,
          tracker: this.#tracker,
          store: this.#options.store,
          clock: this.#options.clock,
          learnt: this.#settlement.learnt,
        },
        {
          models: this.#dispatcher.modelStandings(),
          inferredAccounts: this.#settlement.inference.believed,
          inFlight: this.#dispatcher.inFlight,
          waiting: this.#dispatcher.waiting,
        },
      ),
    );
  }

  /** What is left of every declared limit, over all accounts and for each, and when it is used up at the present rate. */
  forecast(): Promise<Forecast> {
    return this.#ready().then(() => forecastPool(this.#book.pool, this.#tracker, this.#options.store));
  }

  /**
   * Dry run: which key a request would get and why, and what first stands against each other one, with its end.
   * @throws InvalidOptionsError for a field that no request has.
   */
  explain(request: AcquireRequest = anyRequest): Promise<Explanation> {
    return this.#ready().then(() => {
      expectRequest(request);
      const { store, strategy } = this.#options;
      const { learnt } = this.#settlement;
      return explainRequest(request, {
        ...this.#dispatcher.outlook(request),
        pool: this.#book.pool,
        tracker: this.#tracker,
        store,
        strategy: strategy.name,
        learnt,
      });
    });
  }

  /**
   * Probes every key and reports: what each answered, and in how many milliseconds. What is learnt counts at once: a key that
   * works again is used again, a refused one rests. Needs a fetch made with this rotator, which sends the probes.
   * @param probe @default the provider's own probe, or `healthCheck.path`
   * @throws InvalidOptionsError for what cannot be a probe, and without one when none is known that proves anything.
   */
  async check(probe?: ProbeRequest): Promise<CheckReport> {
    await this.#ready();
    return this.#health.check(probe);
  }

  /** @internal */
  useProbeSender(send: SendProbe): void {
    this.#health.useSender(send);
  }

  /**
   * Adds a key. One whose secret is there already is left as it is. Returns the key's id.
   * @throws InvalidOptionsError for what cannot be a key, or has the id of a key with another secret (`replace` gives a key
   * a new one); RotatorClosedError after `close()`.
   */
  add(key: string | KeyConfig): string {
    if (this.#closed) throw new RotatorClosedError();
    const { pooled, isNew } = this.#book.add(key);
    if (isNew) {
      this.#dispatcher.rejoin(pooled.account);
      this.#events.emit("key-added", { keyId: pooled.id });
    }
    return pooled.id;
  }

  /**
   * Takes a key out. Requests that hold it go on. Returns whether there was one; before a function that lists the keys was
   * first read, `true`: the word is kept until then.
   * @throws RotatorClosedError after `close()`.
   */
  remove(id: string): boolean {
    const key = this.#keyToManage(id);
    if (key === undefined) return this.#postpone(() => this.remove(id));
    this.#book.remove(key);
    this.#dispatcher.rejoin(key.account);
    this.#events.emit("key-removed", { keyId: id });
    return true;
  }

  /**
   * Switches a key on and ends its own rest. Returns whether there is such a key; before a function that lists the keys was
   * first read, `true`: the word is kept until then.
   * @throws RotatorClosedError after `close()`.
   */
  enable(id: string): boolean {
    const key = this.#keyToManage(id);
    if (key === undefined) return this.#postpone(() => this.enable(id));
    this.#settlement.switchOn(key);
    return true;
  }

  /**
   * Switches a key off. Requests that hold it go on. Returns whether there is such a key; before a function that lists the
   * keys was first read, `true`: the word is kept until then.
   * @throws RotatorClosedError after `close()`.
   */
  disable(id: string, reason = "operator"): boolean {
    const key = this.#keyToManage(id);
    if (key === undefined) return this.#postpone(() => this.disable(id, reason));
    this.#settlement.switchOff(key, reason);
    return true;
  }

  /**
   * Gives a key a new secret. Its id, settings and counters stay; verdicts on the old secret do not follow.
   * Returns whether there is such a key; `false` for all but added ones before a function that lists the keys was first read.
   * @throws InvalidOptionsError for what cannot be a secret, or is that of another key; RotatorClosedError after `close()`.
   */
  replace(id: string, secret: KeyConfig["secret"]): boolean {
    const key = this.#keyToManage(id);
    if (key === undefined) return false;
    this.#book.replaceSecret(key, secret);
    key.restUntil = 0;
    key.credentialRefused = false;
    this.#dispatcher.wake(key.account.slot);
    this.#events.emit("key-replaced", { keyId: id });
    return true;
  }

  /**
   * Reads the key source again. Keys that stay keep their state. When the source fails, the keys there were stay in use
   * and an event tells.
   */
  async reload(): Promise<void> {
    if (this.#closed) throw new RotatorClosedError();
    if (!this.#book.loaded) return this.#load();
    try {
      const change = await this.#book.reload();
      for (const account of change.touched) this.#dispatcher.rejoin(account);
      const { added, removed, kept } = change;
      this.#events.emit("keys-reloaded", { added, removed, kept });
    } catch (error) {
      this.#events.emit("keys-reload-failed", { error });
    }
  }

  /**
   * Takes no further requests, lets those under way end for up to `drainMs`, and refuses those that wait.
   * @param options.drainMs milliseconds; @default 0
   */
  async close({ drainMs = 0 }: { drainMs?: number | undefined } = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching?.();
    this.#health.close();
    this.#dispatcher.empty(new RotatorClosedError());
    if (drainMs > 0 && this.#dispatcher.inFlight > 0) await this.#settlement.idle(drainMs);
    await this.#options.store.close?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Puts a key to rest, or ends its rest, on an operator's word. A longer rest that holds already is not cut. Returns whether
   * there is such a key; `false` for all but added ones before a function that lists the keys was first read.
   * @param forMs milliseconds from now, a finite number > 0; or `"end"`
   * @param reason told with the event `key-cooled`; @default "operator"
   * @throws InvalidOptionsError for any other `forMs`.
   */
  async cooldown(id: string, forMs: number | "end", reason = "operator"): Promise<boolean> {
    return this.#settlement.cooldown(id, expectRest("forMs", forMs), reason);
  }

  /** Do answers' headers teach anything here? @internal */
  readonly learnsFromHeaders: boolean;

  /** Takes in what an answer's headers say of limits. @internal */
  observe(lease: Lease, headers: HeaderReader, findModel: () => string | undefined): void {
    this.#settlement.observe(lease, headers, findModel);
  }

  /** Notes whose key a refusal says it was. @internal */
  noteOrganization(lease: Lease, organization: string | null): void {
    this.#settlement.inference.note(lease.key.account, organization);
  }

  /** What is known of the key whose answer is judged. @internal */
  contextOf(lease: Lease): ClassificationContext {
    return this.#settlement.credentials.contextOf(lease);
  }

  /** @internal */
  forgive(lease: Lease): void {
    this.#settlement.forgive(lease);
  }

  /** Origins of the endpoints that keys bring along. @internal */
  endpointOrigins(): ReadonlySet<string> {
    const origins = new Set<string>();
    for (const { config } of this.#book.pool.keys.values()) {
      if (config.baseURL !== undefined) origins.add(config.baseURL.origin);
    }
    return origins;
  }

  #keyToManage(id: string): ReturnType<KeyBook["pool"]["keys"]["get"]> {
    if (this.#closed) throw new RotatorClosedError();
    return this.#book.pool.keys.get(id);
  }

  /** What is said of keys that are not known yet waits for them. Closed meanwhile, it no longer matters. */
  #postpone(change: () => void): boolean {
    return this.#book.postpone(() => {
      if (!this.#closed) change();
    });
  }

  async #acquireWhenLoaded(request: AcquireRequest): Promise<Lease> {
    await untilEnded(this.#load(), request, this.#options.clock);
    return this.acquire(request);
  }

  #ready(): Promise<void> {
    return this.#book.loaded ? Promise.resolve() : this.#load();
  }

  #load(): Promise<void> {
    return this.#loading.run(() => this.#book.reload().then(() => this.#dispatcher.rebuild()));
  }
}
