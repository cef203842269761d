import type { Clock, ScopeId } from "../types.ts";
import { amountVaries } from "./amounts.ts";
import { Calendar, type Edges } from "./calendar.ts";
import { CooldownPolicy, type CooldownPolicyOptions } from "./cooldown-policy.ts";
import type { OwnCandidate, OwnNeed } from "./key-candidate.ts";
import { countsModel, defaultGuardMs, type LimitTemplate, lengthOf, limitsOfKey } from "./limits.ts";
import { realName, type ServedModels } from "./model-names.ts";
import {
  KeyCandidate,
  type KeyTerms,
  type KeyTermsHome,
  ofTokens,
  ownerOf,
  type ScopedKey,
  scopesOf,
} from "./scopes.ts";
import type { Bucket, BucketTerms } from "./store.ts";

/** A key as its limits know it. */
export interface LimitedKey extends ScopedKey {
  readonly account: ScopedKey["account"] & {
    /** Limits that hold for each of its keys. */
    readonly limits: readonly LimitTemplate[];
  };
  readonly config: ScopedKey["config"] & {
    readonly limits: readonly LimitTemplate[] | undefined;
    readonly models?: ServedModels | undefined;
  };
}

export interface PoolLimitsOptions extends CooldownPolicyOptions {
  readonly clock: Clock;
  /** Overrides every window's guard, milliseconds. */
  readonly guardMs: number | undefined;
  /** Does the store answer at once, and ask for names only when it needs them? @default it is asked by names */
  readonly isStoreOurs?: boolean | undefined;
}

/** The permit of a request that was given up stays taken for so long, until its provider can know; milliseconds. */
const permitGuardMs = 1000;

/** Model names come from outside: so many are counted apart for one owner. */
const mostModels = 64;

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
 * Knows the declared limits and turns keys into what a store is asked for. Counts nothing itself: counting is the store's. A bucket
 * is found by its name, but for those of keys that have always been alone in their accounts: of them it is told once, and the name is
 * put together when something else is looked for that may be the same.
 */
export class PoolLimits implements KeyTermsHome {
  readonly policy: CooldownPolicy;
  readonly #options: PoolLimitsOptions;
  readonly #buckets = new Map<string, Bucket>();
  /** Those whose buckets were given out without a look for others of their names. */
  #unnamed: KeyCandidate[] = [];
  /** Has nobody asked yet for a bucket that may be one of those? Afterwards all are found by name. */
  isSole: boolean;
  readonly #terms = new Map<LimitTemplate, BucketTerms>();
  /** By the limits of a provider. */
  readonly #keyTerms = new Map<readonly LimitTemplate[], KeyTerms>();
  /** Models for which limits of one model each were counted, by owner. */
  readonly #modelsSeen = new Map<ScopeId, Set<string>>();
  readonly #calendars = new Map<string, SharedCalendar>();
  /** Is any limit counted, or was? */
  hasLimits = false;
  /** Is any counted by calendar? */
  hasCalendars = false;

  constructor(options: PoolLimitsOptions) {
    this.#options = options;
    this.policy = new CooldownPolicy(options);
    this.isSole = options.isStoreOurs === true;
  }

