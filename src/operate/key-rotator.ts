import { expectRest } from "../checks.ts";
import { RotatorClosedError } from "../errors.ts";
import { resolveStrategy } from "../judgement/registry.ts";
import type { Dispatcher } from "../pool/dispatcher.ts";
import type { EventHub, RotatorEvents } from "../pool/events.ts";
import type { Lease } from "../pool/lease.ts";
import type { AcquireRequest, ResolvedRotatorOptions, RotatorOptions, StrategyName } from "../pool/rotator-options.ts";
import type { Settlement } from "../pool/settlement.ts";
import type { Strategy } from "../pool/strategies/strategy.ts";
import { untilEnded } from "../pool/waiting/bounded-wait.ts";
import type { HeaderReader } from "../ports.ts";
import type { ClassificationContext } from "../types.ts";
import { type Explanation, expectRequest, explainRequest } from "./explanation.ts";
import { type Forecast, forecastPool } from "./forecast.ts";
import type { CheckOptions, CheckReport, ProbeRequest, SendProbe } from "./health-checker.ts";
import { KeyManagement } from "./key-management.ts";
import type { KeyBook } from "./keys/key-book.ts";
import { RotatorParts } from "./rotator-parts.ts";
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
export class KeyRotator extends KeyManagement {
  readonly #parts: RotatorParts;
  readonly #options: ResolvedRotatorOptions;
  readonly #events: EventHub;
  readonly #book: KeyBook;
  readonly #dispatcher: Dispatcher;
  readonly #settlement: Settlement;
  /** Does the choice of keys depend on how long answers take to end? Then leases last as long as the response's body. */
  readonly #stopWatching: readonly ((() => void) | undefined)[];

  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: RotatorOptions) {
    const parts = new RotatorParts(options);
    super(parts);
    this.#parts = parts;
    this.#options = parts.options;
    this.#events = parts.events;
    this.#book = parts.book;
    this.#dispatcher = parts.dispatcher;
    this.#settlement = parts.settlement;
    this.learnsFromHeaders = parts.settlement.learnt.hasGrammar;
    const { store } = parts.options;
    this.#stopWatching = [
      store.watch?.((change) => {
        const { shared } = this.#dispatcher;
        if (shared !== undefined) shared.heard(change);
        // What this rotator gives back itself is handed on by whoever settles it.
        else if (change.type === "freed" && !this.#settlement.isSettling) this.#dispatcher.freed();
      }),
      store.onSharing?.(({ type, ...told }) => {
        // Each type has the payload of its event.
        this.#events.emit(`store-${type}`, told as never);
        if (type === "shared") this.#dispatcher.freed();
      }),
    ];
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
    return this.#dispatcher.countsStreams || this.#book.pool.countsTokens || this.#book.pool.countsConcurrency;
  }

  /** How many accounts there are. @internal */
  get accountCount(): number {
    return this.#book.pool.accountCount;
  }

  /** Must the model of a request be known to serve it? Spares looking for it. */
  get needsModel(): boolean {
    // Another process may have put a model to rest.
    return this.#dispatcher.shared !== undefined || this.#dispatcher.lanes.needModel;
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
    return this.#parts.names.of(request);
  }

  /**
   * Gives a key that may be used now, or waits for one up to `maxWaitMs`. Synchronous when the store is and a key is ready.
   * @throws AllKeysExhaustedError when none becomes free in time; the signal's reason when aborted.
   */
  acquire(request: AcquireRequest = anyRequest): Lease | Promise<Lease> {
    if (this.#parts.isClosed) return Promise.reject(new RotatorClosedError());
    if (!this.#book.loaded) return this.#acquireWhenLoaded(request);
    return this.#dispatcher.acquire(request);
  }

  /** The name of the strategy keys are chosen by. */
  get strategy(): string {
    return this.#dispatcher.strategy.name;
  }

  /**
   * Chooses keys by another strategy from now on. Requests under way and those that wait are not disturbed.
   * @throws InvalidOptionsError for what is no strategy.
   */
  useStrategy(strategy: StrategyName | Strategy): void {
    const failed = (error: unknown): void => this.#events.emit("part-failed", { part: "strategy", error });
    this.#dispatcher.useStrategy(resolveStrategy(strategy, failed));
  }

  /** What is known of every key now: masked, never the secret. */
  snapshot(): Promise<PoolSnapshot> {
    return this.#parts.ready().then(() =>
      takeSnapshot(
        {
          pool: this.#book.pool,
          tracker: this.#parts.tracker,
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
    return this.#parts.ready().then(() => forecastPool(this.#book.pool, this.#parts.tracker, this.#options.store));
  }

  /**
   * Dry run: which key a request would get and why, and what first stands against each other one, with its end.
   * @throws InvalidOptionsError for a field that no request has.
   */
  explain(request: AcquireRequest = anyRequest): Promise<Explanation> {
    return this.#parts.ready().then(() => {
      expectRequest(request);
      const { store } = this.#options;
      const { learnt } = this.#settlement;
      return explainRequest(request, {
        ...this.#dispatcher.outlook(request),
        pool: this.#book.pool,
        tracker: this.#parts.tracker,
        store,
        strategy: this.strategy,
        learnt,
      });
    });
  }

  /**
   * Probes every key and reports: what each answered, and in how many milliseconds. What is learnt counts at once: a key that
   * works again is used again, a refused one rests. Needs a fetch made with this rotator, which sends the probes.
   * @param probe @default the provider's own probe, or `healthCheck.path`
   * @param options.ids the keys to probe; @default all
   * @throws InvalidOptionsError for what cannot be a probe, and without one when none is known that proves anything.
   */
  async check(probe?: ProbeRequest, options: CheckOptions = {}): Promise<CheckReport> {
    await this.#parts.ready();
    return this.#parts.health.check(probe, options);
  }

  /** @internal */
  useProbeSender(send: SendProbe): void {
    this.#parts.health.useSender(send);
  }

  /**
   * Takes no further requests, lets those under way end for up to `drainMs`, and refuses those that wait.
   * @param options.drainMs milliseconds; @default 0
   * @throws KeyStoreError when the last changes to keys cannot be stored, or what a store's own `close()` throws.
   */
  async close({ drainMs = 0 }: { drainMs?: number | undefined } = {}): Promise<void> {
    if (this.#parts.isClosed) return;
    this.#parts.isClosed = true;
    for (const stop of this.#stopWatching) stop?.();
    this.#parts.health.close();
    this.#dispatcher.empty(new RotatorClosedError());
    if (drainMs > 0 && this.#dispatcher.inFlight > 0) await this.#settlement.idle(drainMs);
    try {
      await this.#book.ledger.close();
    } finally {
      await this.#options.store.close?.();
    }
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

  async #acquireWhenLoaded(request: AcquireRequest): Promise<Lease> {
    await untilEnded(this.#parts.ready(), request, this.#options.clock);
    return this.acquire(request);
  }
}
