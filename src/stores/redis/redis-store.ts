import { systemClock } from "../../clock.ts";
import type { SharingChange, StoreSharing } from "../../limits/sharing.ts";
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
  StoreChange,
  StoreReading,
  Unsubscribe,
} from "../../limits/store.ts";
import type { CooldownChange, ScopeId } from "../../types.ts";
import { ChangeFeed } from "./change-feed.ts";
import { DirectCalls } from "./direct-calls.ts";
import type { OlderRecords } from "./older-records.ts";
import { checkStoreOptions, type RedisStoreOptions } from "./options.ts";
import { LastSeen } from "./outage/last-seen.ts";
import { FallbackReservation } from "./outage/local-fallback.ts";
import { OpenPermits } from "./outage/open-permits.ts";
import { Outage } from "./outage/outage.ts";
import { Recovery } from "./outage/recovery.ts";
import { UsageLog } from "./outage/usage-log.ts";
import { RollingDeploy } from "./rolling-deploy.ts";
import { Sharing } from "./sharing.ts";
import { type Question, RedisReservation } from "./wire/answer.ts";
import { commanderOf } from "./wire/client.ts";
import { CommandBudget } from "./wire/command-budget.ts";
import { KeyNames } from "./wire/key-names.ts";
import { Link } from "./wire/link.ts";
import { RedisPins } from "./wire/pins.ts";
import { Questions } from "./wire/questions.ts";
import { ReportQueue } from "./wire/report-queue.ts";
import { ScriptRequest } from "./wire/request.ts";
import { ScriptRunner } from "./wire/script-runner.ts";
import { ServerTime } from "./wire/server-time.ts";
import { isIdle, type Settling, settlingOf } from "./wire/settling.ts";

const nothing: readonly ScopeState[] = Object.freeze([]);
/** How long closing waits for what has not been reported yet, milliseconds. */
const closesWithinMs = 1000;
/**
 * Counters and cooldowns of many processes, in Redis: one atomic call for every decision, on the server's clock. Where the
 * server cannot be asked in time, this process decides alone, within its share of what was left.
 */
