import type {
  Advice,
  LeaseFacts,
  LeaseRefusal,
  LeaseResult,
  ObservedKey,
  Observer,
  PoolChange,
  PoolObserver,
  RefusedAttempt,
} from "../../ports.ts";
import { RecentMap } from "../../recent-map.ts";
import { GuessedCooldowns, mostCooled } from "./guessed-cooldowns.ts";
import { type LearnedRefusal, learnedFrom } from "./learned-refusal.ts";
import { RefusalCounts } from "./refusal-counts.ts";
import { type Suspicion, Suspicions } from "./suspicions.ts";
import { isAlike, isLookedAt, isUncertain } from "./uncertain.ts";
import { Walls, type WallsParts } from "./walls.ts";

const minute = 60_000;
/** All is forgotten so long after the last refusal that evidence looked at, and the last cooldown it began. */
const watchedMs = 5 * minute;
const mostFingerprints = 64;
/** So unlikely (one in ten thousand) must an account's refusals be, if it were good, before it cools down for them. */
const threshold = -Math.log(0.0001);
/** What an account that cooled down lacks to cool down again: one more contrast, and after the third time one more refusal. */
const lacking = -Math.log(0.02);
const lackingLater = 1;
const laterMs = 16 * minute;
/** From here on a suspicion is worth a second opinion, whatever is known of the words. */
const suspicious = -Math.log(0.1);
/** So many refusals, each after others were served, and another account's serving the last of them: that is no chance. */
const manyRefusals = 4;
/** How long an account comes last after another one served what it had refused. */
const heldBackMs = 30_000;
const longestCooldownMs = 60 * minute;
/** How long is known who refused twice in a row: longer than it may cool down. */
const rememberedMs = longestCooldownMs + 4 * watchedMs;
/** Further accounts that a call is sent to for refusals known as a matter of accounts. */
const mostFurther = 4;
/** Statuses of outcomes: their requests are never sent again on a guess. */
const outcomes: ReadonlySet<number | null> = new Set([402, 409]);

export interface EvidenceParts extends WallsParts {
  readonly attach: (observer: Observer) => () => void;
  readonly accountCount: () => number;
  readonly learned: (refusal: LearnedRefusal) => void;
}

/**
 * What refusals mean that no words tell, learnt from what other accounts answer to the same request, and what the same account
 * answers to others. An account is suspected the more, the rarer its refusal is elsewhere; what it serves clears it. Refused
 * alike by two accounts, a request is at fault. Nothing of it exists before the first refusal whose meaning is not certain, and
 * all of it is forgotten five minutes after the last, or after the cooldown that followed. It never gives a key up.
 */
export class Evidence implements PoolObserver {
  readonly #parts: EvidenceParts;
  readonly #walls: Walls;
  readonly #refusals = new RecentMap<RefusalCounts>(mostFingerprints);
  readonly #suspicions = new Suspicions();
  /** Requests that the pool served while it was watched. */
  #served = 0;
  readonly #guessed = new GuessedCooldowns();
  #watchedUntil = Number.NEGATIVE_INFINITY;
  #stopWatching: (() => void) | undefined;

  constructor(parts: EvidenceParts) {
    this.#parts = parts;
    this.#walls = new Walls(parts);
  }

