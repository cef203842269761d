import type { World } from "./world.ts";

/** What a world is, for people who look for what went wrong in it. */
export function describeWorld(world: World): string {
  const { keys, limits, network, requests, loads, incidents } = world;
  const accounts = new Set(keys.map(({ id, account }) => account ?? id)).size;
  const own = keys.filter((key) => key.limits !== undefined).length;
  const rest = {
    strategy: world.strategy,
    guardMs: world.guardMs ?? "default",
    store: world.store === "nasty" ? `nasty, ${world.storeDelayMs.toFixed(1)} ms` : "memory",
    timerLagMs: world.timerLagMs,
    maxWaiting: world.maxWaiting,
    network,
  };
  return [
    `seed ${world.seed}: a ${world.purpose} world from ${new Date(world.startWall).toISOString()} on, ${world.durationMs} ms long`,
    `${keys.length} keys of ${accounts} accounts, ${own} with limits of their own${own === 0 ? "" : `: ${line(keys.find((key) => key.limits !== undefined)?.limits)}`}`,
    ...limits.map((limit) => `limit ${line(limit)}`),
    line(rest),
    `requests ${line(requests)}`,
    ...loads.map((load) => `load ${line(load)}`),
    ...incidents.map((incident) => `incident ${line(incident)}`),
  ].join("\n");
}

function line(value: unknown): string {
  const text =
    JSON.stringify(value, (_, part) => (typeof part === "number" ? Math.round(part * 1000) / 1000 : part)) ?? "";
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}
