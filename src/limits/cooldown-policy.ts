import type { Classification, CooldownChange, CooldownSource, LadderSpec, ScopeId } from "../types.ts";
import {
  accountScope,
  addressScope,
  credentialScope,
  keyScope,
  modelScope,
  originScope,
  type ScopedKey,
} from "./scopes.ts";

/** A provider may say "0 seconds": asking again in the same instant would only be refused again. */
const shortestCooldownMs = 100;

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** A refused credential is tried again, ever more rarely: a fresh key may need minutes until its provider knows it. */
const credentialBackoff: LadderSpec = { baseMs: 30 * second, factor: 4, maxMs: hour, jitter: 0.1 };
const creditBackoff: LadderSpec = { baseMs: hour, factor: 2, maxMs: 24 * hour, jitter: 0.1 };
/** Also of a balance that no words tell of: a status alone may mean something else. */
const forbiddenBackoff: LadderSpec = { baseMs: minute, factor: 5, maxMs: hour, jitter: 0.1 };
/** A day's or a month's limit that states no end is not asked about every few seconds. */
const longWindowBackoff: LadderSpec = { baseMs: 15 * minute, factor: 2, maxMs: 2 * hour, jitter: 0.1 };
/** "0 seconds" is believed once; what goes on refusing is asked less and less. */
const zeroBackoff: LadderSpec = { baseMs: shortestCooldownMs, factor: 4, maxMs: hour, jitter: 0.2 };
/** A provider in trouble only orders and delays, so its cooldowns are short. */
const providerBackoff: LadderSpec = { baseMs: second, factor: 2, maxMs: 30 * second, jitter: 0.2 };

export interface CooldownPolicyOptions {
  /** First cooldown after a refusal that names no time, milliseconds; those after it double. */
  readonly cooldownMs: number;
  /** Longest such cooldown, milliseconds. */
  readonly maxCooldownMs: number;
  /** Names the address requests leave from. */
  readonly egress: string;
}

/** What an attempt was about. Most of it is asked for by few classifications. */
export interface ClassifiedAttempt {
  readonly key: ScopedKey;
  readonly model: string | undefined;
  readonly origin: string;
  /** The secret that was classified: the key may have another one by now. */
  readonly secretUsed: ScopedKey["secret"];
}

/** What a classification puts into cooldown, and for how long: as stated, or by the backoff schedule of consecutive failures. */
export class CooldownPolicy {
  readonly #egress: string;
  readonly #backoff: LadderSpec;

  constructor({ cooldownMs, maxCooldownMs, egress }: CooldownPolicyOptions) {
    this.#egress = egress;
    this.#backoff = { baseMs: cooldownMs, factor: 2, maxMs: maxCooldownMs, jitter: 0.2 };
  }

  /**
   * The cooldowns that follow. Most classifications have none.
   * @param startedAt when the store granted the attempt, on its clock
   */
  changesFor(classification: Classification, attempt: ClassifiedAttempt, startedAt: number): readonly CooldownChange[] {
    const { kind, failover, scope, strength, window } = classification;
    // What only this request met says nothing of the next.
    if (scope === "request") return [];
    switch (kind) {
      case "rate_limit": {
        const isLong = window === "day" || window === "month";
        return this.#cool(classification, attempt, startedAt, isLong ? longWindowBackoff : this.#backoff);
      }
      case "quota_exhausted": {
        const ladder = strength === "certain" ? creditBackoff : forbiddenBackoff;
        return this.#cool(classification, attempt, startedAt, ladder, "credit");
      }
      case "invalid_key": {
        const { key, secretUsed } = attempt;
        const where = credentialScope(key.account.provider.id, secretUsed.fingerprint ?? key.id);
        const set = { ladder: credentialBackoff, attemptStartedAt: startedAt };
        return [{ scope: where, set, reason: kind, source: "heuristic" }];
      }
      case "forbidden":
        return failover ? this.#cool(classification, attempt, startedAt, forbiddenBackoff) : [];
      case "overloaded":
      case "server_error":
      case "network":
      case "timeout":
        return cool(
          classification,
          startedAt,
          scope === "ip" ? this.#addressOf(attempt.key) : originScope(attempt.origin, overloadedModel(kind, attempt)),
          providerBackoff,
        );
      default:
        return [];
    }
  }

  #cool(
    classification: Classification,
    attempt: ClassifiedAttempt,
    startedAt: number,
    ladder: LadderSpec,
    guess?: CooldownSource,
  ): readonly CooldownChange[] {
    return cool(classification, startedAt, this.#scopeOf(classification, attempt), ladder, guess);
  }

  #scopeOf({ scope, sharedBy }: Classification, attempt: ClassifiedAttempt): ScopeId {
    const { key } = attempt;
    if (scope === "ip") return this.#addressOf(key);
    if (scope === "provider") return originScope(attempt.origin);
    const model = scope === "model" ? attempt.model : undefined;
    if (model !== undefined) return modelScope(key.account.id, model);
    const shared = sharedBy === "account" || sharedBy === "project" || scope === "account" || scope === "model";
    return shared ? accountScope(key.account.id) : keyScope(key.account.provider.id, key.id);
  }

  #addressOf({ account, config }: ScopedKey): ScopeId {
    return addressScope(account.provider.id, config.route?.egress ?? this.#egress);
  }
}

/** Capacity is a model's mostly; other trouble is of the whole origin. */
function overloadedModel(kind: Classification["kind"], { model }: ClassifiedAttempt): string | undefined {
  return kind === "overloaded" ? model : undefined;
}

/** For as long as was stated, or by the schedule. */
function cool(
  { kind: reason, retryAfterMs }: Classification,
  attemptStartedAt: number,
  scope: ScopeId,
  ladder: LadderSpec,
  guess: CooldownSource = "heuristic",
): readonly CooldownChange[] {
  if (retryAfterMs === null) return [{ scope, set: { ladder, attemptStartedAt }, reason, source: guess }];
  if (retryAfterMs === 0)
    return [{ scope, set: { ladder: zeroBackoff, attemptStartedAt }, reason, source: "heuristic" }];
  return [{ scope, set: { forMs: Math.max(retryAfterMs, shortestCooldownMs) }, reason, source: "authoritative" }];
}
