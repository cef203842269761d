import type { Advice, LeaseFacts, PoolChange, RefusedAttempt } from "../../ports.ts";
import type { Clock, ScopeId } from "../../types.ts";

const second = 1000;
/** Refusals of several accounts make a wall only if they come within this time. */
const togetherMs = 2 * second;
/** So many accounts, or all, if they are fewer. */
const mostAccounts = 3;
/** An account that served within this time can be asked whether it still does. */
const witnessMs = 60 * second;
/** How long others wait for what the witness says. */
const hearingMs = 250;
const firstMs = second;
const longestMs = 60 * second;

/** Accounts that were refused in the same words, one soon after the other. */
interface Alike {
  readonly fingerprint: string;
  readonly since: number;
  /** A refusal of each, by account. */
  readonly refused: Map<string, LeaseFacts>;
  /** Whose requests they refused: of one alone it may be the matter. */
  readonly subjects: Set<unknown>;
  /** Was a call sent to the account that served last? */
  isWitnessAsked: boolean;
}

/** The account that served last, and when: monotonic. */
export interface Served {
  readonly accountId: string;
  readonly at: number;
}

/** A wall that stands or stood, whichever process met it. Monotonic. */
export interface KnownWall {
  readonly endsAt: number;
  readonly lengthMs: number;
}

export interface WallParts {
  readonly clock: Clock;
  readonly accountIds: () => readonly string[];
  readonly servedLast: () => Served | undefined;
  /** The latest that the pool knows of, from one address. */
  readonly known: (address: ScopeId) => KnownWall | undefined;
}

/** The store's end of a wall is a little later than ours. */
const laterMs = 250;

/**
 * A wall is what all accounts meet and none has earned: an address that is throttled, an outage said as 429. Three accounts that are
 * refused alike, without a stated time, within two seconds make one, if the account that served last is refused, too: three at their
 * own limits would look the same. Then the cooldowns made on the way are taken back, and the address cools down as a whole, for as
 * long as sufficed last time. A refusal after that makes it twice as long; what is let through first the circuit breaker decides.
 * Processes that share a store and an address share their walls: each knows of the last one, and how long it was.
 */
export class Wall {
  readonly #parts: WallParts;
  #alike: Alike | undefined;
  #until = Number.NEGATIVE_INFINITY;
  #lengthMs = firstMs;
  /** Whose request waited alone. */
  #waited: unknown;

  constructor(parts: WallParts) {
    this.#parts = parts;
  }

  advise(refusal: RefusedAttempt, earlier: readonly RefusedAttempt[]): Advice | undefined {
    const { status, classification, lease } = refusal;
    const isBare = status === 429 && classification.strength !== "certain" && classification.retryAfterMs === null;
    if (!isBare || classification.kind !== "rate_limit") return undefined;
    const now = this.#parts.clock.monotonic();
    this.#hear(lease.scopeOf("ip"));
    if (now < this.#until) return this.#wait(now, [refusal, ...earlier].map(undone));
    const served = this.#parts.servedLast();
    if (this.#isTrial(now, served?.at))
      return this.#raise(now, Math.min(2 * this.#lengthMs, longestMs), refusal, earlier);
    const alike = this.#noted(refusal, served?.at, now);
    const accounts = this.#parts.accountIds();
    if (alike.refused.size < Math.min(mostAccounts, accounts.length)) return undefined;
    const witness = served !== undefined && now - served.at < witnessMs ? served.accountId : undefined;
    if (witness !== undefined && !alike.refused.has(witness) && accounts.includes(witness)) {
      if (alike.isWitnessAsked) return { advice: "wait", until: now + hearingMs };
      alike.isWitnessAsked = true;
      return {
        advice: "next",
        except: accounts.filter((account) => account !== witness && account !== lease.accountId),
      };
    }
    if (this.#isLeftOver(now, refusal.subject)) return this.#raise(now, firstMs, refusal, earlier);
    if (alike.subjects.size > 1) return this.#raise(now, this.#lengthMs, refusal, earlier);
    return alike.refused.size >= mostAccounts ? this.#ofOneRequest(now, refusal, earlier) : undefined;
  }

  /** Another process may have met it. */
  #hear(address: ScopeId | undefined): void {
    const known = address === undefined ? undefined : this.#parts.known(address);
    if (known === undefined || known.endsAt <= this.#until + laterMs) return;
    this.#until = known.endsAt;
    this.#lengthMs = known.lengthMs;
  }

  /** Is it the first that was let through after the wall, or one sent together with it? */
  #isTrial(now: number, servedAt: number | undefined): boolean {
    return now - this.#until < this.#lengthMs && (servedAt === undefined || servedAt < this.#until);
  }

  /** One request alone may be what nobody serves; at once after a wall it is the last of those that met it, the first time. */
  #isLeftOver(now: number, subject: unknown): boolean {
    if (now - this.#until >= togetherMs || this.#waited === subject) return false;
    this.#waited = subject;
    return true;
  }

  /** All accounts refuse it, and nobody else was refused: it waits once, and what it cost them is taken back. */
  #ofOneRequest(now: number, refusal: RefusedAttempt, earlier: readonly RefusedAttempt[]): Advice {
    const changes = [refusal, ...earlier].map(undone);
    this.#alike = undefined;
    if (this.#waited === refusal.subject) return { advice: "return", changes };
    this.#waited = refusal.subject;
    return { advice: "wait", until: now + firstMs, changes };
  }

  /** Counts a refusal among those alike. A success, other words, or time begin anew. */
  #noted({ lease, fingerprint, subject }: RefusedAttempt, servedAt: number | undefined, now: number): Alike {
    const before = this.#alike;
    const goesOn =
      before !== undefined &&
      before.fingerprint === fingerprint &&
      now - before.since < togetherMs &&
      (servedAt === undefined || servedAt <= before.since);
    const alike = goesOn
      ? before
      : {
          fingerprint,
          since: now,
          refused: new Map<string, LeaseFacts>(),
          subjects: new Set<unknown>(),
          isWitnessAsked: false,
        };
    alike.refused.set(lease.accountId, lease);
    alike.subjects.add(subject);
    this.#alike = alike;
    return alike;
  }

  #raise(now: number, lengthMs: number, refusal: RefusedAttempt, earlier: readonly RefusedAttempt[]): Advice {
    const marked = new Set([refusal, ...earlier].map(({ lease }) => lease));
    for (const lease of this.#alike?.refused.values() ?? []) marked.add(lease);
    this.#alike = undefined;
    this.#lengthMs = lengthMs;
    this.#until = now + lengthMs;
    const changes: PoolChange[] = Array.from(marked, (lease) => ({ undo: lease }));
    const scope = refusal.lease.scopeOf("ip");
    if (scope !== undefined) changes.push({ scope, set: { forMs: lengthMs }, reason: "wall", source: "heuristic" });
    return this.#wait(now, changes);
  }

  #wait(now: number, changes: readonly PoolChange[]): Advice {
    return { advice: "wait", until: Math.max(now, this.#until), changes };
  }
}

const undone = ({ lease }: RefusedAttempt): PoolChange => ({ undo: lease });
