import { systemClock } from "../../clock.ts";
import type {
  Bucket,
  Candidate,
  Counted,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  SharedStore,
  SharingChange,
  StoreChange,
  StoreReading,
  StoreSharing,
  Unsubscribe,
} from "../../limits/store.ts";
import type { Clock, CooldownChange, Random, ScopeId } from "../../types.ts";
import { ChangeFeed } from "./change-feed.ts";
import { checkStoreOptions, type RedisStoreOptions, type SharingState } from "./options.ts";
import { LastSeen } from "./outage/last-seen.ts";
import { InsuredReservation } from "./outage/local-fallback.ts";
import { OwnPlaces } from "./outage/open-permits.ts";
import { Gap } from "./outage/outage.ts";
import { OwnCharges } from "./outage/usage-log.ts";
import { RedisPins } from "./pins.ts";
import { Sharing } from "./sharing.ts";
import { type Question, readingOf, type ScriptAnswer, touchedOf } from "./wire/answer.ts";
import { commanderOf } from "./wire/client.ts";
import { CommandBudget } from "./wire/command-budget.ts";
import { KeyNames } from "./wire/key-names.ts";
import { Link } from "./wire/link.ts";
import { Questions } from "./wire/questions.ts";
import { RedisReservation } from "./wire/redis-reservation.ts";
import { ReportQueue, type Ride } from "./wire/report-queue.ts";
import { ScriptRequest } from "./wire/request.ts";
import { ScriptRunner } from "./wire/script-runner.ts";
import { ServerTime } from "./wire/server-time.ts";
import { isIdle, settlingOf } from "./wire/settling.ts";

/** So much is read or changed in one call: a script holds up the whole server. */
const mostInPart = 500;
const nothing: readonly ScopeState[] = Object.freeze([]);
/** How long closing waits for what has not been reported yet, milliseconds. */
const closesWithinMs = 1000;
/** How long a server that came back is told what happened before it is asked again, milliseconds. */
const mergesWithinMs = 1500;

/**
 * Counters and cooldowns of many processes, in Redis: one atomic call for every decision, on the server's clock. Where the
 * server cannot be asked in time, this process decides alone, within its share of what was left.
 */
