import type { Draws } from "./draws.ts";
import type { LimitPlan } from "./limit-generator.ts";
import type { Load, Network, Purpose, Requests } from "./world.ts";

/** Draws how requests come. */
export function drawLoads(
  draws: Draws,
  purpose: Purpose,
  plan: LimitPlan,
  requests: Requests,
  network: Network,
  startWall: number,
): readonly Load[] {
  if (purpose === "saturated") return [clientsFor(plan, requests, network)];
  const everyMs = plan.durationMs / plan.offered;
  if (purpose === "even") return [{ kind: "steady", from: 0, to: plan.durationMs, everyMs }];
  const loads: Load[] = [];
  const kinds = draws.integer(1, 2);
  for (let part = 0; part < kinds; part++) {
    const from = part === 0 ? 0 : plan.durationMs * draws.between(0, 0.8);
    const to = from + (plan.durationMs - from) * draws.between(0.3, 1);
    loads.push(drawLoad(draws, plan, Math.ceil(plan.offered / kinds), from, to, startWall));
  }
  return loads;
}

function drawLoad(draws: Draws, plan: LimitPlan, offered: number, from: number, to: number, startWall: number): Load {
  const kind = draws.pick(["steady", "bursts", "herd", "clients"] as const);
  switch (kind) {
    case "steady":
      return { kind, from, to, everyMs: (to - from) / offered };
    case "bursts": {
      const times = draws.integer(1, 12);
      return { kind, from, to, everyMs: (to - from) / times, size: Math.ceil(offered / times) };
    }
    case "herd": {
      const at = resets(plan.windowMs, from, to, startWall, [-20, 0, 20]).slice(0, 12);
      return { kind, at, size: Math.ceil(offered / Math.max(1, at.length)) };
    }
    case "clients":
      return { kind, from, to, count: draws.integer(1, Math.min(60, offered)) };
  }
}

/** Where windows of that length begin on the wall, as most calendars see it, a little before and after included. */
function resets(windowMs: number, from: number, to: number, startWall: number, around: readonly number[]): number[] {
  const at: number[] = [];
  const first = windowMs - (startWall % windowMs);
  for (let reset = first; reset < to; reset += windowMs) if (reset >= from) at.push(...around.map((ms) => reset + ms));
  return at.length === 0 ? [from] : at.filter((time) => time >= 0);
}

/** So many that somebody always waits: all that fits at once, and those who wait for their answers meanwhile. */
function clientsFor(plan: LimitPlan, requests: Requests, { leastMs, spreadMs }: Network): Load {
  const holdMs = requests.thinkMs[1] + requests.streamMs[1] + 2 * (leastMs + spreadMs);
  const perWindow = plan.perWindow * plan.accounts * plan.keysPerAccount * 2;
  const count = Math.ceil(perWindow * (1 + holdMs / plan.windowMs) * 1.3) + 2;
  return { kind: "clients", from: 0, to: plan.durationMs, count: Math.min(count, 4000) };
}
