/** Counts halve in this time: what was long ago says little of now. Milliseconds. */
const halfLifeMs = 120_000;
/** Accounts counted apart; the rest are one sum. */
const mostAccounts = 16;

const minute = 60_000;
const hour = 60 * minute;

/** How often an account met one refusal, and how often it was asked while that was watched. */
interface Counts {
  refused: number;
  asked: number;
}

/**
 * What is known of refusals in the same words: how often accounts met them, and whether they were a matter of one account (others
 * served the same request) or of the request (others refused it alike).
 */
export class RefusalCounts {
  /** How often another account served the same request. */
  own = 0;
  /** How often another account refused the same request alike. */
  alike = 0;
  /** Whose request was refused alike last: it is not sent around again. */
  alikeBy: unknown;
  /** No second opinion before this time. */
  askAt = Number.NEGATIVE_INFINITY;
  /** Was what it means told? */
  told: "account" | "request" | undefined;
  /** How long no second opinion is asked for after the next one that was alike. */
  #pauseMs = minute;
  #decayedAt: number;
  readonly #all: Counts = { refused: 0, asked: 0 };
  readonly #byAccount = new Map<string, Counts>();

  constructor(now: number) {
    this.#decayedAt = now;
  }

  /** Nothing is known of it yet. */
  get isNew(): boolean {
    return this.own === 0 && this.alike === 0;
  }

  /** Others keep serving what was refused like this. */
  get isOfAccounts(): boolean {
    return this.own >= 2 && this.own > this.alike;
  }

  /** Nobody ever served what was refused like this. */
  get isOfRequests(): boolean {
    return this.alike >= 1 && this.own === 0;
  }

  onAsked(account: string, wasRefused: boolean, now: number): void {
    this.#decay(now);
    let counts = this.#byAccount.get(account);
    if (counts === undefined && this.#byAccount.size < mostAccounts) {
      counts = { refused: 0, asked: 0 };
      this.#byAccount.set(account, counts);
    }
    for (const one of counts === undefined ? [this.#all] : [this.#all, counts]) {
      one.asked++;
      if (wasRefused) one.refused++;
    }
  }

  /** Another account served the same request. */
  onServedElsewhere(): void {
    this.own++;
    this.alike = 0;
    this.#pauseMs = minute;
    this.askAt = Number.NEGATIVE_INFINITY;
  }

  /** Another account refused the same request alike. */
  onRefusedAlike(subject: unknown, now: number): void {
    this.alike++;
    this.alikeBy = subject;
    this.askAt = now + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, hour);
  }

  /** How likely a good account would be to answer like this: the share of the others' attempts, never certain. */
  shareOfOthers(account: string, now: number): number {
    this.#decay(now);
    const own = this.#byAccount.get(account);
    const refused = this.#all.refused - (own?.refused ?? 0);
    const asked = this.#all.asked - (own?.asked ?? 0);
    return Math.min((refused + 1) / (asked + 2), 0.95);
  }

  forget(account: string): void {
    const counts = this.#byAccount.get(account);
    if (counts === undefined) return;
    this.#byAccount.delete(account);
    this.#all.asked -= counts.asked;
    this.#all.refused -= counts.refused;
  }

  #decay(now: number): void {
    if (now - this.#decayedAt < halfLifeMs / 8) return;
    const share = 0.5 ** ((now - this.#decayedAt) / halfLifeMs);
    this.#decayedAt = now;
    for (const one of [this.#all, ...this.#byAccount.values()]) {
      one.asked *= share;
      one.refused *= share;
    }
  }
}
