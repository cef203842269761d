import { RotatorClosedError } from "../errors.ts";
import type {
  Candidate,
  CooldownChange,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  Store,
} from "../stores/store.ts";
import type { Awaitable, KeyConfig } from "../types.ts";
import { CountingDelay } from "./counting-delay.ts";
import { EventHub, type RotatorEvents } from "./events.ts";
import { exhaustedError, type PoolStanding } from "./exhaustion.ts";
import { KeyBook } from "./key-book.ts";
import type { Account, PooledKey } from "./key-pool.ts";
import { type Lane, standing } from "./lane.ts";
import { Lanes } from "./lanes.ts";
import { Lease, type LeaseOwner, type LeaseResult } from "./lease.ts";
import { isKeyScope, RateLimitTracker } from "./rate-limit-tracker.ts";
import {
  type AcquireRequest,
  type ResolvedRotatorOptions,
  type RotatorOptions,
  resolveRotatorOptions,
} from "./rotator-options.ts";
import { type Explanation, explainRequest, type PoolSnapshot, takeSnapshot } from "./snapshot.ts";
import { WaitingRoom } from "./waiting-room.ts";

/** How many candidates one question to a store carries unless the store says otherwise. */
const candidatesPerReserve = 16;
/** A group coming back from a cooldown may have this many requests under way at first, and twice as many with every success. */
const rampStart = 1;
const rampEnd = 32;
/** Spreads the moments at which waiters try a key that comes back: up to this share of its rest, and at most so long. */
const wakeJitterShare = 0.1;
const wakeJitterMs = 100;
/** A wall clock this far off its course was set, or slept; milliseconds. */
const clockJumpMs = 1000;
/** Weight of a new measurement in the smoothed latency. */
const latencySmoothing = 0.3;

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
export class KeyRotator implements LeaseOwner {
  readonly #options: ResolvedRotatorOptions;
  readonly #events: EventHub;
  readonly #store: Store;
  readonly #tracker: RateLimitTracker;
  readonly #book: KeyBook;
  readonly #room: WaitingRoom;
  readonly #reserveOptions: ReserveOptions;
  readonly #batch: number;
  /** Measuring writes to memory that a large pool has not in its cache: only for those who ask for it. */
  readonly #measuresLatency: boolean;
  /** Are the store's times on our own clock? Spares reading it twice. */
  readonly #sameClock: boolean;
  readonly #originRests = new Map<string, number>();
  readonly #open = new Set<() => void>();
  readonly #candidates: Candidate[] = [];
  readonly #reports: Report[] = [];
  readonly #delays: CountingDelay;
  #lanes: Lanes;
  #session: string | undefined;
  #requests = 0;
  #inFlight = 0;
  /** How far the wall clock was from the monotonic one when that was last looked at. */
  #drift: number;
  #loading: Promise<void> | undefined;
  #closed = false;
  #stopWatching: (() => void) | undefined;

  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: RotatorOptions) {
    const failed = (error: unknown): void => this.#events?.emit("part-failed", { part: "strategy", error });
    this.#options = resolveRotatorOptions(options, failed);
    const { clock, limits, guardMs, cooldownMs, maxCooldownMs, store, leaseMs } = this.#options;
    this.#events = new EventHub(this.#options.logger);
    this.#store = store;
    this.#tracker = new RateLimitTracker({ limits, clock, guardMs, cooldownMs, maxCooldownMs, ipScope: "ip:local" });
    this.#book = new KeyBook(this.#options);
    this.#reserveOptions = { session: "local", leaseMs, purpose: "request" };
    this.#measuresLatency = this.#options.strategy.usesLatency === true;
    this.#delays = new CountingDelay(clock);
    this.#drift = clock.wall() - clock.monotonic();
    this.#sameClock = store.clock === clock;
    this.#batch = store.candidatesPerReserve ?? candidatesPerReserve;
    this.#room = new WaitingRoom({
      clock,
      maxWaiting: this.#options.maxWaiting,
      ask: (lane, request) => this.#tryLane(lane, request),
      exhausted: (lane, request) => this.#exhausted(lane, request),
      pollMs: () => 50 + this.#options.random() * 200,
      queued: (request, waiting) => this.#queued(request, waiting),
    });
    if (typeof this.#options.keys !== "function") this.#book.replaceAll(this.#options.keys);
    this.#lanes = this.#makeLanes();
    this.#stopWatching = store.watch?.((change) => {
      if (change.type === "freed") this.#freed();
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
    return this.#inFlight;
  }

  /** Requests that wait for one. */
  get waiting(): number {
    return this.#room.size;
  }

  /** Must the model of a request be known to serve it? Spares looking for it. */
  get needsModel(): boolean {
    return this.#lanes.needModel;
  }

  /** Does the choice of keys depend on how long answers take to end? Then leases last as long as the response's body. */
  get countsStreams(): boolean {
    return this.#options.strategy.name === "least_busy";
  }

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

  /** Names a request in events: unique over processes. */
  nextRequestId(): string {
    this.#session ??= this.#options.random().toString(36).slice(2, 10);
    return `${this.#session}-${++this.#requests}`;
  }

  now(): number {
    return this.#options.clock.monotonic();
  }

  /**
   * Gives a key that may be used now, or waits for one up to `maxWaitMs`. Synchronous when the store is and a key is ready.
   * @throws AllKeysExhaustedError when none becomes free in time; the signal's reason when aborted.
   */
  acquire(request: AcquireRequest = anyRequest): Lease | Promise<Lease> {
    if (this.#closed) return Promise.reject(new RotatorClosedError());
    if (!this.#book.loaded) return this.#load().then(() => this.acquire(request));
    const lane = this.#lanes.for(request.model);
    if (lane.waiting.size > 0) return this.#room.wait(lane, request, this.#maxWait(request));
    const got = this.#tryLane(lane, request);
    if (got instanceof Lease) return got;
    if (got === null) return this.#room.wait(lane, request, this.#maxWait(request));
    return got.then((lease) => lease ?? this.#room.wait(lane, request, this.#maxWait(request)));
  }

  /** What is known of every key now: masked, never the secret. */
  snapshot(): Promise<PoolSnapshot> {
    return this.#ready().then(() =>
      takeSnapshot(this.#book.pool, this.#tracker, this.#store, this.#standing(), this.#options.clock),
    );
  }

  /** Dry run: which key a request would get, and why each other one would not serve it. */
  explain(request: AcquireRequest = anyRequest): Promise<Explanation> {
    return this.#ready().then(() => {
      const lane = this.#lanes.for(request.model);
      lane.wakeDue(this.now());
      return explainRequest(this.#book.pool, this.#tracker, this.#store, lane, this.#reserveOptions);
    });
  }

  /** Adds a key. One whose secret or id is there already is left as it is. Returns the key's id. */
  add(key: string | KeyConfig): string {
    const { pooled, isNew } = this.#book.add(key);
    if (isNew) {
      this.#rejoin(pooled.account);
      this.#events.emit("key-added", { keyId: pooled.id });
    }
    return pooled.id;
  }

  /** Takes a key out. Requests that hold it go on. Returns whether there was one. */
  remove(id: string): boolean {
    const key = this.#book.pool.keys.get(id);
    if (key === undefined) return false;
    this.#book.remove(key);
    this.#rejoin(key.account);
    this.#events.emit("key-removed", { keyId: id });
    return true;
  }

  /** Switches a key on and ends its own rest. Returns whether there is such a key. */
  enable(id: string): boolean {
    const key = this.#book.pool.keys.get(id);
    if (key === undefined) return false;
    const before = key.enabled;
    key.enabled = true;
    key.account.refresh();
    this.#endRests(key);
    this.#rejoin(key.account);
    if (!before) this.#events.emit("key-enabled", { keyId: id });
    return true;
  }

  /** Switches a key off. Requests that hold it go on. Returns whether there is such a key. */
  disable(id: string, reason = "operator"): boolean {
    const key = this.#book.pool.keys.get(id);
    if (key === undefined) return false;
    const before = key.enabled;
    key.enabled = false;
    key.account.refresh();
    this.#rejoin(key.account);
    if (before) this.#events.emit("key-disabled", { keyId: id, reason });
    return true;
  }

  /**
   * Gives a key a new secret. Its id, settings and counters stay; verdicts on the old secret do not follow.
   * Returns whether there is such a key.
   */
  replace(id: string, secret: KeyConfig["secret"]): boolean {
    const key = this.#book.pool.keys.get(id);
    if (key === undefined) return false;
    this.#book.replaceSecret(key, secret);
    key.restUntil = 0;
    key.credentialRefused = false;
    this.#wake(key.account.slot);
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
      for (const account of change.touched) this.#rejoin(account);
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
    for (const lane of this.#lanes) this.#room.empty(lane, new RotatorClosedError());
    if (drainMs > 0 && this.#inFlight > 0) await this.#drained(drainMs);
    await this.#store.close?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  end(lease: Lease, result: LeaseResult): void {
    const { key } = lease;
    const { account } = key;
    const now = this.now();
    const headersAfterMs = (lease.answeredAt === 0 ? now : lease.answeredAt) - lease.startedAt;
    this.#inFlight--;
    account.inFlight--;
    if (result.outcome === "success") {
      if (this.#measuresLatency) measureLatency(account, headersAfterMs);
      if (account.ramp > 0) this.#climb(account);
    } else if (result.outcome === "failure") {
      key.failures++;
      key.lastFailureAt = now;
    }
    this.#settle(this.#reportOn(lease, result, headersAfterMs), lease);
    // What was given back may be the very thing it was parked for.
    if (result.sent === "no") this.#lanes.wakeAll(account.slot);
    this.#released(account);
    if (this.#inFlight === 0) for (const done of this.#open) done();
  }

  #reportOn(lease: Lease, result: LeaseResult, headersAfterMs: number): Report {
    const { reservation, key } = lease;
    const allowanceMs = lease.allowance.ms;
    const { outcome, classification, usage, sent = "yes" } = result;
    // The usual end of a request says nothing more.
    if (classification === undefined && usage === undefined && allowanceMs === 0) {
      return { reservation, outcome, sent, headersAfterMs };
    }
    let cooldowns: readonly CooldownChange[] | undefined;
    if (classification !== undefined) {
      const { model, origin } = lease;
      cooldowns = this.#tracker.changesFor(classification, key, model, origin, reservation.reservedAt);
      lease.marks = cooldowns;
    }
    return { reservation, outcome, sent, headersAfterMs, allowanceMs, usage, cooldowns };
  }

  /** Puts scopes to rest, or ends their rest, on an operator's word. */
  async cooldown(id: string, forMs: number | "end", reason = "operator"): Promise<boolean> {
    const key = this.#book.pool.keys.get(id);
    if (key === undefined) return false;
    const set = forMs === "end" ? forMs : { forMs };
    const states = await this.#store.cooldown([{ scope: `key:${id}`, set, reason, source: "operator" }]);
    this.#learn(states, key, undefined);
    return true;
  }

  /**
   * Takes back what a lease's failure put to rest: the request was at fault, not the key. What a provider stated stays.
   * @internal
   */
  forgive(lease: Lease): void {
    const changes = lease.marks.map(
      ({ scope }) => ({ scope, set: "end", reason: "forgiven", source: "heuristic" }) as const,
    );
    if (changes.length === 0) return;
    const failed = (error: unknown): void => this.#events.emit("part-failed", { part: "store", error });
    const states = this.#store.cooldown(changes);
    if (states instanceof Promise) states.then((late) => this.#learn(late, lease.key, lease), failed);
    else this.#learn(states, lease.key, lease);
  }

  /** Origins of the endpoints that keys bring along. @internal */
  endpointOrigins(): ReadonlySet<string> {
    const origins = new Set<string>();
    for (const { config } of this.#book.pool.keys.values()) {
      if (config.baseURL !== undefined) origins.add(config.baseURL.origin);
    }
    return origins;
  }

  #maxWait(request: AcquireRequest): number {
    const { maxWaitMs, clock } = this.#options;
    const waitMs = request.maxWaitMs ?? maxWaitMs;
    return request.deadline === undefined ? waitMs : Math.min(waitMs, request.deadline - clock.wall());
  }

  #makeLanes(): Lanes {
    const { strategy, clock, random } = this.#options;
    return new Lanes(this.#book.pool, strategy, { groups: this.#book.pool, clock, random });
  }

  /** One round over the lane's ready groups: a lease, `null` when none can serve now. */
  #tryLane(lane: Lane, request: AcquireRequest): Awaitable<Lease | null> {
    if (lane.nextWakeAt() !== Number.POSITIVE_INFINITY) lane.wakeDue(this.now());
    if (this.#batch !== 1) return this.#tryBatch(lane, request);
    const plain = request.exclude === undefined && request.prefer === undefined && this.#originRests.size === 0;
    for (;;) {
      const slot = plain ? lane.first() : this.#chosenSlot(lane, request);
      if (slot === -1) {
        if (this.#clockJumped(lane)) continue;
        return null;
      }
      const account = this.#book.pool.accountAt(slot);
      const key = this.#keyOf(account, lane, request);
      if (key === undefined) continue;
      const candidate = this.#candidateOf(key, lane);
      const answer = this.#store.reserve(this.#alone(this.#candidates, candidate), this.#reserveOptions);
      if (answer instanceof Promise) return this.#afterAnswer(answer, lane, [key], request);
      if (answer.granted) {
        lane.took(slot);
        return this.#granted(lane, key, answer, request);
      }
      this.#refused(lane, answer, [key]);
    }
  }

  /**
   * Calendar limits were parked by the monotonic clock: after the wall clock jumped (set anew, or the machine slept) all are
   * asked again.
   */
  #clockJumped(lane: Lane): boolean {
    if (!this.#tracker.hasCalendars) return false;
    const { clock } = this.#options;
    const drift = clock.wall() - clock.monotonic();
    if (Math.abs(drift - this.#drift) < clockJumpMs) return false;
    this.#drift = drift;
    lane.wakeAll();
    return true;
  }

  /** A store that is asked over a network gets several candidates at once, and two more tries with what it taught. */
  async #tryBatch(lane: Lane, request: AcquireRequest): Promise<Lease | null> {
    for (let round = 0; round < 3; round++) {
      const keys = this.#batchOf(lane, request);
      if (keys.length === 0 && this.#clockJumped(lane)) continue;
      if (keys.length === 0) return null;
      const first = keys[0] as PooledKey;
      lane.took(first.account.slot);
      const candidates = keys.map((key) => this.#candidateOf(key, lane));
      const answer = await this.#store.reserve(candidates, this.#reserveOptions);
      if (answer.granted) {
        if (answer.index !== 0) lane.took((keys[answer.index] as PooledKey).account.slot);
        return this.#granted(lane, keys[answer.index] as PooledKey, answer, request);
      }
      this.#refused(lane, answer, keys);
    }
    return null;
  }

  async #afterAnswer(
    answer: Promise<Reservation | Refusal>,
    lane: Lane,
    keys: readonly PooledKey[],
    request: AcquireRequest,
  ): Promise<Lease | null> {
    const result = await answer;
    if (result.granted) {
      lane.took((keys[result.index] as PooledKey).account.slot);
      return this.#granted(lane, keys[result.index] as PooledKey, result, request);
    }
    this.#refused(lane, result, keys);
    return this.#tryLane(lane, request);
  }

  #batchOf(lane: Lane, request: AcquireRequest): PooledKey[] {
    const keys: PooledKey[] = [];
    const skipped = request.exclude?.size ?? 0;
    for (const slot of lane.list(this.#batch + skipped)) {
      const account = this.#book.pool.accountAt(slot);
      if (request.exclude?.has(account.name)) continue;
      const key = this.#keyOf(account, lane, request);
      if (key !== undefined && keys.length < this.#batch) keys.push(key);
    }
    if (request.prefer !== undefined)
      keys.sort((a, b) => Number(b.id === request.prefer) - Number(a.id === request.prefer));
    return keys;
  }

  /** The slow way to a slot: some accounts are excluded, one is preferred, or an origin rests. */
  #chosenSlot(lane: Lane, request: AcquireRequest): number {
    const preferred = request.prefer === undefined ? undefined : this.#book.pool.keys.get(request.prefer);
    if (preferred !== undefined && lane.standingOf(preferred.account.slot) === standing.ready) {
      return preferred.account.slot;
    }
    const slots = lane.list((request.exclude?.size ?? 0) + candidatesPerReserve);
    let fallback = -1;
    for (const slot of slots) {
      const account = this.#book.pool.accountAt(slot);
      if (request.exclude?.has(account.name)) continue;
      if (!this.#originRestsFor(account)) return slot;
      if (fallback === -1) fallback = slot;
    }
    return fallback;
  }

  #originRestsFor(account: Account): boolean {
    if (this.#originRests.size === 0) return false;
    const origin = endpointOf(account.keys[account.cursor % account.keys.length]);
    const until = this.#originRests.get(origin);
    if (until === undefined) return false;
    if (until > this.now()) return true;
    this.#originRests.delete(origin);
    return false;
  }

  /** The account's next key that does not rest; parks the account when there is none. */
  #keyOf(account: Account, lane: Lane, request: AcquireRequest): PooledKey | undefined {
    const { only, keys } = account;
    if (only?.enabled) return only;
    const now = this.now();
    const preferred = keys.find((key) => key.id === request.prefer);
    if (preferred !== undefined && preferred.restUntil <= now && lane.accepts(preferred)) return preferred;
    let soonest = Number.POSITIVE_INFINITY;
    let refusedOnly = true;
    for (let step = 0; step < keys.length; step++) {
      const place = (account.cursor + step) % keys.length;
      const key = keys[place] as PooledKey;
      if (!lane.accepts(key)) continue;
      if (key.restUntil <= now) return key;
      refusedOnly &&= key.credentialRefused;
      soonest = Math.min(soonest, key.restUntil);
    }
    if (soonest === Number.POSITIVE_INFINITY) lane.leave(account.slot);
    else lane.park(account.slot, soonest, refusedOnly ? standing.refused : standing.limited);
    return undefined;
  }

  #candidateOf(key: PooledKey, lane: Lane): Candidate {
    // Only a secret that is fetched can change without anybody telling.
    const fingerprint = key.isDynamic ? key.secret.fingerprint : undefined;
    if (lane.model === undefined) {
      if (key.candidate === undefined || key.candidateFor !== fingerprint) {
        key.candidate = this.#tracker.candidateFor(key, undefined);
        key.candidateFor = fingerprint;
      }
      return key.candidate;
    }
    return lane.candidateOf(key, fingerprint, () => this.#tracker.candidateFor(key, lane.model));
  }

  #granted(lane: Lane, key: PooledKey, reservation: Reservation, request: AcquireRequest): Awaitable<Lease | null> {
    const { account } = key;
    const { slot } = account;
    const now = this.#sameClock ? reservation.reservedAt : this.now();
    // Only now: of the candidates proposed at once, one is used.
    if (account.only === undefined) account.cursor = (account.keys.indexOf(key) + 1) % account.keys.length;
    account.inFlight++;
    account.used++;
    key.used++;
    key.lastUsedAt = now;
    this.#inFlight++;
    if (account.only !== undefined && reservation.readyAt > reservation.reservedAt) {
      lane.park(slot, now + (reservation.readyAt - reservation.reservedAt), standing.limited);
    } else if (account.ramp > 0 && account.inFlight >= account.ramp) {
      for (const each of this.#lanes) each.hold(slot);
    }
    if (this.countsStreams) for (const each of this.#lanes) each.busyChanged(slot);
    const lease = new Lease(this, key, reservation, now, this.#delays.allowanceFor(this.#inFlight, now));
    if (request.model !== undefined) lease.model = request.model;
    return key.isDynamic ? this.#withSecret(lease, lane, request, key.secret.fingerprint) : lease;
  }

  async #withSecret(
    lease: Lease,
    lane: Lane,
    request: AcquireRequest,
    known: string | undefined,
  ): Promise<Lease | null> {
    const { key } = lease;
    try {
      const secret = await key.secret.read();
      if (known === undefined && key.secret.fingerprint === key.refusedFingerprint) {
        // The very one that was refused: now that it is known, the store says how long it must rest.
        lease.settle({ outcome: "aborted", sent: "no" });
        return this.#tryLane(lane, request);
      }
      return lease.hold(secret);
    } catch (error) {
      this.#events.emit("part-failed", { part: "secret", error });
      lease.settle({ outcome: "aborted", sent: "no" });
      key.restUntil = this.now() + this.#options.cooldownMs;
      lane.park(key.account.slot, key.restUntil, standing.limited);
      return this.#tryLane(lane, request);
    }
  }

  /** Corrects what the lane believed with what the store said. */
  #refused(lane: Lane, refusal: Refusal, keys: readonly PooledKey[]): void {
    // Judged by windows that have passed: to be asked again.
    if (this.#tracker.hasCalendars && this.#tracker.refresh(this.#options.clock.wall())) return;
    const now = this.now();
    for (const { index, by, until, source, reason } of refusal.blocked) {
      const key = keys[index] as PooledKey;
      const { account } = key;
      if (until === null) {
        lane.stick(account.slot);
        continue;
      }
      const cooled = source !== undefined;
      const waitMs = until - refusal.now;
      const wakeAt = now + waitMs + (cooled ? this.#jitter(waitMs) : 0);
      if (cooled) account.ramp = rampStart;
      const refusedCredential = reason === "invalid_key";
      if (isKeyScope(by)) {
        key.restUntil = wakeAt;
        key.credentialRefused = refusedCredential;
        if (account.keys.length > 1) continue;
      }
      lane.park(account.slot, wakeAt, refusedCredential ? standing.refused : standing.limited);
    }
  }

  #jitter(waitMs: number): number {
    return this.#options.random() * Math.min(waitMs * wakeJitterShare, wakeJitterMs);
  }

  /** A list of one. A store on our own clock keeps no list it is given, so the same one serves every time. */
  #alone<Item>(reused: Item[], item: Item): readonly Item[] {
    if (!this.#sameClock) return [item];
    reused[0] = item;
    return reused;
  }

  #settle(report: Report, lease: Lease): void {
    const failed = (error: unknown): void => this.#events.emit("part-failed", { part: "store", error });
    try {
      const states = this.#store.settle(this.#alone(this.#reports, report));
      if (states instanceof Promise) states.then((late) => this.#learn(late, lease.key, lease), failed);
      else if (states.length > 0) this.#learn(states, lease.key, lease);
    } catch (error) {
      failed(error);
    }
  }

  /** Takes over what settling changed: parks what rests, wakes what does not, and tells. */
  #learn(states: readonly ScopeState[], key: PooledKey, lease: Lease | undefined): void {
    for (const state of states) {
      const forMs = state.until - state.now;
      if (state.scope.startsWith("provider:")) this.#restOrigin(endpointOf(key), forMs);
      else if (forMs > 0) key.account.ramp = rampStart;
      if (state.scope.startsWith("model:") && lease?.model !== undefined) this.#lanes.separate(lease.model);
      if (state.reason === "invalid_key" && forMs > 0 && key.isDynamic) {
        key.refusedFingerprint = key.secret.fingerprint;
        key.secret.forget();
      }
      if (forMs > 0) {
        this.#events.emit("key-cooled", { scope: state.scope, forMs, source: state.source, reason: state.reason });
        continue;
      }
      key.restUntil = 0;
      key.credentialRefused = false;
      this.#wake(key.account.slot);
      this.#events.emit("key-recovered", { scope: state.scope });
    }
  }

  /** Only where keys have endpoints of their own is there another origin to prefer. */
  #restOrigin(origin: string, forMs: number): void {
    if (forMs > 0 && this.#book.pool.hasOwnEndpoints) this.#originRests.set(origin, this.now() + forMs);
    else this.#originRests.delete(origin);
  }

  #climb(account: Account): void {
    account.ramp = account.ramp >= rampEnd ? 0 : account.ramp * 2;
  }

  /** A request of this account has ended: what it held may serve a waiter. */
  #released({ slot }: Account): void {
    if (this.#lanes.onlyGeneral) {
      this.#releasedIn(this.#lanes.general, slot);
      return;
    }
    for (const lane of this.#lanes) this.#releasedIn(lane, slot);
  }

  #releasedIn(lane: Lane, slot: number): void {
    const now = lane.standingOf(slot);
    if (now === standing.held || now === standing.stuck) lane.wake(slot);
    if (this.countsStreams) lane.busyChanged(slot);
    if (lane.waiting.size > 0) this.#room.serve(lane);
  }

  #freed(): void {
    for (const lane of this.#lanes) {
      lane.wakeStuck();
      if (lane.waiting.size > 0) this.#room.serve(lane);
    }
  }

  #wake(slot: number): void {
    this.#lanes.wakeAll(slot);
    this.#serveAll();
  }

  #rejoin(account: Account): void {
    const gone = account.keys.length === 0;
    if (gone) this.#lanes.leaveAll(account.slot);
    else this.#lanes.joinAll(account);
    this.#serveAll();
  }

  #serveAll(): void {
    for (const lane of this.#lanes) if (lane.waiting.size > 0) this.#room.serve(lane);
  }

  #endRests(key: PooledKey): void {
    key.restUntil = 0;
    key.credentialRefused = false;
    const scopes = this.#tracker.candidateFor(key, undefined).scopes.filter(isKeyScope);
    const changes = scopes.map((scope) => ({ scope, set: "end", reason: "operator", source: "operator" }) as const);
    const ended = this.#store.cooldown(changes);
    if (ended instanceof Promise) {
      const failed = (error: unknown): void => this.#events.emit("part-failed", { part: "store", error });
      ended.then(() => this.#wake(key.account.slot), failed);
    }
    this.#wake(key.account.slot);
  }

  #exhausted(lane: Lane, request: AcquireRequest): Error {
    const error = exhaustedError(this.#standing(lane), this.#options.clock);
    if (this.#events.wants("pool-exhausted")) {
      const { retryAfterMs, reasons } = error;
      this.#events.emit("pool-exhausted", { requestId: request.requestId ?? "", retryAfterMs, reasons });
    }
    return error;
  }

  #standing(lane: Lane = this.#lanes.general): PoolStanding {
    const wakeAt = lane.nextWakeAt();
    const absent = this.#absentFrom(lane);
    const disabled = Math.min(absent, this.#absentFrom(this.#lanes.general));
    return {
      accounts: this.#book.pool.accountCount,
      ready: lane.count(standing.ready) + lane.count(standing.held),
      limited: lane.count(standing.limited) + lane.count(standing.stuck),
      refused: lane.count(standing.refused),
      disabled,
      unsuitable: absent - disabled,
      wakeInMs: wakeAt === Number.POSITIVE_INFINITY ? null : Math.max(0, wakeAt - this.now()),
    };
  }

  #absentFrom(lane: Lane): number {
    const { absent: _, ...present } = standing;
    return Object.values(present).reduce((left, each) => left - lane.count(each), this.#book.pool.accountCount);
  }

  #queued(request: AcquireRequest, waiting: number): void {
    if (!this.#events.wants("request-queued")) return;
    this.#events.emit("request-queued", { requestId: request.requestId ?? "", waiting });
  }

  #ready(): Promise<void> {
    return this.#book.loaded ? Promise.resolve() : this.#load();
  }

  /** The first read of an asynchronous source, once for all who wait; a failure leaves the next request to try again. */
  #load(): Promise<void> {
    this.#loading ??= this.#book
      .reload()
      .then(() => {
        this.#lanes = this.#makeLanes();
      })
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }

  #drained(drainMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.timer(resolve, drainMs);
      this.#open.add(() => {
        cancel();
        resolve();
      });
    });
  }
}

function measureLatency(account: Account, latencyMs: number): void {
  const weight = account.latencyMs === 0 ? 1 : latencySmoothing;
  account.latencyMs += (latencyMs - account.latencyMs) * weight;
}

/** The origin of a key's own endpoint; empty when it uses the call's. */
function endpointOf(key: PooledKey | undefined): string {
  return key?.config.baseURL?.origin ?? "";
}
