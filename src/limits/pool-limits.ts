import type { Classification, Clock, CooldownChange, CooldownSource, LadderSpec, ScopeId } from "../types.ts";
import { Calendar, type Edges } from "./calendar.ts";
import { countsModel, countsTokens, defaultGuardMs, type LimitTemplate, lengthOf, limitsOfKey } from "./limits.ts";
import {
  accountScope,
  addressScope,
  credentialScope,
  keyScope,
  modelScope,
  originScope,
  type ScopedKey,
  scopesOf,
} from "./scopes.ts";
import type { Bucket, Candidate, Need } from "./store.ts";

/** A key as its limits know it. */
export interface LimitedKey {
  readonly id: string;
  readonly account: {
    /** Provider and name. */
    readonly id: string;
    readonly provider: { readonly id: string };
    /** Limits that hold for each of its keys. */
    readonly limits: readonly LimitTemplate[];
  };
  readonly config: { readonly limits: readonly LimitTemplate[] | undefined };
  readonly secret: { readonly fingerprint: string | undefined };
  /** Is its secret fetched, so that it may be another one later? @default false */
  readonly isDynamic?: boolean | undefined;
}

export interface PoolLimitsOptions {
  readonly clock: Clock;
  /** Overrides every window's guard, milliseconds. */
  readonly guardMs: number | undefined;
  /** First rest after a refusal that names no time, milliseconds; the steps after it double. */
  readonly cooldownMs: number;
  /** Longest such rest, milliseconds. */
  readonly maxCooldownMs: number;
  /** Names the address requests leave from. */
  readonly egress: string;
}

/** A provider may say "0 seconds": asking again in the same instant would only be refused again. */
const shortestRestMs = 100;

/** The place of a request that was given up stays taken for so long, until its provider can know; milliseconds. */
const placeGuardMs = 1000;

/** Model names come from outside: so many are counted apart for one owner. */
const mostModels = 64;

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** A refused credential is tried again, ever more rarely: a fresh key may need minutes until its provider knows it. */
const credentialLadder: LadderSpec = { baseMs: 30 * second, factor: 4, maxMs: hour, jitter: 0.1 };
const creditLadder: LadderSpec = { baseMs: hour, factor: 2, maxMs: 24 * hour, jitter: 0.1 };
const forbiddenLadder: LadderSpec = { baseMs: minute, factor: 5, maxMs: hour, jitter: 0.1 };
/** A provider in trouble only orders and delays, so its rests are short. */
const providerLadder: LadderSpec = { baseMs: second, factor: 2, maxMs: 30 * second, jitter: 0.2 };

/** A need whose amount is set anew for every request. */
export type OwnNeed = { -readonly [field in keyof Need]: Need[field] };

export interface OwnCandidate extends Candidate {
  readonly needs: readonly OwnNeed[];
  /** Those of them that count tokens. */
  readonly ofTokens: readonly OwnNeed[] | undefined;
}

const noNeeds: readonly OwnNeed[] = [];

/** Its scopes are named once somebody looks: a store in which nothing cools does not. */
class KeyCandidate implements OwnCandidate {
  readonly needs: readonly OwnNeed[];
  readonly ofTokens: readonly OwnNeed[] | undefined;
  memo: unknown;
  readonly #key: ScopedKey;
  readonly #egress: string;
  readonly #model: string | undefined;
  #scopes: readonly ScopeId[] | undefined;

  constructor(key: LimitedKey, egress: string, model: string | undefined, needs: readonly OwnNeed[]) {
    const ofTokens = needs.length === 0 ? needs : needs.filter(({ bucket }) => countsTokens(bucket.dimension));
    this.needs = needs;
    this.ofTokens = ofTokens.length === 0 ? undefined : ofTokens;
    this.memo = undefined;
    this.#key = key;
    this.#egress = egress;
    this.#model = model;
    this.#scopes = key.isDynamic === true ? scopesOf(key, egress, model) : undefined;
  }

  get scopes(): readonly ScopeId[] {
    this.#scopes ??= scopesOf(this.#key, this.#egress, this.#model);
    return this.#scopes;
  }
}

/** A counter, with the limit it is for. */
export interface LimitedBucket {
  readonly template: LimitTemplate;
  /** Of limits that count each model apart. */
  readonly model: string | undefined;
  readonly bucket: Bucket;
}

