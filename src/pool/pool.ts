import { RotatorClosedError } from "../errors.ts";
import type { Provider } from "../judgement/provider.ts";
import { type ProviderReading, readingOf } from "../judgement/provider-reading.ts";
import { PoolLimits } from "../limits/pool-limits.ts";
import { isShared, type Unsubscribe } from "../limits/store.ts";
import type { HeaderReader, LeaseFacts, PoolChange } from "../ports.ts";
import type { ClassificationContext } from "../types.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { EventHub, RotatorEvents } from "./events.ts";
import { Features } from "./features.ts";
import { KeySwitches } from "./key-switches.ts";
import { type KeyOverrides, KeyRegistry } from "./keys/key-registry.ts";
import type { KeyStore } from "./keys/key-store.ts";
import { SharedWork } from "./keys/shared-work.ts";
import type { Lease } from "./lease.ts";
import { Observers } from "./observing/observers.ts";
import { type KeyEndpoints, own, type PoolPort, type SendProbe } from "./pool-port.ts";
import { Readiness } from "./readiness.ts";
import { RequestNames } from "./request-names.ts";
import type { AcquireRequest, ResolvedRotatorOptions } from "./rotator-options.ts";
import { Settlement } from "./settlement.ts";
import type { OrderingStrategy } from "./strategies/strategy.ts";
import { untilEnded } from "./waiting/bounded-wait.ts";

const anyRequest: AcquireRequest = Object.freeze({});

/** Lays what operators say, as a store keeps it, over a pool's keys. */
export type MakeOverrides = (pool: PoolPort, keyStore: KeyStore) => KeyOverrides;

/**
 * Keys that serve requests: the parts of a pool, put together, and what becomes of it from its first request to its end. Knows
 * neither HTTP nor operators; both work on its port.
 */
