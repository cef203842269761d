import type { Refusal, Reservation } from "../../../limits/store.ts";
import type { Clock } from "../../../types.ts";
import type { RedisReservation } from "./answer.ts";
import { type Question, refusalOf, reservationOf, type ScriptAnswer } from "./answer.ts";
import type { Link } from "./link.ts";
import type { ReportQueue } from "./report-queue.ts";
import type { ScriptRequest } from "./request.ts";

/** One call carries at most so many questions, about so many candidates: a script holds up the whole server. */
const mostQuestions = 32;
/** Up to so many go together in any case. More are sent in two halves: while the server answers one, the other is read here. */
const fewQuestions = 8;
const mostCandidates = 64;
/** With so many calls under way, the next waits for one of them: more would only stand in line at the server. */
const mostUnderWay = 16;

interface Asked {
  readonly question: Question;
  readonly answered: (answer: Reservation | Refusal) => void;
}

interface Batch {
  readonly request: ScriptRequest;
  readonly asked: Asked[];
}

export interface QuestionsOptions {
  readonly link: Link;
  readonly reports: ReportQueue;
  readonly clock: Clock;
  readonly newRequest: () => ScriptRequest;
  /** @param lagMs how much later than the server this process knew of it, at most */
  readonly onGrant: (reservation: RedisReservation, lagMs: number) => Reservation;
  readonly onRefusal: (refusal: Refusal, question: Question) => Refusal;
  /** It was granted, but nobody will use it. */
  readonly giveBack: (reservation: RedisReservation) => void;
  /** It was asked before it was known what is to be asked, too. */
  readonly askAgain: (question: Question) => Promise<Reservation | Refusal>;
  /** The server cannot be asked. */
  readonly fallBack: (question: Question) => Reservation | Refusal;
}

/** Questions that come in the same turn travel in one call, each answered for itself; so a busy process pays for few calls. */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #batches: Batch[] = [];
  #underWay = 0;
  #isDue = false;
  /** Questions that have no answer yet. */
  #open = 0;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  ask(question: Question): Promise<Reservation | Refusal> {
    this.#open++;
    return new Promise((answered) => {
      const { request, asked } = this.#batch();
      request.reserve(question.number, question.candidates, question.options);
      asked.push({ question, answered });
    });
  }

  /** How many questions one call carries. */
  get #together(): number {
    return Math.max(fewQuestions, Math.min(mostQuestions, Math.ceil(this.#open / 2)));
  }

  #batch(): Batch {
    const last = this.#batches.at(-1);
    if (last !== undefined && last.asked.length < this.#together && last.request.candidates < mostCandidates)
      return last;
    const batch = { request: this.#options.newRequest(), asked: [] };
    this.#batches.push(batch);
    if (!this.#isDue) {
      this.#isDue = true;
      queueMicrotask(() => this.#sendAll());
    }
    return batch;
  }

  #sendAll(): void {
    this.#isDue = false;
    while (this.#batches.length > 0) {
      if (!this.#options.link.maySpend) this.#fallBack(this.#batches.shift() as Batch);
      else if (this.#underWay < mostUnderWay) this.#send(this.#batches.shift() as Batch);
      else return;
    }
  }

  #send(batch: Batch): void {
    const { link, reports, clock } = this.#options;
    const { request } = batch;
    const { epoch, hasOlder } = link;
    link.beatIfDue(request);
    const piggyback = reports.piggybackOn(request);
    const askedAt = clock.monotonic();
    this.#underWay++;
    link
      .ask(request, piggyback, (late) => this.#giveBack(batch, late))
      .then(
        (answer) => {
          this.#underWay--;
          const isKnowing = (epoch === undefined || answer.e === epoch) && !link.isAmongNewer;
          if (isKnowing && link.hasOlder === hasOlder) this.#answer(batch, answer, clock.monotonic() - askedAt);
          else {
            // What it granted, it did without knowing what others had taken.
            if (isKnowing) this.#askAgain(batch);
            else this.#fallBack(batch);
            this.#giveBack(batch, answer);
          }
          this.#sendAll();
        },
        () => {
          // Whoever wants to know is told by `onState`.
          this.#underWay--;
          this.#fallBack(batch);
          this.#sendAll();
        },
      );
  }

  #answer({ asked }: Batch, answer: ScriptAnswer, lagMs: number): void {
    this.#open -= asked.length;
    for (const [place, { question, answered }] of asked.entries()) {
      answered(this.#understood(answer, place, question, lagMs));
    }
  }

  #understood(answer: ScriptAnswer, place: number, question: Question, lagMs: number): Reservation | Refusal {
    const { fallBack: alone, onGrant: granted, onRefusal: refused } = this.#options;
    try {
      const reservation = reservationOf(answer, place, question);
      if (reservation !== undefined) return granted(reservation, lagMs);
      return refused(refusalOf(answer, place, question), question);
    } catch {
      // What makes no sense is no answer.
      return alone(question);
    }
  }

  #askAgain({ asked }: Batch): void {
    this.#open -= asked.length;
    for (const { question, answered } of asked) void this.#options.askAgain(question).then(answered);
  }

  #fallBack({ asked }: Batch): void {
    this.#open -= asked.length;
    for (const { question, answered } of asked) answered(this.#options.fallBack(question));
  }

  #giveBack({ asked }: Batch, answer: ScriptAnswer): void {
    try {
      for (const [place, { question }] of asked.entries()) {
        const reservation = reservationOf(answer, place, question);
        if (reservation !== undefined && !reservation.settled) this.#options.giveBack(reservation);
      }
    } catch {
      // What makes no sense gives nothing to give back.
    }
  }
}
