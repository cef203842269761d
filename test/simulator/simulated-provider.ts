import type { LimitTicket } from "../../src/testing/limits/judge-log.ts";
import { LimitJudge, type LimitVerdict } from "../../src/testing/limits/limit-judge.ts";
import type { ProviderLimit } from "../../src/testing/limits/provider-limit.ts";
import type { Limit } from "../../src/types.ts";
import { limitsFor, type PlannedKey, type World } from "./world.ts";

export interface Arrival {
  readonly key: PlannedKey;
  readonly model: string | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface Counted {
  readonly own: LimitTicket;
  readonly shared: LimitTicket | undefined;
}

export type Decision =
  | { readonly counted: Counted; readonly refusedBy?: undefined }
  | { readonly counted?: undefined; readonly refusedBy: ProviderLimit; readonly retryAfterMs: number | null };

/** A provider with exact limits: one judge for what accounts and keys use, one for what comes from this address. */
export class SimulatedProvider {
  readonly #own = new LimitJudge();
  readonly #shared = new LimitJudge();
  readonly #limits = new Map<PlannedKey, { readonly own: ProviderLimit[]; readonly shared: ProviderLimit[] }>();

  constructor(world: World) {
    const made = new Map<Limit, ProviderLimit>();
    const providerLimit = (limit: Limit): ProviderLimit => {
      const known = made.get(limit) ?? asProviderLimit(limit);
      made.set(limit, known);
      return known;
    };
    for (const key of world.keys) {
      const limits = limitsFor(world, key);
      this.#limits.set(key, {
        own: limits.filter(({ scope }) => scope !== "ip").map(providerLimit),
        shared: limits.filter(({ scope }) => scope === "ip").map(providerLimit),
      });
    }
  }

  arrive(arrival: Arrival, at: number, wall: number): Decision {
    const { own, shared } = this.#limits.get(arrival.key) as { own: ProviderLimit[]; shared: ProviderLimit[] };
    const { key, model, inputTokens, outputTokens } = arrival;
    const use = { at, wall, model, inputTokens, outputTokens };
    const fromHere =
      shared.length === 0 ? undefined : this.#shared.arrive({ ...use, key: "all", account: "here", limits: shared });
    if (fromHere?.allowed === false) return refusal(fromHere);
    const verdict = this.#own.arrive({ ...use, key: key.id, account: key.account, limits: own });
    if (verdict.allowed) return { counted: { own: verdict.ticket, shared: fromHere?.ticket } };
    if (fromHere !== undefined) this.#shared.finish(fromHere.ticket, at);
    return refusal(verdict);
  }

  finish({ own, shared }: Counted, at: number): void {
    this.#own.finish(own, at);
    if (shared !== undefined) this.#shared.finish(shared, at);
  }
}

function refusal({ by, retryAfterMs }: Extract<LimitVerdict, { allowed: false }>): Decision {
  return { refusedBy: by.limit, retryAfterMs };
}

function asProviderLimit(limit: Limit): ProviderLimit {
  const { scope, ...rest } = limit;
  return { ...rest, scope: scope === "key" ? "key" : "account" };
}
