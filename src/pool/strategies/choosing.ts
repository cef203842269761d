import type { TokenEstimate } from "../../types.ts";
import { SlotRing } from "./slot-ring.ts";
import type {
  ChoosingStrategy,
  OrderContext,
  OrderedRequest,
  OrderingStrategy,
  ReadyKey,
  ReadyOrder,
  StrategyRequest,
} from "./strategy.ts";

const noTags = Object.freeze({});
const noTokens: TokenEstimate = Object.freeze({});

/** Nothing of a request but what a choice may depend on. */
function seen(request: OrderedRequest | undefined): StrategyRequest {
  const { model, affinity, priority = 0, tags = noTags, tokens } = request ?? {};
  let estimate: TokenEstimate | undefined;
  return {
    model,
    affinity,
    priority,
    tags,
    get tokens() {
      estimate ??= (typeof tokens === "function" ? tokens() : tokens) ?? noTokens;
      return estimate;
    },
  };
}

class ChosenOrder implements ReadyOrder {
  readonly #ring = new SlotRing();
  readonly #strategy: ChoosingStrategy;
  readonly #context: OrderContext;
  readonly #onFailure: (error: unknown) => void;

  constructor(strategy: ChoosingStrategy, context: OrderContext, onFailure: (error: unknown) => void) {
    this.#strategy = strategy;
    this.#context = context;
    this.#onFailure = onFailure;
  }

  get size(): number {
    return this.#ring.size;
  }

  add(slot: number): void {
    this.#ring.add(slot);
  }

  remove(slot: number): void {
    this.#ring.remove(slot);
  }

  first(request?: OrderedRequest): number {
    if (this.#ring.size === 0) return -1;
    const slots: number[] = [];
    this.#ring.collect(this.#ring.size, slots);
    const views: ReadyKey[] = slots.map((slot) => this.#context.groups.view(slot));
    try {
      const chosen = this.#strategy.choose(views, seen(request));
      const place = views.findIndex((view) => view.id === chosen?.id);
      if (place >= 0) return slots[place] as number;
      this.#onFailure(new TypeError(`Strategy \`${this.#strategy.name}\` did not return one of the ready keys`));
    } catch (error) {
      this.#onFailure(error);
    }
    return slots[0] as number;
  }

  list(max: number, request?: OrderedRequest): number[] {
    const first = this.first(request);
    if (first === -1) return [];
    const slots: number[] = [];
    this.#ring.collect(max, slots);
    return [first, ...slots.filter((slot) => slot !== first)].slice(0, max);
  }

  took(slot: number): void {
    this.#ring.turn(slot);
  }
}

/** Gives a user's `choose` the shape of a built-in strategy; a failure of it is told and never reaches a request. */
export function fromChoice(strategy: ChoosingStrategy, onFailure: (error: unknown) => void): OrderingStrategy {
  return {
    name: strategy.name,
    readsRequests: true,
    createOrder: (context) => new ChosenOrder(strategy, context, onFailure),
  };
}