interface SharedCalendar {
  readonly calendar: Calendar;
  readonly edges: Edges;
}

/**
 * Knows the declared limits and turns keys into what a store is asked for, and judgements into what a store is told.
 * Counts nothing itself: counting is the store's.
 */
export class PoolLimits {
  readonly #options: PoolLimitsOptions;
  readonly #buckets = new Map<string, Bucket>();
  /** Models for which limits of one model each were counted, by owner. */
  readonly #modelsSeen = new Map<ScopeId, Set<string>>();
  readonly #calendars = new Map<string, SharedCalendar>();
  readonly #ladder: LadderSpec;
  /** Is any limit counted? */
  hasLimits = false;
  /** Is any counted by calendar? */
  hasCalendars = false;

  constructor(options: PoolLimitsOptions) {
    this.#options = options;
    this.#ladder = { baseMs: options.cooldownMs, factor: 2, maxMs: options.maxCooldownMs, jitter: 0.2 };
  }

  /**
   * What must be free for this key to serve, with the scopes whose rest stops it.
   * @param model whose limits count
   * @param restsAlone may the model itself be at rest?
   */
  candidateFor(key: LimitedKey, model: string | undefined, restsAlone = true): OwnCandidate {
    const isUnlimited = key.config.limits === undefined && key.account.limits.length === 0;
    const needs = isUnlimited ? noNeeds : this.#needsOf(key, model);
    const { egress } = this.#options;
    return new KeyCandidate(key, egress, restsAlone ? model : undefined, needs);
  }