export class RedisStore implements SharedStore {
  readonly candidatesPerReserve = 16;
  readonly #names: KeyNames;
  readonly #link: Link;
  readonly #reports: ReportQueue;
  readonly #feed: ChangeFeed | undefined;
  readonly #sharing: Sharing;
  readonly #random: Random;
  readonly #instance = globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  readonly #time: ServerTime;
  readonly #seen = new LastSeen();
  readonly #places = new OwnPlaces();
  /** What this process took with the server's knowledge. */
  readonly #charges = new OwnCharges();
  readonly #gap: Gap;
  readonly #questions: Questions;
  readonly pins: RedisPins;
  /** Half of a question's time: it comes before one. */
  readonly #mergeBudget: CommandBudget;
  /** While the server is told what was taken without it: asked now, it would give that out again. */
  #merging: Promise<void> | undefined;
  #reservations = 0;
  #requests = 0;
  #isClosed = false;

  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: RedisStoreOptions) {
    checkStoreOptions(options);
    const { clock = systemClock, random = Math.random, insurance = {}, onState } = options;
    const commander = commanderOf(options.client);
    this.#sharing = new Sharing({ clock, standing: () => this.#link.standing, status: () => commander.status?.() });
    const tell = (state: SharingState, cause?: unknown): void => {
      if (!this.#isClosed) onState?.(state, cause);
    };
    this.#names = new KeyNames(options.prefix ?? "rf", options.pool);
    const budget = new CommandBudget(clock, options.commandTimeoutMs ?? 50);
    const isUp = (): boolean => this.#link.isUp;
    const isFirst = (): boolean => this.#link.standing.rank === 0;
    this.pins = new RedisPins({ commander, budget, names: this.#names, clock, isUp, isFirst });
    this.#random = random;
    this.#time = new ServerTime(clock);
    this.#mergeBudget = new CommandBudget(clock, (options.commandTimeoutMs ?? 50) / 2);
    this.#link = new Link({
      runner: new ScriptRunner(commander, this.#names.channel),
      clock,
      time: this.#time,
      commandTimeoutMs: options.commandTimeoutMs ?? 50,
      expectedInstances: insurance === "closed" ? 1 : (insurance.expectedInstances ?? 4),
      newRequest: () => this.#request(),
      failed: (cause) => this.#sharing.failed(cause),
      lost: (cause) => {
        this.#reports.letGo();
        this.#sharing.alone(cause);
        tell("alone", cause);
      },
      back: async () => {
        await this.#merge();
        tell("shared");
      },
      forgot: () => {
        this.#replay();
        this.#sharing.forgot();
      },
      answered: () => {
        if (this.#link.isUp && this.#sharing.shared()) this.#feed?.reopen();
        this.#mergeIfDue();
      },
    });
    this.#reports = this.#makeQueue(clock);
    const [seen, places, time] = [this.#seen, this.#places, this.#time];
    const standing = () => this.#link.shareStanding;
    this.#gap = new Gap({ time, random, seen, places, standing, isClosed: insurance === "closed" });
    this.#questions = new Questions({
      link: this.#link,
      reports: this.#reports,
      clock,
      newRequest: () => this.#request(),
      granted: (reservation, lagMs) => this.#granted(reservation, lagMs),
      refused: (refusal, { candidates }) => this.#refused(refusal, candidates),
      giveBack: (reservation) => this.#giveBack(reservation),
      alone: (question) => this.#reserveAlone(question),
    });
    if (commander.subscribe === undefined) return;
    const cooled = (state: ScopeState): void => this.#seen.rests([state]);
    const feed = new ChangeFeed(commander.subscribe, this.#names, cooled, this.#sharing);
    this.#feed = feed;
  }

  reserve(candidates: readonly Candidate[], options: ReserveOptions): Promise<Reservation | Refusal> {
    const number = ++this.#reservations;
    const question = { number, id: `${this.#instance}.${number}`, candidates, options };
    if (!this.#link.maySpend) return Promise.resolve(this.#reserveAlone(question));
    this.#mergeIfDue();
    if (this.#merging === undefined) return this.#questions.ask(question);
    // What takes longer is on its way, or travels with the question.
    return this.#merging.then(() => {
      const asks = this.#link.maySpend && this.#link.isAnswering;
      return asks ? this.#questions.ask(question) : this.#reserveAlone(question);
    });
  }

  async settle(reports: readonly Report[], atLeast: readonly Counted[] = []): Promise<readonly ScopeState[]> {
    this.#seen.counted(atLeast);
    this.#reports.raise(atLeast);
    const touched = reports.map((report) => this.#settleOne(report));
    return touched.length === 1 ? (touched[0] ?? nothing) : (await Promise.all(touched)).flat();
  }

  async cooldown(changes: readonly CooldownChange[]): Promise<readonly ScopeState[]> {
    const states: ScopeState[] = [];
    for (const part of inParts(changes)) states.push(...(await this.#cooldownPart(part)));
    return states;
  }

  /** Of many scopes and buckets each part is read for itself. */
  async read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): Promise<StoreReading> {
    const [ofScopes, ofBuckets] = [inParts(scopes), inParts(buckets)];
    const readings: StoreReading[] = [];
    for (let part = 0; part < Math.max(ofScopes.length, ofBuckets.length, 1); part++) {
      readings.push(await this.#readPart(ofScopes[part] ?? [], ofBuckets[part] ?? []));
    }
    const last = readings.at(-1) as StoreReading;
    if (readings.length === 1) return last;
    return {
      now: last.now,
      scopes: readings.flatMap((reading) => reading.scopes),
      buckets: readings.flatMap((reading) => reading.buckets),
    };
  }

  claim(name: string, forMs: number): Promise<boolean> {
    return this.pins.claim(name, forMs);
  }

  sharing(): StoreSharing {
    return this.#sharing.now;
  }

  onSharing(listener: (change: SharingChange) => void): Unsubscribe {
    return this.#sharing.listen(listener);
  }

  /** Its sign of life, which it also gives by itself, goes along. Without the server, what this process holds goes on as well. */
  async renew(): Promise<void> {
    const holders = this.#places.renew(this.#time.monotonic());
    if (!this.#link.isUp || this.#isClosed) return;
    const first = this.#request();
    this.#link.beat(first);
    const parts = holders.length === 0 ? [[]] : inParts(holders);
    for (const [place, part] of parts.entries()) {
      const request = place === 0 ? first : this.#request();
      if (part.length > 0) request.renew(part);
      // What could not be renewed now is tried again with the next third of the lease.
      await this.#link.ask(request, undefined, () => {}).catch(() => {});
    }
  }

  /** Tells nothing where the client cannot listen: with a function. */
  watch(listener: (change: StoreChange) => void): Unsubscribe {
    return this.#feed?.listen(listener) ?? (() => {});
  }

  /**
   * Sends what has not been reported yet, gives up the places that requests under way still hold, and listens no longer.
   * Whoever waits for it hears nothing more of `onState`. The client stays open.
   */
  async close(): Promise<void> {
    if (this.#link.isUp) {
      this.#giveUpPlaces();
      await this.#reports.drained(closesWithinMs);
    }
    this.#isClosed = true;
    this.#sharing.close();
    this.#reports.stop();
    this.#link.close();
    this.#feed?.close();
  }

  /** A process that ends may not live to tell what becomes of them, and others would wait for their leases to run out. */
  #giveUpPlaces(): void {
    for (const holder of this.#places.holders(this.#time.monotonic())) {
      if (!(holder instanceof RedisReservation) && !(holder instanceof InsuredReservation)) continue;
      void this.#settleOne({ reservation: holder, outcome: "aborted", sent: "unknown" });
    }
  }

  async #cooldownPart(changes: readonly CooldownChange[]): Promise<readonly ScopeState[]> {
    if (this.#link.isUp) {
      try {
        const { request, answer } = await this.#ask((made) => made.cool(changes, this.#random));
        const states = touchedOf(answer, request).flatMap(({ report, state }) => (report === 0 ? state : []));
        this.#seen.rests(states);
        return states;
      } catch {
        // They hold here, and elsewhere as soon as the server is back.
      }
    }
    return this.#gap.cooldown(changes);
  }

  async #readPart(scopes: readonly ScopeId[], buckets: readonly Bucket[]): Promise<StoreReading> {
    if (this.#link.isUp) {
      try {
        const { answer } = await this.#ask((made) => made.read(scopes, buckets));
        return readingOf(answer, scopes, buckets);
      } catch {
        // What is known here is better than nothing.
      }
    }
    return this.#gap.read(scopes, buckets);
  }

  /** With what there is to report. */
  async #ask(fill: (request: ScriptRequest) => void): Promise<{ request: ScriptRequest; answer: ScriptAnswer }> {
    const request = this.#request();
    fill(request);
    const ride = this.#reports.board(request);
    return { request, answer: await this.#link.ask(request, ride, () => {}) };
  }

  #granted(reservation: RedisReservation, lagMs: number): RedisReservation {
    reservation.lagMs = lagMs;
    this.#seen.granted(reservation);
    if (reservation.settled) return reservation;
    for (const { bucket, amount } of reservation.needs) this.#charges.add(bucket, amount, reservation.reservedAt);
    this.#places.taken(reservation);
    return reservation;
  }

  #refused(refusal: Refusal, candidates: readonly Candidate[]): Refusal {
    this.#seen.refused(refusal, candidates);
    return refusal;
  }

  #giveBack(taken: RedisReservation): void {
    taken.settled = true;
    void this.#reports.add(settlingOf(taken, { reservation: taken, outcome: "aborted", sent: "no" }));
  }

  #reserveAlone(question: Question): InsuredReservation | Refusal {
    this.#link.probe();
    return this.#gap.reserve(question);
  }

  #settleOne(report: Report): readonly ScopeState[] | Promise<readonly ScopeState[]> {
    const { reservation } = report;
    if (reservation instanceof InsuredReservation) return this.#settleInsured(reservation, report);
    if (!(reservation instanceof RedisReservation) || reservation.settled) return nothing;
    reservation.settled = true;
    this.#places.ended(reservation);
    const settling = settlingOf(reservation, report);
    for (const { bucket, change } of settling.needs) this.#charges.correct(bucket, change, reservation.reservedAt);
    return this.#report(settling);
  }

  #settleInsured(
    reservation: InsuredReservation,
    report: Report,
  ): readonly ScopeState[] | Promise<readonly ScopeState[]> {
    if (reservation.settled) return nothing;
    reservation.settled = true;
    const after = this.#gap.settle(reservation, report);
    return Array.isArray(after) ? after : this.#report(after);
  }

  #report(settling: Parameters<ReportQueue["add"]>[0]): readonly ScopeState[] | Promise<readonly ScopeState[]> {
    if (isIdle(settling)) return nothing;
    const told = this.#reports.add(settling);
    if (!this.#link.isUp || !(told instanceof Promise)) return nothing;
    return told.then((states) => {
      if (states.length > 0) this.#seen.rests(states);
      return states;
    });
  }

  /** Shares hold until what is granted can be relied on: one that is ended would be given anew. */
  #mergeIfDue(): void {
    if (this.#merging !== undefined || !this.#gap.isOpen) return;
    if (!this.#link.maySpend || !this.#link.isAnswering) return;
    const ended = (): void => {
      this.#merging = undefined;
    };
    this.#merging = this.#mergeBudget.within(this.#merge(), () => {}).then(ended, ended);
  }

  /** Tells the server what happened without it. */
  async #merge(): Promise<void> {
    const { charges, changes } = this.#gap.end();
    for (const { bucket, amount, at } of charges) this.#charges.add(bucket, amount, at);
    this.#seen.took(charges);
    this.#reports.charge(charges);
    for (const part of inParts(changes)) {
      const request = this.#request().cool(part, this.#random);
      await this.#link.ask(request, undefined, () => {}).catch(() => {});
    }
    this.#reports.flush();
    await this.#reports.drained(mergesWithinMs);
  }

  /** Tells the server again what it has lost: all that this process took and that still counts. */
  #replay(): void {
    const now = this.#time.monotonic();
    const places = this.#places
      .holders(now)
      .flatMap(({ id, expiresAt, needs }) =>
        needs
          .filter(({ bucket }) => bucket.kind === "concurrency")
          .map(({ bucket, amount }) => ({ bucket, amount, at: now, holder: { id, expiresAt } })),
      );
    this.#reports.charge([...this.#charges.list(now), ...places]);
  }

  #makeQueue(clock: Clock): ReportQueue {
    const send = (): void => {
      if (!this.#link.mayReport) return;
      const request = this.#request();
      const ride: Ride | undefined = this.#reports.board(request);
      if (ride !== undefined) this.#link.ask(request, ride, () => {}).catch(() => {});
    };
    return new ReportQueue({ clock, random: this.#random, now: () => this.#time.monotonic(), send });
  }

  #request(): ScriptRequest {
    // Should the server have lost its epoch, the next one is named unlike any before.
    return new ScriptRequest(this.#names, this.#instance, `${this.#instance}.${++this.#requests}`);
  }
}

function inParts<T>(list: readonly T[]): readonly (readonly T[])[] {
  if (list.length <= mostInPart) return list.length === 0 ? [] : [list];
  return Array.from({ length: Math.ceil(list.length / mostInPart) }, (_, part) =>
    list.slice(part * mostInPart, (part + 1) * mostInPart),
  );
}
