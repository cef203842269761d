import { countsModel } from "../../limits/limits.ts";
import { matchesModel } from "../../limits/model-pattern.ts";
import { RecentMap } from "../../recent-map.ts";
import type { Account, KeyPool, PooledKey } from "../keys/key-pool.ts";
import type { OrderContext, OrderingStrategy } from "../strategies/strategy.ts";
import { Lane } from "./ready-set.ts";

/** Model names come from outside: lanes for them are capped. With many accounts a lane is large, so fewer are kept. */
const mostLanes = 64;
const mostLaneSlots = 1_000_000;

function serves(key: PooledKey, model: string): boolean {
  const { models } = key.config;
  return models === undefined || models.some((pattern) => matchesModel(pattern, model));
}

/** Finds the lane of a request, and makes one where the rules for its model differ from the others'. */
export class Lanes {
  readonly #pool: KeyPool;
  #strategy: OrderingStrategy;
  readonly #context: OrderContext;
  readonly #ofModels: RecentMap<Lane>;
  /** Lanes dropped from the cache while somebody still waited in them. */
  readonly #waited = new Set<Lane>();
  /** Models that were put to rest on their own at least once. */
  readonly #cooledModels: RecentMap<true>;
  /** Which limits count a model, worked out once. */
  readonly #limitNames: RecentMap<string>;
  #limitsNamed = 0;
  readonly #made: (lane: Lane) => void;
  readonly #cooling: () => Iterable<string>;
  #isHydrated = false;
  #hasCooled = false;
  /** Is there no other lane? Spares the walk over lanes in the usual case. */
  onlyGeneral = true;
  readonly general: Lane;

  /**
   * @param made told of every lane that is new
   * @param cooling models that cool on their own already; asked for before the first request with a model
   */
  constructor(
    pool: KeyPool,
    strategy: OrderingStrategy,
    context: OrderContext,
    made: (lane: Lane) => void,
    cooling: () => Iterable<string>,
  ) {
    this.#made = made;
    this.#cooling = cooling;
    this.#pool = pool;
    this.#strategy = strategy;
    this.#context = context;
    this.general = new Lane(pool, strategy, context);
    made(this.general);
    const max = Math.max(4, Math.min(mostLanes, Math.floor(mostLaneSlots / Math.max(1, pool.accountCount))));
    this.#cooledModels = new RecentMap(mostLanes * 16);
    this.#limitNames = new RecentMap(mostLanes * 16);
    this.#ofModels = new RecentMap(max, (lane) => {
      if (lane.waiting > 0) this.#waited.add(lane);
    });
  }

  useStrategy(strategy: OrderingStrategy): void {
    this.#strategy = strategy;
    for (const lane of this) lane.useStrategy(strategy);
  }

  /** Must a request's model be known to find its lane? */
  get needModel(): boolean {
    if (!this.#isHydrated) this.#hydrate();
    return this.#pool.hasModelRules || this.#pool.modelLimits.length > 0 || this.#hasCooled;
  }

  for(model: string | undefined): Lane {
    if (model === undefined || !this.needModel) return this.general;
    const restsAlone = this.#cooledModels.has(model);
    const isOwn = restsAlone || this.#pool.hasModelRules;
    const limited = this.#pool.modelLimits.length === 0 ? "" : this.#limitsFor(model);
    if (!isOwn && limited === "") return this.general;
    const name = isOwn ? `model ${model}` : limited;
    let lane = this.#ofModels.get(name);
    if (lane === undefined) {
      const kind = { model, restsAlone: isOwn, accepts: (key: PooledKey) => serves(key, model) };
      lane = new Lane(this.#pool, this.#strategy, this.#context, kind);
      this.#ofModels.set(name, lane);
      this.onlyGeneral = false;
      this.#made(lane);
    }
    return lane;
  }

  #hydrate(): void {
    this.#isHydrated = true;
    for (const model of this.#cooling()) this.separate(model);
  }

  /** Names the limits that count a model; models with the same name may share a lane. */
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

  /** From now on this model has a lane of its own. */
  separate(model: string): void {
    this.#hasCooled = true;
    this.#cooledModels.set(model, true);
  }

  *[Symbol.iterator](): Generator<Lane> {
    yield this.general;
    for (const lane of this.#ofModels.values()) yield lane;
    for (const lane of this.#waited) {
      if (lane.waiting === 0) this.#waited.delete(lane);
      else yield lane;
    }
  }

  joinAll(account: Account): void {
    for (const lane of this) lane.join(account);
  }

  leaveAll(slot: number): void {
    for (const lane of this) lane.leave(slot);
  }

  wakeAll(slot: number): void {
    for (const lane of this) lane.wake(slot);
  }
}
