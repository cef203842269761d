import type { Clock } from "../../types.ts";
import type { ScriptAnswer } from "./answer.ts";
import { CommandBudget, CommandTimeoutError } from "./command-budget.ts";
import type { Standing } from "./insurance.ts";
import type { SharingState } from "./options.ts";
import type { Ride } from "./report-queue.ts";
import type { ScriptRequest } from "./request.ts";
import type { ScriptRunner } from "./script-runner.ts";
import type { ServerTime } from "./server-time.ts";

/** An instance gives a sign of life so often, with its next question or by itself; milliseconds. */
const beatEveryMs = 1000;
/** Without one for so long it is taken for dead. */
const deadAfterMs = 5000;
/** A server that was lost is asked so often whether it is back. */
const probeEveryMs = 250;
/** A probe without an answer is given up after so long. */
const probeGivenUpMs = 1000;
/** So many commands in a row without an answer in time, and the server is taken for lost. An error is enough alone. */
const timeoutsUntilLost = 3;

export interface LinkOptions {
  readonly runner: ScriptRunner;
  readonly clock: Clock;
  readonly time: ServerTime;
  readonly commandTimeoutMs: number;
  readonly expectedInstances: number;
  readonly instance: string;
  readonly newRequest: () => ScriptRequest;
  /** The server was lost. */
  readonly lost: (cause: unknown) => void;
  /** It answers again. What it is to be told first is told when the promise resolves. */
  readonly back: () => Promise<void>;
  /** It has lost what it knew, and begun anew. */
  readonly forgot: () => void;
  readonly answered: () => void;
}

/** The way to the server: gives commands their time, knows whether it makes sense to ask, and looks for it when it does not. */
export class Link {
  readonly #options: LinkOptions;
  readonly #budget: CommandBudget;
  #state: SharingState = "shared";
  #timeouts = 0;
  #epoch: string | undefined;
  #alonePastForgetting = 0;
  #standing: Standing | undefined;
  #beatAt = Number.NEGATIVE_INFINITY;
  #probedAt = Number.NEGATIVE_INFINITY;
  #isReturning = false;
  #isClosed = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#budget = new CommandBudget(options.clock, options.commandTimeoutMs);
  }

  /** Is anything heard of the server? */
  get isUp(): boolean {
    return this.#state === "shared";
  }

  /** Does it make sense to tell it anything? */
  get mayReport(): boolean {
    return this.isUp || this.#isReturning;
  }

  /** May what it grants be relied on? Not while others may still have to tell it again what it forgot. */
  get maySpend(): boolean {
    return this.isUp && this.#options.clock.monotonic() >= this.#alonePastForgetting;
  }

  get epoch(): string | undefined {
    return this.#epoch;
  }

  get standing(): Standing {
    return this.#standing ?? { instances: this.#options.expectedInstances, rank: 0 };
  }

  /** A sign of life goes along with a question when it is due. Once asked, it is taken to be given. */
  beatIfDue(request: ScriptRequest): void {
    if (this.#options.clock.monotonic() - this.#beatAt >= beatEveryMs) this.beat(request);
  }

  beat(request: ScriptRequest): void {
    this.#beatAt = this.#options.clock.monotonic();
    request.beat(this.#options.instance, deadAfterMs);
    this.#watch();
  }

  /**
   * Rejects when there is no answer in time, or none at all.
   * @param late gets an answer that comes after that
   */
  async ask(
    request: ScriptRequest,
    ride: Ride | undefined,
    late: (answer: ScriptAnswer) => void,
  ): Promise<ScriptAnswer> {
    const running = this.#options.runner.run(request);
    running.then(
      (answer) => {
        this.#heard(answer);
        ride?.arrived(answer);
      },
      () => ride?.failed(),
    );
    try {
      const answer = await this.#budget.within(running, late);
      this.#timeouts = 0;
      this.#options.answered();
      return answer;
    } catch (error) {
      if (error instanceof CommandTimeoutError) ride?.late();
      this.#failed(error);
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
  }

  /** Looks whether the server is back, if that was not done just now. */
  probe(): void {
    const now = this.#options.clock.monotonic();
    if (this.isUp || this.#isReturning || this.#isClosed || now - this.#probedAt < probeEveryMs) return;
    this.#probedAt = now;
    const request = this.#options.newRequest();
    this.beat(request);
    const probing = this.#options.runner.run(request);
    const isTooLate = (): boolean => this.#options.clock.monotonic() - now > probeGivenUpMs;
    probing.then(
      (answer) => {
        if (isTooLate() || this.isUp || this.#isReturning) return;
        this.#heard(answer);
        this.#return();
      },
      () => {},
    );
  }

  #return(): void {
    this.#isReturning = true;
    this.#options.back().then(() => {
      this.#isReturning = false;
      this.#timeouts = 0;
      this.#state = "shared";
      this.#options.answered();
    });
  }

  #heard({ n, e, h }: ScriptAnswer): void {
    this.#options.time.heard(n);
    if (h !== undefined) this.#standing = { instances: h[0], rank: h[1] };
    const before = this.#epoch;
    this.#epoch = e;
    if (before === undefined || before === e) return;
    this.#alonePastForgetting = this.#options.clock.monotonic() + beatEveryMs;
    this.#options.forgot();
  }

  #failed(error: unknown): void {
    if (!this.isUp) return;
    this.#timeouts++;
    if (error instanceof CommandTimeoutError && this.#timeouts < timeoutsUntilLost) return;
    this.#state = "alone";
    this.#options.lost(error);
    this.#watch();
  }

  /** One timer for signs of life and for looking after a lost server. */
  #watch(): void {
    const { clock } = this.#options;
    // Where timers end with the request that set them, questions do its work.
    if (this.#isClosed || clock.timersEndWithRequest === true) return;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.timer(() => this.#look(), this.isUp ? beatEveryMs : probeEveryMs, true);
  }

  #look(): void {
    if (this.isUp) {
      const request = this.#options.newRequest();
      this.beatIfDue(request);
      if (request.keys.length > 1) this.ask(request, undefined, () => {}).catch(() => {});
    } else this.probe();
    this.#watch();
  }
}