  /** The scopes whose cooldown stops a key for requests of any model. */
  scopesOf(key: LimitedKey): readonly ScopeId[] {
    return scopesOf(key, this.#options.egress, undefined);
  }

  /**
   * What must be free for this key to serve, with the scopes whose cooldown stops it.
   * @param model whose limits count, as requests name it: its provider's own name for it counts as well
   * @param coolsAlone may the model itself be in cooldown?
   */
  candidateFor(
    key: LimitedKey,
    model: string | undefined,
    coolsAlone = true,
  ): OwnCandidate & { needs: readonly OwnNeed[] } {
    const name = model === undefined || key.config.models === undefined ? model : realName(key.config.models, model);
    const needs = templatesOf(key, model, name).map((template) => ({
      // What counts each model apart counts what the provider counts, unless it was written for the name in requests.
      bucket: this.#bucketOf(template, key, name === model || countsModel(template, name) ? name : model),
      amount: 1,
    }));
    const scopes = scopesOf(key, this.#options.egress, coolsAlone ? name : undefined);
    return { scopes, needs, ofTokens: ofTokens(needs), memo: undefined };
  }

  /**
   * The same for requests of any model, of a key that has been alone in its account, under its first secret, and for which nothing was
   * asked so far.
   */
  firstCandidateFor(key: LimitedKey): OwnCandidate {
    const common = this.isSole ? this.#keyTermsOf(key) : undefined;
    if (common === undefined) return this.candidateFor(key, undefined);
    const candidate = new KeyCandidate(common, key);
    if (common.terms.length > 0) {
      this.#unnamed.push(candidate);
      this.hasLimits = true;
    }
    return candidate;
  }

  /** Everything counted for a key: its limits of all models, and of each model that was seen. */
  bucketsOf(key: LimitedKey): readonly LimitedBucket[] {
    if (this.hasCalendars) this.refresh(this.#options.clock.wall());
    const found: LimitedBucket[] = [];
    for (const template of limitsOfKey(key.account.limits, key.config.limits)) {
      const owner = ownerOf(template, key, this.#options.egress);
      const models = template.perModel ? (this.#modelsSeen.get(owner) ?? []) : [undefined];
      for (const model of models) {
        if (template.perModel && !countsModel(template, model)) continue;
        found.push({ template, model, bucket: this.#bucketOf(template, key, model) });
      }
    }
    return found;
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

  /** `undefined`: what counts an address is no key's own. */
  #keyTermsOf(key: LimitedKey): KeyTerms | undefined {
    const { account, config } = key;
    const known = config.limits === undefined ? this.#keyTerms.get(account.limits) : undefined;
    if (known !== undefined) return known;
    const templates = templatesOf(key, undefined, undefined);
    if (templates.some(({ scope }) => scope === "ip")) return undefined;
    const terms = templates.map((template) => this.#termsOf(template, key));
    const common: KeyTerms = {
      home: this,
      egress: this.#options.egress,
      templates,
      terms,
      amountsVary: terms.some(amountVaries),
    };
    if (config.limits === undefined) this.#keyTerms.set(account.limits, common);
    return common;
  }

  /** All buckets by name. From now on every one is found so. */
  #named(): Map<string, Bucket> {
    if (!this.isSole) return this.#buckets;
    this.isSole = false;
    for (const candidate of this.#unnamed) {
      for (const [place, terms] of candidate.terms.entries()) {
        const id = candidate.idOf(place);
        this.#buckets.set(id, bucketFrom(id, terms));
      }
    }
    this.#unnamed = [];
    return this.#buckets;
  }

  #bucketOf(template: LimitTemplate, key: LimitedKey, model: string | undefined): Bucket {
    const owner = ownerOf(template, key, this.#options.egress);
    const id = template.perModel ? `${owner}#${template.id}|${model}` : `${owner}#${template.id}`;
    // What counts an address, or one model, is no key's own.
    const buckets = template.scope === "ip" || template.perModel ? this.#buckets : this.#named();
    const known = buckets.get(id);
    // Two keys of one account may declare the same limit differently: the lower one holds.
    if (known !== undefined && known.limit <= template.limit) return known;
    const bucket = bucketFrom(id, this.#termsOf(template, key));
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

  #termsOf(template: LimitTemplate, { config }: LimitedKey): BucketTerms {
    // Limits of a key's own are not kept: they go with it.
    if (config.limits !== undefined) return this.#makeTerms(template);
    let terms = this.#terms.get(template);
    if (terms === undefined) {
      terms = this.#makeTerms(template);
      this.#terms.set(template, terms);
    }
    return terms;
  }

  #makeTerms(template: LimitTemplate): BucketTerms {
    const { dimension, limit, window } = template;
    const { kind } = window;
    const { guardMs } = this.#options;
    if (window.kind === "concurrency") {
      return { kind, dimension, limit, windowMs: undefined, edges: undefined, guardMs: guardMs ?? permitGuardMs };
    }
    const lengthMs = lengthOf({ window });
    const edges = window.kind === "calendar" ? this.#edgesOf(window.unit, window.timeZone) : undefined;
    const windowMs = edges === undefined ? lengthMs : undefined;
    return { kind, dimension, limit, windowMs, edges, guardMs: guardMs ?? defaultGuardMs(lengthMs) };
  }

  #edgesOf(unit: ConstructorParameters<typeof Calendar>[0], timeZone: string): Edges {
    const name = `${unit} ${timeZone}`;
    let shared = this.#calendars.get(name);
    if (shared === undefined) {
      const calendar = new Calendar(unit, timeZone);
      shared = { calendar, edges: calendar.edgesAt(this.#options.clock.wall()) };
      this.#calendars.set(name, shared);
      this.hasCalendars = true;
    }
    return shared.edges;
  }
}

/** The limits of a key that count requests for this model, under either of its names. */
function templatesOf(
  { account, config }: LimitedKey,
  model: string | undefined,
  name: string | undefined,
): readonly LimitTemplate[] {
  const templates = config.limits === undefined ? account.limits : limitsOfKey(account.limits, config.limits);
  return templates.every((template) => countsModel(template, model) || (name !== model && countsModel(template, name)))
    ? templates
    : templates.filter((template) => countsModel(template, model) || (name !== model && countsModel(template, name)));
}

function bucketFrom(id: string, { kind, dimension, limit, windowMs, edges, guardMs }: BucketTerms): Bucket {
  return { id, kind, dimension, limit, windowMs, edges, guardMs };
}