  /** Begins to look, and to advise, with the first refusal whose meaning is not certain. */
  refused(_: LeaseFacts, { classification }: LeaseRefusal): void {
    if (isUncertain(classification) && this.#parts.accountCount() > 1) this.#watch();
  }

  /** What a call does after a refusal whose meaning is not certain. */
  #advise(refusal: RefusedAttempt, earlier: readonly RefusedAttempt[]): Advice | undefined {
    const { classification, status, lease } = refusal;
    if (!isLookedAt(refusal)) return this.#walls.advise(refusal, earlier);
    const now = this.#parts.clock.monotonic();
    const counts = this.#countsOf(refusal, now);
    counts.onAsked(lease.accountId, true, now);
    const suspicion = this.#suspicions.note(lease, refusal.fingerprint);
    const before = suspicion.score;
    this.#score(suspicion, refusal, counts, now);
    // Its next ones may be an hour apart.
    if (suspicion.count > 1) this.#watchedUntil = Math.max(this.#watchedUntil, now + rememberedMs);
    const alike = earlier.filter((other) => isAlike(other, refusal));
    // Accounts that are dead in one wording say the same, too.
    const isOfAccounts = counts.isOfAccounts && earlier.length < mostFurther;
    const isContrast = earlier.length < mostFurther && [refusal, ...alike].every((one) => this.#isFrequent(one));
    if (alike.length > 0 && !isOfAccounts && !isContrast) {
      return (
        this.#witnessOf(refusal, earlier, counts, now) ??
        this.#refusedAlike(refusal, alike, suspicion, before, counts, now)
      );
    }
    if (classification.failover) return undefined;
    const changes = this.#coolIfClear(suspicion, lease, [...earlier, refusal], now);
    if (outcomes.has(status) || !refusal.repeatable || counts.alikeBy === refusal.subject) return returned(changes);
    const guessed = earlier.filter(isLookedAt).length;
    const wasCooled = suspicion.cooldownUntil > Number.NEGATIVE_INFINITY;
    const isKnown = counts.isOfAccounts || suspicion.count >= manyRefusals || wasCooled;
    const goesOn = isKnown ? guessed < mostFurther : guessed === 0 && this.#asks(refusal, suspicion, counts, now);
    if (!goesOn || (classification.strength === "certain" && suspicion.count < manyRefusals)) return returned(changes);
    return { advice: "next", except: this.#notToAsk(refusal, guessed), changes };
  }

  /** A 401 is about the credential, mostly: before a request is at fault for it, whoever served last is asked. */
  #witnessOf(
    { classification, lease }: RefusedAttempt,
    earlier: readonly RefusedAttempt[],
    counts: RefusalCounts,
    now: number,
  ): Advice | undefined {
    if (classification.kind !== "invalid_key" || counts.isOfRequests) return undefined;
    const served = this.#walls.servedLast(lease.provider);
    if (served === undefined || now - served.at > minute) return undefined;
    if ([lease, ...earlier.map((one) => one.lease)].some(({ accountId }) => accountId === served.accountId))
      return undefined;
    return { advice: "next", except: this.#parts.accountIds(lease.provider).filter((id) => id !== served.accountId) };
  }

  /** Another account served what these refused: the refusals were theirs. */
  #servedAfter(lease: LeaseFacts, earlier: readonly RefusedAttempt[]): readonly PoolChange[] {
    const changes: PoolChange[] = [];
    const now = this.#parts.clock.monotonic();
    for (const refusal of earlier) {
      const { accountId } = refusal.lease;
      const isSaid = refusal.classification.failover && refusal.classification.strength === "certain";
      if (isSaid || !isLookedAt(refusal) || accountId === lease.accountId) continue;
      const counts = this.#countsOf(refusal, now);
      counts.onServedElsewhere();
      this.#tell(refusal, counts);
      changes.push({ deprioritize: accountId, forMs: heldBackMs });
      const suspicion = this.#suspicions.find(accountId, refusal.lease.model);
      if (suspicion?.fingerprint !== refusal.fingerprint) continue;
      suspicion.score -= Math.log(Math.max(0.02, counts.shareOfOthers(accountId, now)));
      if (suspicion.count >= manyRefusals) suspicion.score = Math.max(suspicion.score, threshold);
      changes.push(...this.#coolIfClear(suspicion, refusal.lease, earlier, now));
    }
    return changes;
  }

  keyRemoved({ accountId }: ObservedKey): void {
    this.#suspicions.forget(accountId);
  }

  describe({ accountId }: ObservedKey): object | undefined {
    const suspected = this.#suspicions
      .of(accountId)
      .map(({ model, count }) => ({ model: model ?? null, refusals: count }));
    return suspected.length === 0 ? undefined : { suspected };
  }

  /** A refusal counts against an account where others were served since its last one, and once a minute for a subject. */
  #score(suspicion: Suspicion, { lease, subject }: RefusedAttempt, counts: RefusalCounts, now: number): void {
    const isSameSubject = suspicion.subject === subject && now - suspicion.subjectAt < minute;
    if (this.#served !== suspicion.servedBefore && !isSameSubject) {
      suspicion.score -= Math.log(counts.shareOfOthers(lease.accountId, now));
      suspicion.count++;
    }
    suspicion.servedBefore = this.#served;
    if (isSameSubject) return;
    suspicion.subject = subject;
    suspicion.subjectAt = now;
  }

  /** The request is at fault: what it cost these accounts is taken back, and the answer is the caller's. */
  #refusedAlike(
    refusal: RefusedAttempt,
    alike: readonly RefusedAttempt[],
    suspicion: Suspicion,
    before: number,
    counts: RefusalCounts,
    now: number,
  ): Advice {
    counts.onRefusedAlike(refusal.subject, now);
    suspicion.score = Math.max(0, before - 1);
    // Three accounts: it is the request, whatever was served between.
    if (alike.length > 1)
      for (const { lease } of [refusal, ...alike]) this.#suspicions.clear(lease.accountId, lease.model);
    for (const { lease } of alike) {
      const other = this.#suspicions.find(lease.accountId, lease.model);
      if (other?.fingerprint === refusal.fingerprint)
        other.score = Math.max(0, other.score + Math.log(counts.shareOfOthers(lease.accountId, now)) - 1);
    }
    this.#tell(refusal, counts);
    return { advice: "return", changes: [...alike, refusal].map(({ lease }) => ({ undo: lease })) };
  }

