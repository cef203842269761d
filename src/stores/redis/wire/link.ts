import type { Clock } from "../../../types.ts";
import type { ScriptAnswer } from "./answer.ts";
import { CommandBudget, CommandTimeoutError } from "./command-budget.ts";
import type { Piggyback } from "./report-queue.ts";
import type { ScriptRequest } from "./request.ts";
import type { ScriptRunner } from "./script-runner.ts";
import type { ServerTime } from "./server-time.ts";

/** An instance gives a sign of life so often, with its next question or by itself; milliseconds. */
const beatEveryMs = 750;
/**
 * So long after a server came back, or lost what it knew, all instances have given a sign of life, and told it again what it
 * lost; milliseconds.
 */
const allHeardWithinMs = 1000;
/** Without one for so long it is taken for dead. */
const deadAfterMs = 5000;
/** A server that was lost is asked so often whether it is back. */
const probeEveryMs = 250;
/** As long as so many probes had no answer at all, it is asked less often: its client keeps them all. */
const mostProbes = 4;
const probeSeldomMs = 1000;
/** A timer may come so much too early; milliseconds. */
const timerSlackMs = 2;
/** So many commands in a row without an answer in time, and the server is taken for lost. An error is enough alone. */
const timeoutsUntilLost = 3;

/** A place among those who share a pool. */
export interface Standing {
  readonly instances: number;
  readonly rank: number;
}

/** Whom it tells. */
interface LinkEvents {
  /** A command failed, or had no answer in time. */
  readonly onFailure: (cause: unknown) => void;
  /** The server was lost. */
  readonly onLost: (cause: unknown) => void;
  /** It answers again. What it is to be told first is told when the promise resolves. */
  readonly onBack: () => Promise<void>;
  /** It has lost what it knew, and begun anew. */
  readonly onDataLost: () => void;
  /** It knows an instance of the format before, which gave its last sign of life then. */
  readonly onOlder: (seenAt: number) => void;
  readonly onAnswer: () => void;
}

export interface LinkOptions {
  readonly runner: ScriptRunner;
  readonly clock: Clock;
  readonly time: ServerTime;
  readonly commandTimeoutMs: number;
  readonly expectedInstances: number;
  readonly newRequest: () => ScriptRequest;
  readonly events: LinkEvents;
}

