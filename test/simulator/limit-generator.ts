import type { Limit, WindowName } from "../../src/types.ts";
import type { Draws } from "./draws.ts";
import type { Purpose } from "./world.ts";

export interface LimitPlan {
  readonly limits: readonly Limit[];
  readonly accounts: number;
  readonly keysPerAccount: number;
  /** The shortest window that counts requests or tokens; what times are measured by. */
  readonly windowMs: number;
  readonly durationMs: number;
  /** How many requests one account may make in the shortest window. */
  readonly perWindow: number;
  /** How many requests the world is about to see. */
  readonly offered: number;
  readonly tokensPerRequest: number;
  readonly countsTokens: boolean;
}

const timeZones = [
  "UTC",
  "America/Los_Angeles",
  "America/New_York",
  "Europe/Berlin",
  "Asia/Kolkata",
  "Australia/Lord_Howe",
];

const unitMs: Readonly<Record<WindowName, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 30 * 86_400_000,
};

type Shape = "rolling" | "calendar" | "anchored";

/** Draws what limits there are, and from that how large and how long the world is. */
export function drawLimits(draws: Draws, purpose: Purpose): LimitPlan {
  const accounts = draws.logInteger(1, purpose === "mixed" ? 120 : 60);
  const keysPerAccount = purpose !== "even" && draws.chance(0.35) ? draws.integer(2, 4) : 1;
  const offered = draws.logInteger(150, purpose === "saturated" ? 2500 : 1500);
  const windows = draws.integer(purpose === "saturated" ? 4 : 2, 12);
  const shape = drawShape(draws);
  const first = drawWindow(draws, shape, 1000, 86_400_000);
  // How much is asked for, as a multiple of what fits.
  const demand = purpose === "saturated" ? 1 : purpose === "even" ? draws.between(0.1, 0.5) : draws.logBetween(0.2, 6);
  const perWindow = Math.max(1, Math.round(offered / windows / demand / accounts));
  const tokensPerRequest = draws.logInteger(2, 4000);
  const scope = draws.chance(0.3) ? "key" : "account";
  const frame = { accounts, keysPerAccount, windowMs: first.windowMs, durationMs: first.windowMs * windows, offered };
  const base = { ...first.fields, id: "first", scope } as const;
  const isTokens = purpose !== "even" && draws.chance(0.3);
  const limits: Limit[] = [
    isTokens
      ? tokenLimit(draws, base, perWindow * tokensPerRequest, tokensPerRequest)
      : { ...base, requests: perWindow },
  ];
  const more = purpose === "even" ? 0 : draws.integer(0, purpose === "mixed" ? 3 : 1);
  for (let place = 0; place < more; place++) {
    limits.push(
      furtherLimit(draws, `more-${place}`, purpose, first.windowMs, perWindow, accounts, tokensPerRequest, scope),
    );
  }
  const countsTokens = limits.some(({ requests, concurrency }) => requests === undefined && concurrency === undefined);
  return { ...frame, limits, perWindow, tokensPerRequest, countsTokens };
}

function drawShape(draws: Draws): Shape {
  const drawn = draws.random();
  if (drawn < 0.6) return "rolling";
  if (drawn < 0.8) return "calendar";
  return "anchored";
}

function drawWindow(draws: Draws, shape: Shape, leastMs: number, mostMs: number): { fields: Limit; windowMs: number } {
  const units = (Object.keys(unitMs) as WindowName[]).filter((unit) => unitMs[unit] >= leastMs);
  if (shape === "calendar" && units.length > 0) {
    const per = draws.pick(units);
    const timeZone = draws.chance(0.2) ? undefined : draws.pick(timeZones);
    return { fields: { per, window: shape, timeZone }, windowMs: unitMs[per] };
  }
  const named = units.filter((unit) => unitMs[unit] <= mostMs);
  const per = draws.chance(0.4) && named.length > 0 ? draws.pick(named) : Math.round(draws.logBetween(leastMs, mostMs));
  const window = shape === "anchored" ? shape : draws.pick(["rolling", undefined] as const);
  return { fields: { per, window }, windowMs: typeof per === "number" ? per : unitMs[per] };
}

function furtherLimit(
  draws: Draws,
  id: string,
  purpose: Purpose,
  windowMs: number,
  perWindow: number,
  accounts: number,
  tokensPerRequest: number,
  baseScope: "key" | "account",
): Limit {
  const isMixed = purpose === "mixed";
  const scope = !isMixed ? baseScope : draws.pick(["key", "account", "account", "ip"] as const);
  const subjects = scope === "ip" ? accounts : 1;
  const models = isMixed && draws.chance(0.25) ? draws.pick(["*:free", "small-*", ["large-1", "tiny*"]]) : undefined;
  const perModel = isMixed && draws.chance(0.25) ? true : undefined;
  const common = { id, scope, models, perModel };
  if (draws.chance(0.25)) {
    return { ...common, concurrency: Math.max(1, Math.round(draws.logBetween(1, Math.max(2, perWindow * subjects)))) };
  }
  const { fields, windowMs: longerMs } = drawWindow(draws, drawShape(draws), windowMs * 2, windowMs * 30);
  const share = draws.between(0.4, 1.2) * (isMixed ? 1 : 0.8);
  const requests = Math.max(1, Math.round(perWindow * subjects * Math.max(1, (longerMs / windowMs) * share)));
  const base = { ...common, ...fields };
  if (draws.chance(0.3)) return tokenLimit(draws, base, requests * tokensPerRequest, tokensPerRequest);
  return { ...base, requests };
}

/** Large enough for the largest request there is, estimates included. */
function tokenLimit(draws: Draws, base: Limit, amount: number, tokensPerRequest: number): Limit {
  const atLeast = Math.ceil(tokensPerRequest * 2.6);
  const dimension = draws.pick(["tokens", "tokens", "inputTokens", "outputTokens"] as const);
  return { ...base, [dimension]: Math.max(atLeast, Math.round(amount * (dimension === "tokens" ? 1 : 0.5))) };
}