  /** Is it worth another account's opinion? */
  #asks({ classification }: RefusedAttempt, suspicion: Suspicion, counts: RefusalCounts, now: number): boolean {
    const isDue = classification.strength !== "certain" && (counts.isNew || now >= counts.askAt);
    return isDue || (suspicion.score >= suspicious && suspicion.count >= (counts.isOfRequests ? manyRefusals : 2));
  }

  /**
   * The account cools down for this model, or whole where two models are refused alike. Where half of them do, it comes last for as
   * long: it serves what nobody else can.
   */
  #coolIfClear(
    suspicion: Suspicion,
    lease: LeaseFacts,
    refusals: readonly RefusedAttempt[],
    now: number,
  ): readonly PoolChange[] {
    if (suspicion.score < threshold) return [];
    const cooled = this.#guessed.of(refusals);
    if (cooled.size >= mostCooled && !cooled.has(suspicion.account)) return [];
    const others = this.#suspicions
      .of(suspicion.account)
      .filter((one) => one !== suspicion && one.fingerprint === suspicion.fingerprint && one.cooldownUntil > 0);
    const scope = lease.scopeOf(others.length > 0 ? "account" : "model");
    if (scope === undefined) return [];
    const forMs = suspicion.cooldownMs;
    suspicion.score = threshold - (forMs < laterMs ? lacking : lackingLater);
    suspicion.cooldownMs = Math.min(4 * forMs, longestCooldownMs);
    this.#watchedUntil = Math.max(this.#watchedUntil, now + forMs + watchedMs);
    if (2 * (this.#suspicions.cooling(now) + 1) > this.#parts.accountCount())
      return [{ deprioritize: suspicion.account, forMs }];
    cooled.add(suspicion.account);
    suspicion.cooldownUntil = now + forMs;
    return [{ scope, set: { forMs }, reason: "refused_alone", source: "heuristic" }];
  }

  /** Does its account refuse so often what others are served between? */
  #isFrequent({ lease, fingerprint }: RefusedAttempt): boolean {
    const suspicion = this.#suspicions.find(lease.accountId, lease.model);
    return suspicion?.fingerprint === fingerprint && suspicion.count >= manyRefusals;
  }

  /** Whom not to ask next: those known to answer like this; in the end all but the one that served last. */
  #notToAsk(
    { lease: { accountId, model, provider }, fingerprint }: RefusedAttempt,
    guessed: number,
  ): readonly string[] {
    const last = this.#walls.servedLast(provider)?.accountId;
    if (guessed === mostFurther - 1 && last !== undefined && last !== accountId)
      return this.#parts.accountIds(provider).filter((account) => account !== last);
    const refusing = this.#suspicions.withWords(model, fingerprint);
    return refusing.length < this.#parts.accountCount() ? refusing : [];
  }

  #countsOf({ lease, fingerprint }: RefusedAttempt, now: number): RefusalCounts {
    const name = `${lease.provider} ${lease.origin} ${fingerprint}`;
    let counts = this.#refusals.get(name);
    if (counts === undefined) {
      counts = new RefusalCounts(now);
      this.#refusals.set(name, counts);
    }
    return counts;
  }

  #tell(refusal: RefusedAttempt, counts: RefusalCounts): void {
    const learned = learnedFrom(refusal, counts);
    if (learned !== undefined) this.#parts.learned(learned);
  }

  /** Looks at what is served from now on, for some minutes. */
  #watch(): void {
    const now = this.#parts.clock.monotonic();
    if (now >= this.#watchedUntil) this.#forget();
    this.#watchedUntil = Math.max(this.#watchedUntil, now + watchedMs);
    this.#stopWatching ??= this.#parts.attach({
      advise: (refusal, earlier) => this.#advise(refusal, earlier),
      served: (lease, earlier) => this.#servedAfter(lease, earlier),
      ended: (lease, result) => this.#ended(lease, result),
    });
  }

  #ended(lease: LeaseFacts, { outcome }: LeaseResult): readonly PoolChange[] {
    const now = this.#parts.clock.monotonic();
    if (now >= this.#watchedUntil) {
      this.#forget();
      this.#stopWatching?.();
      this.#stopWatching = undefined;
      return [];
    }
    if (outcome !== "success") return [];
    this.#served++;
    this.#walls.onServed(lease.provider, { accountId: lease.accountId, at: now });
    for (const counts of this.#refusals.values()) counts.onAsked(lease.accountId, false, now);
    if (this.#suspicions.size > 0) this.#suspicions.clear(lease.accountId, lease.model);
    return [];
  }

  #forget(): void {
    this.#refusals.clear();
    this.#suspicions.clearAll();
    this.#walls.forget();
    this.#served = 0;
  }
}

function returned(changes: readonly PoolChange[]): Advice | undefined {
  return changes.length === 0 ? undefined : { advice: "return", changes };
}