  #needsOf(key: LimitedKey, model: string | undefined): OwnNeed[] {
    const needs: OwnNeed[] = [];
    const { limits } = key.config;
    for (const template of limits === undefined ? key.account.limits : limitsOfKey(key.account.limits, limits)) {
      if (countsModel(template, model)) needs.push({ bucket: this.#bucketOf(template, key, model), amount: 1 });
    }
    return needs;
  }

  /** Everything counted for a key: its limits of all models, and of each model that was seen. */
  bucketsOf(key: LimitedKey): readonly LimitedBucket[] {
    if (this.hasCalendars) this.refresh(this.#options.clock.wall());
    const found: LimitedBucket[] = [];
    for (const template of limitsOfKey(key.account.limits, key.config.limits)) {
      const models = template.perModel ? (this.#modelsSeen.get(this.#ownerOf(template, key)) ?? []) : [undefined];
      for (const model of models) {
        if (template.perModel && !countsModel(template, model)) continue;
        found.push({ template, model, bucket: this.#bucketOf(template, key, model) });
      }
    }
    return found;
  }

  /** Does a bucket with this id count tokens? */
  isOfTokens(bucketId: string): boolean {
    const bucket = this.#buckets.get(bucketId);
    return bucket !== undefined && countsTokens(bucket.dimension);
  }

  /** Moves calendar windows on, and tells whether any boundary had passed. */
  refresh(wall: number): boolean {
    let moved = false;
    for (const { calendar, edges } of this.#calendars.values()) {
      if (wall >= edges[0] && wall < edges[1]) continue;
      // In place: every bucket of this calendar holds the same array.
      [edges[0], edges[1], edges[2]] = calendar.edgesAt(wall);
      moved = true;
    }
    return moved;
  }

  /**
   * Which rests a judgement asks for. Most judgements ask for none.
   * @param secret the one that was judged
   */
  changesFor(
    judged: Classification,
    key: LimitedKey,
    model: string | undefined,
    origin: string,
    attemptStartedAt: number,
    secret: LimitedKey["secret"] = key.secret,
  ): readonly CooldownChange[] {
    const { kind, retryAfterMs } = judged;
    const reason = kind;
    const forMs = retryAfterMs === null ? undefined : Math.max(retryAfterMs, shortestRestMs);
    const rest = (scope: ScopeId, ladder: LadderSpec, guess: CooldownSource): CooldownChange[] =>
      forMs === undefined
        ? [{ scope, set: { ladder, attemptStartedAt }, reason, source: guess }]
        : [{ scope, set: { forMs }, reason, source: "authoritative" }];
    switch (kind) {
      case "rate_limit":
        return rest(this.#scopeOf(judged, key, model, origin), this.#ladder, "heuristic");
      case "quota_exhausted":
        return rest(this.#scopeOf(judged, key, model, origin), creditLadder, "credit");
      case "invalid_key": {
        const scope = credentialScope(key.account.provider.id, secret.fingerprint ?? key.id);
        return [{ scope, set: { ladder: credentialLadder, attemptStartedAt }, reason, source: "heuristic" }];
      }
      case "forbidden":
        if (!judged.failover) return [];
        return rest(this.#scopeOf(judged, key, model, origin), forbiddenLadder, "heuristic");
      case "overloaded":
      case "server_error":
      case "network":
      case "timeout":
        if (judged.scope === "ip") return rest(this.#addressOf(key), providerLadder, "heuristic");
        return judged.scope === "request" ? [] : rest(originScope(origin), providerLadder, "heuristic");
      default:
        return [];
    }
  }

  #scopeOf({ scope, sharedBy }: Classification, key: LimitedKey, model: string | undefined, origin: string): ScopeId {
    if (scope === "ip") return this.#addressOf(key);
    if (scope === "provider") return originScope(origin);
    if (scope === "model" && model !== undefined) return modelScope(key.account.id, model);
    const shared = sharedBy === "account" || sharedBy === "project" || scope === "account" || scope === "model";
    return shared ? accountScope(key.account.id) : keyScope(key.account.provider.id, key.id);
  }

  #addressOf({ account }: LimitedKey): ScopeId {
    return addressScope(account.provider.id, this.#options.egress);
  }

  #ownerOf({ scope }: LimitTemplate, key: LimitedKey): ScopeId {
    if (scope === "ip") return this.#addressOf(key);
    return scope === "key" ? keyScope(key.account.provider.id, key.id) : accountScope(key.account.id);
  }

  #bucketOf(template: LimitTemplate, key: LimitedKey, model: string | undefined): Bucket {
    const owner = this.#ownerOf(template, key);
    const id = template.perModel ? `${owner}#${template.id}|${model}` : `${owner}#${template.id}`;
    const known = this.#buckets.get(id);
    // Two keys of one account may declare the same limit differently: the lower one holds.
    if (known !== undefined && known.limit <= template.limit) return known;
    const bucket = this.#makeBucket(id, template);
    this.#buckets.set(id, bucket);
    this.hasLimits = true;
    if (template.perModel && model !== undefined) this.#noteModel(owner, model);
    return bucket;
  }

  #noteModel(owner: ScopeId, model: string): void {
    const models = this.#modelsSeen.get(owner) ?? new Set();
    models.add(model);
    this.#modelsSeen.set(owner, models);
    if (models.size <= mostModels) return;
    const [oldest] = models as Set<string>;
    models.delete(oldest as string);
    for (const id of this.#buckets.keys()) {
      if (id.startsWith(`${owner}#`) && id.endsWith(`|${oldest}`)) this.#buckets.delete(id);
    }
  }

  #makeBucket(id: string, { dimension, limit, window }: LimitTemplate): Bucket {
    if (window.kind === "concurrency") {
      return { id, kind: "concurrency", dimension, limit, guardMs: this.#options.guardMs ?? placeGuardMs };
    }
    const windowMs = lengthOf({ window });
    const guardMs = this.#options.guardMs ?? defaultGuardMs(windowMs);
    if (window.kind !== "calendar") return { id, kind: window.kind, dimension, limit, windowMs, guardMs };
    const name = `${window.unit} ${window.timeZone}`;
    let shared = this.#calendars.get(name);
    if (shared === undefined) {
      const calendar = new Calendar(window.unit, window.timeZone);
      shared = { calendar, edges: calendar.edgesAt(this.#options.clock.wall()) };
      this.#calendars.set(name, shared);
      this.hasCalendars = true;
    }
    return { id, kind: "calendar", dimension, limit, edges: shared.edges, guardMs };
  }
}

/** Sets what a request is expected to use. More than a limit holds is asked as all of it: then nothing else may be counted. */
export function fillTokens(needs: readonly OwnNeed[], input: number, output: number): void {
  for (const need of needs) {
    const { dimension, limit } = need.bucket;
    const wanted = dimension === "inputTokens" ? input : dimension === "outputTokens" ? output : input + output;
    need.amount = Math.min(limit, Math.ceil(wanted));
  }
}
