import { countsModel } from "../../limits/limits.ts";
import { servesModel } from "../../limits/model-names.ts";
import { RecentMap } from "../../recent-map.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Account } from "../keys/pooled-key.ts";
import type { OrderContext, OrderingStrategy } from "../strategies/strategy.ts";
import { ReadySet } from "./ready-set.ts";
import type { OnlyThese, ReadySetKind } from "./ready-set-parts.ts";

/** Model names come from outside: ready sets for them are capped. With many accounts a ready set is large, so fewer are kept. */
const mostReadySets = 64;
const mostReadySetSlots = 1_000_000;

/** Finds the ready set of a request, and makes one where the rules for its model differ from the others'. */
export class ReadySets {
  readonly #pool: KeyPool;
  #strategy: OrderingStrategy;
  readonly #context: OrderContext;
  readonly #ofModels: RecentMap<ReadySet>;
  /** Ready sets dropped from the cache while somebody still waited in them. */
  readonly #waited = new Set<ReadySet>();
  /** Models that were put into cooldown on their own at least once. */
  readonly #cooledModels: RecentMap<true>;
  /** Which limits count a model, worked out once. */
  readonly #limitNames: RecentMap<string>;
  #limitsNamed = 0;
  readonly #made: (readySet: ReadySet) => void;
  readonly #cooling: () => Iterable<string>;
  #isHydrated = false;
  /** Has a model cooled on its own, or does the strategy look at models? */
  #tellsApart: boolean;
  /** Is there no other ready set? Spares the walk over ready sets in the usual case. */
  onlyGeneral = true;
  readonly general: ReadySet;

  /**
   * @param made told of every ready set that is new
   * @param cooling models that cool on their own already; asked for before the first request with a model
   */
  constructor(
    pool: KeyPool,
    strategy: OrderingStrategy,
    context: OrderContext,
    made: (readySet: ReadySet) => void,
    cooling: () => Iterable<string>,
  ) {
    this.#made = made;
    this.#cooling = cooling;
    this.#pool = pool;
    this.#strategy = strategy;
    this.#tellsApart = strategy.readsRequests === true;
    this.#context = context;
    this.general = new ReadySet(pool, strategy, context);
    made(this.general);
    const max = Math.max(4, Math.min(mostReadySets, Math.floor(mostReadySetSlots / Math.max(1, pool.accountCount))));
    this.#cooledModels = new RecentMap(mostReadySets * 16);
    this.#limitNames = new RecentMap(mostReadySets * 16);
    this.#ofModels = new RecentMap(max, (readySet) => {
      if (readySet.waiting > 0) this.#waited.add(readySet);
    });
  }

  useStrategy(strategy: OrderingStrategy): void {
    this.#strategy = strategy;
    this.#tellsApart ||= strategy.readsRequests === true;
    for (const readySet of this) readySet.useStrategy(strategy);
  }

  /** Must a request's model be known to find its ready set? */
  get needModel(): boolean {
    if (!this.#isHydrated) this.#hydrate();
    return this.#pool.hasModelRules || this.#pool.modelLimits.length > 0 || this.#tellsApart;
  }

  for(model: string | undefined, only?: OnlyThese): ReadySet {
    if (only !== undefined) return this.#of(only, model);
    if (model === undefined || !this.needModel) return this.general;
    const coolsAlone = this.#cooledModels.has(model);
    const isOwn = coolsAlone || this.#pool.hasModelRules;
    const limited = this.#pool.modelLimits.length === 0 ? "" : this.#limitsFor(model);
    if (!isOwn && limited === "") return this.general;
    return this.#named(isOwn ? `model ${model}` : limited, () => {
      return { model, coolsAlone: isOwn, accepts: (key) => servesModel(key.config.models, model) };
    });
  }

  /** Those of a model, whoever may serve it. */
  *ofModel(model: string): Generator<ReadySet> {
    yield this.for(model);
    for (const readySet of this) if (readySet.only !== undefined && readySet.model === model) yield readySet;
  }

  /** The part of a request's ready set that it may be served from. */
  #of(only: OnlyThese, model: string | undefined): ReadySet {
    const { coolsAlone } = this.for(model);
    const { account, provider } = only;
    return this.#named(`only ${JSON.stringify([account, provider])} ${coolsAlone} ${model ?? ""}`, () => ({
      model: this.for(model).model,
      coolsAlone,
      only,
      accepts: (key) =>
        (account === undefined || key.account.name === account) &&
        (provider === undefined || key.account.provider.provider.name === provider) &&
        (model === undefined || servesModel(key.config.models, model)),
    }));
  }

  #named(name: string, kind: () => ReadySetKind): ReadySet {
    let readySet = this.#ofModels.get(name);
    if (readySet === undefined) {
      readySet = new ReadySet(this.#pool, this.#strategy, this.#context, kind());
      this.#ofModels.set(name, readySet);
      this.onlyGeneral = false;
      this.#made(readySet);
    }
    return readySet;
  }

  #hydrate(): void {
    this.#isHydrated = true;
    for (const model of this.#cooling()) this.separate(model);
  }

  /** Names the limits that count a model; models with the same name may share a ready set. */
  #limitsFor(model: string): string {
    if (this.#limitsNamed !== this.#pool.modelLimits.length) {
      this.#limitNames.clear();
      this.#limitsNamed = this.#pool.modelLimits.length;
    }
    let name = this.#limitNames.get(model);
    if (name !== undefined) return name;
    const counting = this.#pool.modelLimits.filter((limit) => countsModel(limit, model));
    const isApart = counting.some(({ perModel }) => perModel);
    if (isApart) name = `model ${model}`;
    else if (counting.length === 0) name = "";
    else name = `limits ${counting.map((limit) => this.#pool.modelLimits.indexOf(limit)).join()}`;
    this.#limitNames.set(model, name);
    return name;
  }

  /** From now on this model has a ready set of its own. */
  separate(model: string): void {
    this.#tellsApart = true;
    this.#cooledModels.set(model, true);
  }

  /** From now on requests are asked for their models: one is in trouble. */
  askForModels(): void {
    this.#tellsApart = true;
  }

  *[Symbol.iterator](): Generator<ReadySet> {
    yield this.general;
    for (const readySet of this.#ofModels.values()) yield readySet;
    for (const readySet of this.#waited) {
      if (readySet.waiting === 0) this.#waited.delete(readySet);
      else yield readySet;
    }
  }

  joinAll(account: Account): void {
    for (const readySet of this) readySet.join(account);
  }

  leaveAll(slot: number): void {
    for (const readySet of this) readySet.leave(slot);
  }

  wakeAll(slot: number): void {
    for (const readySet of this) readySet.wake(slot);
  }
}