export class RedisStore implements SharedStore {
  readonly candidatesPerReserve = 16;
  readonly pins: RedisPins;
  readonly #names: KeyNames;
  readonly #instance = globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  readonly #time: ServerTime;
  readonly #link: Link;
  readonly #reports: ReportQueue;
  readonly #questions: Questions;
  readonly #calls: DirectCalls;
  readonly #feed: ChangeFeed | undefined;
  readonly #sharing: Sharing;
  readonly #seen = new LastSeen();
  readonly #permits = new OpenPermits();
  /** What this process took with the server's knowledge. */
  readonly #usage = new UsageLog();
  readonly #outage: Outage;
  readonly #recovery: Recovery;
  readonly #deploy: RollingDeploy;
  #reservations = 0;
  #requests = 0;

  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: RedisStoreOptions) {
    checkStoreOptions(options);
    const { clock = systemClock, random = Math.random, insurance = {}, commandTimeoutMs = 50, onState } = options;
    const commander = commanderOf(options.client);
    const standing = () => this.#link.standing;
    this.#sharing = new Sharing({ clock, standing, status: () => commander.status?.(), onState });
    this.#names = new KeyNames(options.prefix ?? "rf", options.pool);
    this.#time = new ServerTime(clock);
    // Should the server have lost its epoch, the next one is named unlike any before.
    const newRequest = (): ScriptRequest =>
      new ScriptRequest(this.#names, this.#instance, `${this.#instance}.${++this.#requests}`);
    const link = new Link({
      runner: new ScriptRunner(commander, this.#names.channel),
      clock,
      time: this.#time,
      commandTimeoutMs,
      expectedInstances: insurance === "closed" ? 1 : (insurance.expectedInstances ?? 4),
      newRequest,
      events: {
        onFailure: (cause) => this.#sharing.failed(cause),
        onLost: (cause) => this.#recovery.onLost(cause),
        onBack: () => this.#recovery.onBack(),
        onDataLost: () => this.#recovery.onDataLost(),
        onOlder: (seenAt) => this.#deploy.onOlder(seenAt),
        onAnswer: () => this.#onAnswer(),
      },
    });
    this.#link = link;
    const now = (): number => this.#time.monotonic();
    const reports = new ReportQueue({ clock, random, now, send: () => this.#calls.report() });
    this.#reports = reports;
    const [seen, permits, usage, time] = [this.#seen, this.#permits, this.#usage, this.#time];
    const isClosed = insurance === "closed";
    const outage = new Outage({ time, random, seen, permits, standing: () => link.shareStanding, isClosed });
    this.#outage = outage;
    const parts = { link, reports, outage, seen, permits, usage, time, random, newRequest, sharing: this.#sharing };
    this.#recovery = new Recovery(parts, clock, commandTimeoutMs);
    const calls = new DirectCalls(parts);
    this.#calls = calls;
    this.#deploy = new RollingDeploy({ calls, reports, usage, time });
    this.#questions = new Questions({
      link,
      reports,
      clock,
      newRequest,
      onGrant: (reservation, lagMs) => this.#onGrant(reservation, lagMs),
      onRefusal: (refusal, question) => this.#onRefusal(refusal, question),
      giveBack: (reservation) => this.#giveBack(reservation),
      askAgain: (question) => this.reserve(question.candidates, question.options),
      fallBack: (question) => this.#fallBack(question),
    });
    const budget = new CommandBudget(clock, commandTimeoutMs);
    this.pins = new RedisPins({ commander, budget, names: this.#names, clock, link });
    if (commander.subscribe === undefined) return;
    const cooled = (state: ScopeState): void => seen.onCooldowns([state]);
    this.#feed = new ChangeFeed(commander.subscribe, this.#names, cooled, this.#sharing);
  }

  reserve(candidates: readonly Candidate[], options: ReserveOptions): Promise<Reservation | Refusal> {
    const link = this.#link;
    if (!link.maySpend) return Promise.resolve(this.#fallBack(this.#question(candidates, options)));
    if (this.#outage.isOpen) this.#recovery.mergeIfDue();
    const { merging } = this.#recovery;
    if (merging === undefined) return this.#questions.ask(this.#question(candidates, options));
    // What takes longer is on its way, or travels with the question.
    return merging.then(() => {
      const question = this.#question(candidates, options);
      return link.maySpend && link.isAnswering ? this.#questions.ask(question) : this.#fallBack(question);
    });
  }

  async settle(reports: readonly Report[], atLeast?: readonly Counted[]): Promise<readonly ScopeState[]> {
    if (atLeast !== undefined && atLeast.length > 0) this.#raise(atLeast);
    if (reports.length === 1) return this.#settle(reports[0] as Report);
    return (await Promise.all(reports.map((report) => this.#settle(report)))).flat();
  }

  cooldown(changes: readonly CooldownChange[]): Promise<readonly ScopeState[]> {
    return this.#deploy.cooldown(changes);
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): Promise<StoreReading> {
    return this.#deploy.read(scopes, buckets);
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
    if (!this.#link.isClosed) await this.#calls.renew(this.#time.monotonic());
  }

  /** Tells nothing where the client cannot listen: with a function. */
  watch(listener: (change: StoreChange) => void): Unsubscribe {
    return this.#feed?.listen(listener) ?? (() => {});
  }

  /**
   * Sends what has not been reported yet, gives up the permits that requests under way still hold, and listens no longer.
   * Whoever waits for it hears nothing more of `onState`. The client stays open.
   */
  async close(): Promise<void> {
    if (this.#link.isUp) {
      // A process that ends may not live to tell what becomes of them, and others would wait for their leases to run out.
      for (const holder of this.#permits.holders(this.#time.monotonic())) {
        if (isOurs(holder)) void this.#settle({ reservation: holder, outcome: "aborted", sent: "unknown" });
      }
      await this.#reports.drained(closesWithinMs);
    }
    this.#sharing.close();
    this.#reports.stop();
    this.#link.close();
    this.#feed?.close();
  }

  #question(asked: readonly Candidate[], options: ReserveOptions): Question {
    const number = ++this.#reservations;
    const { older } = this.#deploy;
    const candidates = older === undefined ? asked : older.candidates(asked, this.#time.monotonic());
    return { number, id: `${this.#instance}.${number}`, candidates, options };
  }

  #onGrant(reservation: RedisReservation, lagMs: number): RedisReservation {
    reservation.lagMs = lagMs;
    this.#seen.onGrant(reservation);
    const { older } = this.#deploy;
    if (older !== undefined) reservation.blocked = reservation.blocked && older.blocked(reservation.blocked);
    if (reservation.settled) return reservation;
    for (const { bucket, amount } of reservation.needs) this.#usage.add(bucket, amount, reservation.reservedAt);
    if (reservation.isHolding) this.#permits.taken(reservation);
    return reservation;
  }

  #onRefusal(refusal: Refusal, { candidates }: Question): Refusal {
    this.#seen.onRefusal(refusal, candidates);
    const { older } = this.#deploy;
    return older === undefined ? refusal : this.#deploy.refusal(refusal, older);
  }

  #giveBack(taken: RedisReservation): void {
    taken.settled = true;
    void this.#reports.add(settlingOf(taken, { reservation: taken, outcome: "aborted", sent: "no" }));
  }

  #fallBack(question: Question): FallbackReservation | Refusal {
    this.#link.probe();
    const answer = this.#outage.reserve(question);
    if (answer.granted && question.options.dryRun !== true) this.#reports.onUse(answer.needs);
    const { older } = this.#deploy;
    return answer.granted || older === undefined ? answer : this.#deploy.refusal(answer, older);
  }

  #raise(asked: readonly Counted[]): void {
    const atLeast = this.#deploy.older?.counted(asked, this.#time.monotonic()) ?? asked;
    this.#seen.onCounted(atLeast);
    this.#outage.raise(atLeast);
    this.#reports.raise(atLeast);
  }

  #settle(asked: Report): readonly ScopeState[] | Promise<readonly ScopeState[]> {
    const { reservation } = asked;
    if (!isOurs(reservation) || reservation.settled) return nothing;
    reservation.settled = true;
    const { older } = this.#deploy;
    const report = older === undefined ? asked : older.report(asked, this.#time.monotonic());
    let settling: Settling | ScopeState[];
    if (reservation instanceof RedisReservation) {
      if (reservation.isHolding) this.#permits.ended(reservation);
      settling = settlingOf(reservation, report);
      for (const { bucket, change } of settling.needs)
        if (change !== 0) this.#usage.correct(bucket, change, reservation.reservedAt);
    } else settling = this.#outage.settle(reservation, report);
    if (Array.isArray(settling)) return older === undefined ? settling : older.states(settling);
    if (isIdle(settling)) return nothing;
    const told = this.#reports.add(settling);
    return this.#link.isUp && told instanceof Promise ? this.#settled(told, older) : nothing;
  }

  async #settled(
    told: Promise<readonly ScopeState[]>,
    older: OlderRecords | undefined,
  ): Promise<readonly ScopeState[]> {
    const states = await told;
    if (states.length > 0) this.#seen.onCooldowns(states);
    return older === undefined ? states : older.states(states);
  }

  #onAnswer(): void {
    const { isUp, isAmongNewer } = this.#link;
    if (isAmongNewer || !this.#sharing.isShared) {
      this.#sharing.onNewer(isAmongNewer);
      if (isUp && !isAmongNewer && this.#sharing.shared()) this.#feed?.reopen();
    }
    if (this.#outage.isOpen) this.#recovery.mergeIfDue();
  }
}

function isOurs(reservation: unknown): reservation is RedisReservation | FallbackReservation {
  return reservation instanceof RedisReservation || reservation instanceof FallbackReservation;
}
