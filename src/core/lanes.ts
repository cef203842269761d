import { LRUCache } from "lru-cache";
import type { OrderContext, OrderingStrategy } from "../strategies/strategy.ts";
import type { Account, KeyPool, PooledKey } from "./key-pool.ts";
import { Lane } from "./lane.ts";

/** Model names come from outside: lanes for them are capped. With many accounts a lane is large, so fewer are kept. */
const mostLanes = 64;
const mostLaneSlots = 1_000_000;

/** `*` stands for any run of characters. Linear in both lengths. */
export function matchesModel(pattern: string, model: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] as string;
  if (parts.length === 1) return pattern === model;
  if (!model.startsWith(first)) return false;
  let from = first.length;
  for (let place = 1; place < parts.length - 1; place++) {
    const part = parts[place] as string;
    const found = model.indexOf(part, from);
    if (found === -1) return false;
    from = found + part.length;
  }
  const last = parts[parts.length - 1] as string;
  return model.length - last.length >= from && model.endsWith(last);
}

function serves(key: PooledKey, model: string): boolean {
  const { models } = key.config;
  return models === undefined || models.some((pattern) => matchesModel(pattern, model));
}

/** Finds the lane of a request, and makes one where the rules for its model differ from the others'. */
export class Lanes {
  readonly #pool: KeyPool;
  readonly #strategy: OrderingStrategy;
  readonly #context: OrderContext;
  readonly #ofModels: LRUCache<string, Lane>;
  /** Lanes dropped from the cache while somebody still waited in them. */
  readonly #waited = new Set<Lane>();
  /** Models that were put to rest on their own at least once. */
  readonly #cooledModels: LRUCache<string, true>;
  readonly general: Lane;

  constructor(pool: KeyPool, strategy: OrderingStrategy, context: OrderContext) {
    this.#pool = pool;
    this.#strategy = strategy;
    this.#context = context;
    this.general = new Lane(pool, strategy, context);
    const max = Math.max(4, Math.min(mostLanes, Math.floor(mostLaneSlots / Math.max(1, pool.accountCount))));
    this.#cooledModels = new LRUCache({ max: mostLanes * 16 });
    this.#ofModels = new LRUCache({
      max,
      dispose: (lane) => {
        if (lane.waiting.size > 0) this.#waited.add(lane);
      },
    });
  }

  /** Must a request's model be known to find its lane? */
  get needModel(): boolean {
    return this.#pool.hasModelRules || this.#cooledModels.size > 0;
  }

  for(model: string | undefined): Lane {
    if (model === undefined || !this.needModel) return this.general;
    if (!this.#pool.hasModelRules && !this.#cooledModels.has(model)) return this.general;
    let lane = this.#ofModels.get(model);
    if (lane === undefined) {
      lane = new Lane(this.#pool, this.#strategy, this.#context, model, (key) => serves(key, model));
      this.#ofModels.set(model, lane);
    }
    return lane;
  }

  /** From now on this model has a lane of its own. */
  separate(model: string): void {
    this.#cooledModels.set(model, true);
  }

  *[Symbol.iterator](): Generator<Lane> {
    yield this.general;
    for (const lane of this.#ofModels.values()) yield lane;
    for (const lane of this.#waited) {
      if (lane.waiting.size === 0) this.#waited.delete(lane);
      else yield lane;
    }
  }

  /** One or many? Spares the walk over lanes in the usual case. */
  get onlyGeneral(): boolean {
    return this.#ofModels.size === 0 && this.#waited.size === 0;
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
