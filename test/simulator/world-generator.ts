import type { StrategyName } from "../../src/named/strategies.ts";
import type { Limit } from "../../src/types.ts";
import { Draws } from "./draws.ts";
import { drawIncidents } from "./incident-generator.ts";
import { drawLimits, type LimitPlan } from "./limit-generator.ts";
import { drawLoads } from "./load-generator.ts";
import { allLimits, guardOf, type Network, type PlannedKey, type Purpose, type Requests, type World } from "./world.ts";

const strategies: readonly StrategyName[] = [
  "round_robin",
  "random",
  "weighted",
  "least_used",
  "fill_first",
  "least_busy",
  "lowest_latency",
];

const allModels = ["small-1", "small-2", "large-1", "large-2:free", "tiny:free", "vision-1"];

/** Moments around which clocks change, months end or nothing happens. */
const startWalls = [
  Date.UTC(2026, 2, 8, 6, 55),
  Date.UTC(2026, 10, 1, 5, 50),
  Date.UTC(2026, 2, 29, 0, 57),
  Date.UTC(2026, 9, 25, 0, 30),
  Date.UTC(2026, 1, 28, 23, 58),
  Date.UTC(2026, 11, 31, 23, 59, 30),
  Date.UTC(2026, 5, 17, 9, 13, 21, 345),
  Date.UTC(2028, 1, 28, 22),
];

const longestStoreDelayMs = 6;

/** Makes the world of a seed: the same one every time. */
export function generateWorld(seed: number, wanted?: Purpose): World {
  const draws = new Draws(seed);
  const purpose = wanted ?? draws.pick<Purpose>(["mixed", "mixed", "mixed", "saturated", "even"]);
  const plan = drawLimits(draws, purpose);
  const keys = drawKeys(draws, purpose, plan);
  const named = draws.chance(0.7) || plan.limits.some((limit) => limit.models !== undefined || limit.perModel);
  const models = named && purpose === "mixed" ? allModels.slice(0, draws.integer(1, allModels.length)) : [];
  const isNasty = draws.chance(0.15);
  const store = isNasty ? "nasty" : "memory";
  const guardMs = purpose === "mixed" && draws.chance(0.15) ? Math.round(draws.logBetween(10, 3000)) : undefined;
  const frame = { limits: plan.limits, keys, guardMs };
  const storeDelayMs = store === "nasty" ? draws.between(0.5, longestStoreDelayMs) : 0;
  const network = drawNetwork(draws, purpose, leastGuard(frame), plan, storeDelayMs);
  const startWall = draws.pick(startWalls) + draws.integer(0, 59_999);
  const requests = drawRequests(draws, purpose, plan, models);
  return {
    ...frame,
    seed,
    purpose,
    startWall,
    durationMs: plan.durationMs,
    strategy: purpose === "even" ? draws.pick<StrategyName>(["round_robin", "least_used"]) : draws.pick(strategies),
    store,
    storeDelayMs,
    timerLagMs: draws.chance(0.4) ? draws.between(0.5, 8) : 0,
    maxWaiting: purpose === "mixed" && draws.chance(0.1) ? draws.integer(1, 50) : undefined,
    network,
    requests,
    loads: drawLoads(draws, purpose, plan, requests, network, startWall),
    incidents: purpose === "mixed" && draws.chance(0.5) ? drawIncidents(draws, plan.durationMs, keys.length) : [],
  };
}

function leastGuard(frame: Pick<World, "limits" | "keys" | "guardMs">): number {
  const guards = allLimits(frame)
    .filter(({ concurrency }) => concurrency === undefined)
    .map((limit) => guardOf(frame, limit));
  return guards.length === 0 ? 100 : Math.min(...guards);
}

function drawNetwork(draws: Draws, purpose: Purpose, guardMs: number, plan: LimitPlan, storeDelayMs: number): Network {
  if (purpose === "mixed" && draws.chance(0.12)) {
    return { leastMs: draws.between(0, 50), spreadMs: guardMs * draws.between(1.5, 6) };
  }
  const roomMs = Math.max(0, guardMs - storeDelayMs) * 0.98;
  const spreadMs = roomMs * draws.random() * (draws.chance(0.3) ? 1 : 0.5);
  const hasCalendar = plan.limits.some(({ window }) => window === "calendar");
  const leastMs = hasCalendar ? (roomMs - spreadMs) * draws.random() : draws.logBetween(0.2, 400);
  return { leastMs: purpose === "mixed" ? leastMs : Math.min(leastMs, 40), spreadMs };
}

function drawKeys(draws: Draws, purpose: Purpose, plan: LimitPlan): PlannedKey[] {
  const tiers = purpose === "mixed" && draws.chance(0.2) ? 2 : 1;
  const perModel = purpose === "mixed" && draws.chance(0.2);
  const ownLimits = purpose !== "even" && draws.chance(0.2);
  return Array.from({ length: plan.accounts }, (_, account) => account).flatMap((account) => {
    const count = plan.keysPerAccount === 1 ? 1 : draws.integer(1, plan.keysPerAccount);
    const limits = ownLimits && draws.chance(0.3) ? changed(draws, plan.limits) : undefined;
    return Array.from({ length: count }, (_, place) => ({
      id: `key-${account}-${place}`,
      account: count > 1 || draws.chance(0.5) ? `account-${account}` : undefined,
      priority: tiers === 1 ? 0 : draws.integer(0, 1),
      weight: purpose === "mixed" ? draws.integer(1, 3) : 1,
      models: perModel && draws.chance(0.5) ? [draws.pick(["small-*", "large-*", "*:free", "*"])] : undefined,
      limits,
    }));
  });
}

/** Another amount of one of the pool's limits, the same for all keys of an account. */
function changed(draws: Draws, limits: readonly Limit[]): readonly Limit[] | undefined {
  const [limit] = limits.filter(({ requests, scope }) => requests !== undefined && scope !== "ip");
  if (limit?.requests === undefined) return undefined;
  return [{ ...limit, requests: Math.max(1, Math.round(limit.requests * draws.between(0.5, 2))) }];
}

function drawRequests(draws: Draws, purpose: Purpose, plan: LimitPlan, models: readonly string[]): Requests {
  const isMixed = purpose === "mixed";
  const sometimes = (most: number): number => (isMixed && draws.chance(0.3) ? draws.between(0, most) : 0);
  const thinkMs = Math.min(plan.windowMs * draws.between(0.001, 0.1), 20_000);
  const streamMs = Math.min(plan.windowMs * draws.between(0.001, 0.2), 60_000);
  const overrun = isMixed && plan.countsTokens && draws.chance(0.15);
  return {
    models,
    maxWaitMs:
      purpose === "mixed" ? (draws.chance(0.5) ? undefined : plan.windowMs * draws.between(0, 2)) : 2 * plan.durationMs,
    priorities: draws.chance(0.3) ? [0, 0, 1, 5] : [],
    deadlineShare: sometimes(0.5),
    abortShare: sometimes(0.3),
    unsentShare: sometimes(0.15),
    failureShare: sometimes(0.1),
    inputTokens: [1, Math.max(2, Math.round(plan.tokensPerRequest * 0.6))],
    outputTokens: [0, Math.max(2, Math.round(plan.tokensPerRequest * 0.6))],
    estimate: overrun ? [0.3, 1.2] : [1, draws.pick([1, 1.2, 2])],
    thinkMs: [thinkMs * draws.random(), thinkMs],
    streamMs: [0, draws.chance(0.3) ? 0 : streamMs],
  };
}