export class Pool implements PoolPort {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly registry: KeyRegistry;
  readonly tracker: PoolLimits;
  readonly readiness: Readiness;
  readonly dispatcher: Dispatcher;
  readonly settlement: Settlement;
  readonly observers: Observers;
  readonly switches: KeySwitches;
  readonly features: Features;
  readonly keyEndpoints: KeyEndpoints;
  readonly #names: RequestNames;
  /** The first read of what takes its time; a failure leaves the next request to try again. */
  readonly #loading: SharedWork<void>;
  readonly #stopWatching: readonly (Unsubscribe | undefined)[];
  #isClosed = false;
  #sendProbe: SendProbe | undefined;
  #onProbing: (() => void) | undefined;
  #onClosed: (() => void) | undefined;

  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: ResolvedRotatorOptions, events: EventHub, makeOverrides?: MakeOverrides) {
    const { clock, guardMs, cooldownMs, maxCooldownMs, egress, keys, keyStore, idSecret } = options;
    this.options = options;
    this.events = events;
    this.#names = new RequestNames(options.random);
    this.#loading = new SharedWork(clock);
    this.tracker = new PoolLimits({
      clock,
      guardMs,
      cooldownMs,
      maxCooldownMs,
      egress,
      isStoreOurs: options.store.clock === clock,
    });
    this.registry = new KeyRegistry({ keys, clock, idSecret, terms: options });
    const { pool } = this.registry;
    this.keyEndpoints = pool;
    if (keyStore !== undefined) this.registry.overrides = makeOverrides?.(this, keyStore);
    this.registry.open();
    this.switches = new KeySwitches(this);
    this.switches.tellUnknown();
    const parts = { options, events, pool, tracker: this.tracker };
    this.observers = new Observers(options.observers, (error) =>
      this.emit("internal-error", { part: "observer", error }),
    );
    this.readiness = new Readiness(parts);
    const { readiness, observers } = this;
    this.settlement = new Settlement({ ...parts, readiness, observers });
    const { switches, settlement } = this;
    this.features = new Features({ ...parts, observers, switches, settlement, readiness });
    this.dispatcher = new Dispatcher({ ...parts, names: this.#names, readiness, owner: settlement });
    this.switches.watch();
    // The key store is being read already: nobody need wait for the first request. Should it fail, that one tries again.
    if (typeof keys !== "function") this.ready().catch(() => {});
    this.#stopWatching = this.#watch();
    own(this, this);
  }

  get provider(): Provider {
    return this.options.provider;
  }

  get providers(): readonly ProviderReading[] {
    const { providers } = this.registry.pool;
    return providers.length > 0 ? providers : [readingOf(this.options.provider)];
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get strategy(): string {
    return this.readiness.strategy.name;
  }

  get inFlight(): number {
    return this.readiness.inFlight;
  }

  get waiting(): number {
    return this.readiness.queue.size;
  }

  get countsTokens(): boolean {
    return this.registry.pool.countsTokens;
  }

  get countsToTheEnd(): boolean {
    const { pool } = this.registry;
    const { hasToEnd } = this.observers;
    const { countsBusy } = this.readiness.readySets.general;
    return countsBusy || pool.countsTokens || pool.countsConcurrency || hasToEnd;
  }

  get accountCount(): number {
    return this.registry.pool.accountCount;
  }

  get needsModel(): boolean {
    // Another process may have put a model into cooldown.
    return this.readiness.shared !== undefined || this.readiness.readySets.needModel;
  }

  get renamesModels(): boolean {
    return this.registry.pool.renamesModels;
  }

  get readsRequests(): boolean {
    return this.readiness.strategy.readsRequests === true;
  }

  get sendProbe(): SendProbe | undefined {
    return this.#sendProbe;
  }

  acquire(request: AcquireRequest = anyRequest): Lease | Promise<Lease> {
    if (this.#isClosed) return Promise.reject(new RotatorClosedError());
    if (!this.registry.isLoaded) return this.#acquireWhenLoaded(request);
    return this.dispatcher.acquire(request);
  }

  useStrategy(strategy: OrderingStrategy): void {
    this.features.follow(strategy);
    this.readiness.useStrategy(strategy);
  }

  observe(lease: Lease, headers: HeaderReader): void {
    this.settlement.onHeaders(lease, headers);
  }

  factsOf(lease: Lease): LeaseFacts {
    return this.settlement.factsOf(lease);
  }

  contextOf(lease: Lease): ClassificationContext {
    return this.features.contextOf(lease);
  }

  follow(changes: readonly PoolChange[], lease: Lease): void {
    this.settlement.follow(changes, lease);
  }

  nameOf(request: AcquireRequest): string {
    return this.#names.of(request);
  }

  wants(name: keyof RotatorEvents): boolean {
    return this.events.wants(name);
  }

  emit<Name extends keyof RotatorEvents>(name: Name, event: RotatorEvents[Name]): void {
    this.events.emit(name, event);
  }

  useProbeSender(send: SendProbe): void {
    if (this.#sendProbe !== undefined) return;
    this.#sendProbe = send;
    this.#onProbing?.();
  }

  onceProbing(listener: () => void): void {
    if (this.#sendProbe !== undefined) listener();
    else this.#onProbing = listener;
  }

  onceClosed(listener: () => void): void {
    this.#onClosed = listener;
  }

  ready(): Promise<void> {
    if (this.registry.isLoaded) return Promise.resolve();
    return this.#loading.run(async () => {
      await this.registry.reload();
      this.readiness.rebuild();
      this.switches.tellUnknown();
    });
  }

  /**
   * Reads the key source again; a failure leaves the keys there were in use, and is told.
   * @throws RotatorClosedError after `close()`; what the source throws when it is read for the first time.
   */
  async reload(): Promise<void> {
    if (this.#isClosed) throw new RotatorClosedError();
    if (!this.registry.isLoaded) return this.ready();
    try {
      const { added, removed, kept, touched } = await this.registry.reload();
      for (const account of touched) this.readiness.rejoin(account);
      this.events.emit("keys-reloaded", { added, removed, kept });
    } catch (error) {
      this.events.emit("keys-reload-failed", { error });
    }
  }

  /**
   * Takes no further requests, lets those under way end for up to so many milliseconds, and refuses those that wait.
   * @throws KeyStoreError when the last changes to keys cannot be stored, or what a store's own `close()` throws.
   */
  async close(drainMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const stop of this.#stopWatching) stop?.();
    this.#onClosed?.();
    this.readiness.queue.empty(new RotatorClosedError());
    if (drainMs > 0 && this.readiness.inFlight > 0) await this.settlement.idle(drainMs);
    try {
      await this.registry.overrides?.kept.close();
    } finally {
      this.readiness.renewal?.stop();
      await this.options.store.close?.();
    }
  }

  async #acquireWhenLoaded(request: AcquireRequest): Promise<Lease> {
    await untilEnded(this.ready(), request, this.options.clock);
    return this.acquire(request);
  }

  #watch(): readonly (Unsubscribe | undefined)[] {
    const { store } = this.options;
    return [
      store.watch?.((change) => {
        const { shared } = this.readiness;
        if (shared !== undefined) shared.onChange(change);
        // What this pool changes itself is taken over by whoever settles it.
        else if (this.settlement.isSettling) return;
        else if (change.type === "cooled") this.readiness.onCooled(change.state.scope);
        else this.readiness.onFreed();
      }),
      isShared(store)
        ? store.onSharing(({ type, ...told }) => {
            // Each type has the payload of its event.
            this.events.emit(`store-${type}`, told as never);
            if (type === "shared") this.readiness.onFreed();
          })
        : undefined,
    ];
  }
}