/** The way to the server: gives commands their time, knows whether it makes sense to ask, and looks for it when it does not. */
export class Link {
  readonly #options: LinkOptions;
  readonly #budget: CommandBudget;
  /** Is anything heard of the server? Written here alone, like all of these. */
  isUp = true;
  /** Has the server told of instances of the format before? */
  hasOlder = false;
  /** Do instances of a later format share the pool? */
  isAmongNewer = false;
  isClosed = false;
  /** Of the data that the server has. */
  epoch: string | undefined;
  #timeouts = 0;
  /** On the server's clock. */
  #epochSince = Number.NEGATIVE_INFINITY;
  #sharesUntil = 0;
  #standing: Standing | undefined;
  /** When the server first told it. */
  #joinedAt = Number.POSITIVE_INFINITY;
  #isEarly = true;
  /** Until then, those who gave no sign of life yet are not taken for dead. */
  #allHeardAt = 0;
  #beatAt = Number.NEGATIVE_INFINITY;
  /** The last sign of life that the server certainly had: one that does not know of it has older data. */
  #lastBeat = { epoch: "", at: 0 };
  #probedAt = Number.NEGATIVE_INFINITY;
  #probesUnderWay = 0;
  #isReturning = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#budget = new CommandBudget(options.clock, options.commandTimeoutMs);
  }

  /** Does it make sense to tell it anything? */
  get mayReport(): boolean {
    return this.isUp || this.#isReturning;
  }

  /**
   * May what it grants be relied on? Not while others may still have to tell it again what it lost, or count in records that are
   * not to be read here.
   */
  get maySpend(): boolean {
    return this.isUp && !this.isAmongNewer && this.#options.clock.monotonic() >= this.#sharesUntil;
  }

  /** Did it answer when it was asked last? */
  get isAnswering(): boolean {
    return this.#timeouts === 0;
  }

  get standing(): Standing {
    return this.#standing ?? { instances: this.#options.expectedInstances, rank: 0 };
  }

  /** Among how many, and as which of them, to share what is left. At first others may be about to start as well. */
  get shareStanding(): Standing {
    const { instances, rank } = this.standing;
    return { instances: this.#isEarly ? Math.max(instances, this.#options.expectedInstances) : instances, rank };
  }

  /** A sign of life goes along with a question when it is due. Once asked, it is taken to be given. */
  beatIfDue(request: ScriptRequest): void {
    if (this.#options.clock.monotonic() - this.#beatAt >= beatEveryMs - timerSlackMs) this.beat(request);
  }

  beat(request: ScriptRequest): void {
    this.#beatAt = this.#options.clock.monotonic();
    request.beat(deadAfterMs, this.#lastBeat);
    this.#watch();
  }

  /**
   * Rejects when there is no answer in time, or none at all.
   * @param late gets an answer that comes after that
   */
  async ask(
    request: ScriptRequest,
    piggyback: Piggyback | undefined,
    late: (answer: ScriptAnswer) => void,
  ): Promise<ScriptAnswer> {
    const askedAt = this.#options.clock.monotonic();
    const running = this.#options.runner.run(request);
    running.then(
      (answer) => {
        this.#onAnswer(answer, askedAt);
        reportsArrived(piggyback, answer);
      },
      (error: unknown) => {
        piggyback?.onFailure();
        this.#options.events.onFailure(error);
      },
    );
    try {
      const answer = await this.#budget.within(running, late);
      this.#timeouts = 0;
      this.#options.events.onAnswer();
      return answer;
    } catch (error) {
      if (error instanceof CommandTimeoutError) piggyback?.onTimeout();
      this.#onFailure(error);
      throw error;
    }
  }

  close(): void {
    this.isClosed = true;
    this.#cancelTimer?.();
  }

  /** Looks whether the server is back, if that was not done just now. It is when it answers in time. */
  probe(): void {
    const now = this.#options.clock.monotonic();
    const everyMs = (this.#probesUnderWay < mostProbes ? probeEveryMs : probeSeldomMs) - timerSlackMs;
    if (this.isUp || this.#isReturning || this.isClosed || now - this.#probedAt < everyMs) return;
    this.#probedAt = now;
    const request = this.#options.newRequest();
    this.beat(request);
    const probing = this.#options.runner.run(request);
    const ended = (): void => {
      this.#probesUnderWay--;
    };
    this.#probesUnderWay++;
    probing.then(ended, (error: unknown) => {
      ended();
      this.#options.events.onFailure(error);
    });
    this.#budget
      .within(probing, () => {})
      .then((answer) => {
        if (this.isUp || this.#isReturning || this.isClosed) return;
        this.#onAnswer(answer, now);
        this.#return();
      })
      .catch(() => {});
  }

  #return(): void {
    this.#isReturning = true;
    this.#allHeardAt = this.#options.clock.monotonic() + allHeardWithinMs;
    const resume = (): void => {
      this.#isReturning = false;
      this.#timeouts = 0;
      this.isUp = true;
      this.#options.events.onAnswer();
    };
    // Whatever a listener of the caller's does.
    this.#options.events.onBack().then(resume, resume);
  }

  #onAnswer({ n, e, h }: ScriptAnswer, askedAt: number): void {
    const now = this.#options.clock.monotonic();
    // One that was long on its way tells an old time.
    if (this.epoch === undefined || now - askedAt <= this.#options.commandTimeoutMs) this.#options.time.heard(n);
    this.#compare(e, n, now);
    if (h === undefined) return;
    if (e !== this.#lastBeat.epoch || n > this.#lastBeat.at) this.#lastBeat = { epoch: e, at: n };
    const [instances, rank, olderSeenAt, newer] = h;
    this.#onStanding({ instances, rank }, now);
    this.isAmongNewer = newer > 0;
    if (olderSeenAt === 0) return;
    this.hasOlder = true;
    this.#options.events.onOlder(olderSeenAt);
  }

  #compare(epoch: string, serverNow: number, now: number): void {
    const before = this.epoch;
    // Over several connections, an answer from before the loss may come after one from behind it.
    if (before === epoch || (before !== undefined && serverNow < this.#epochSince)) return;
    this.epoch = epoch;
    this.#epochSince = serverNow;
    if (before === undefined) return;
    this.#allHeardAt = now + allHeardWithinMs;
    this.#sharesUntil = this.#allHeardAt;
    this.#options.events.onDataLost();
  }

  /** The first to be heard again would find itself alone, and take what is left for its own. */
  #onStanding(heard: Standing, now: number): void {
    const before = this.#standing;
    // Nonsense is none.
    if (!(heard.instances >= 1 && heard.rank >= 0)) return;
    if (before === undefined) this.#joinedAt = now;
    this.#isEarly = now < this.#joinedAt + allHeardWithinMs;
    if (before === undefined || heard.instances >= before.instances || now >= this.#allHeardAt) this.#standing = heard;
  }

  #onFailure(error: unknown): void {
    if (!this.isUp) return;
    this.#options.events.onFailure(error);
    this.#timeouts++;
    if (error instanceof CommandTimeoutError && this.#timeouts < timeoutsUntilLost) return;
    this.isUp = false;
    this.#watch();
    try {
      this.#options.events.onLost(error);
    } catch {
      // A listener of the caller's must not fail a request.
    }
  }

  /** One timer for signs of life and for looking after a lost server. */
  #watch(): void {
    const { clock } = this.#options;
    // Where timers end with the request that set them, questions do its work.
    if (this.isClosed || clock.timersEndWithRequest === true) return;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.timer(() => this.#look(), this.isUp ? beatEveryMs : probeEveryMs, true);
  }

  #look(): void {
    if (this.isUp) {
      const request = this.#options.newRequest();
      this.beatIfDue(request);
      if (!request.isEmpty) this.ask(request, undefined, () => {}).catch(() => {});
    } else this.probe();
    this.#watch();
  }
}

/** An answer that makes no sense leaves reports where they are. */
function reportsArrived(piggyback: Piggyback | undefined, answer: ScriptAnswer): void {
  try {
    piggyback?.onAnswer(answer);
  } catch {
    piggyback?.onFailure();
  }
}
