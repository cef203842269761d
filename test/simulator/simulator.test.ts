import { describe, expect, it } from "vitest";
import type { RotatorOptions } from "../../src/named/options.ts";
import type { KeyConfig } from "../../src/pool/keys/key-config.ts";
import { describeWorld } from "./description.ts";
import { simulate } from "./engine.ts";
import { newRun } from "./run.ts";
import { judge, type Verdict } from "./verdicts.ts";
import type { Purpose, World } from "./world.ts";
import { generateWorld } from "./world-generator.ts";

const worlds = Number(process.env["SIMULATOR_WORLDS"] ?? 8);
/** So many worlds are looked at to see whether the simulator notices a broken rotator. */
const sabotaged = Number(process.env["SIMULATOR_SABOTAGED"] ?? 8);

function report(world: World, { complaints }: Verdict): string {
  return [...complaints, describeWorld(world), `npm run simulate -- --seed ${world.seed}`].join("\n");
}

async function complaintsAbout(
  purpose: Purpose,
  isFit: (world: World) => boolean,
  sabotage: (options: RotatorOptions, world: World) => Partial<RotatorOptions>,
): Promise<string[][]> {
  const found: string[][] = [];
  for (let seed = 1; found.length < sabotaged; seed++) {
    const world = generateWorld(seed, purpose);
    if (!isFit(world)) continue;
    const broken = (options: RotatorOptions): RotatorOptions => ({ ...options, ...sabotage(options, world) });
    found.push([...judge(world, await simulate(world, { sabotage: broken })).complaints]);
  }
  return found;
}

const ofRequests = ({ limits, keys }: World): boolean =>
  limits.every(({ requests }) => requests !== undefined && requests >= 5) &&
  keys.every((key) => key.limits === undefined);

describe("generateWorld", () => {
  it("makes the same world of the same seed, and what happens in it is the same", async () => {
    const runs = [];
    for (let time = 0; time < 2; time++) {
      const world = generateWorld(38);
      const { grants, asked, exhausted, events } = await simulate(world);
      runs.push({ world, grants, asked, exhausted, events });
    }
    expect(runs[1]).toEqual(runs[0]);
  });
});

describe("KeyRotator", () => {
  it(`keeps its promises in ${worlds} random worlds`, { timeout: Math.max(300_000, worlds * 3000) }, async () => {
    const wrong: string[] = [];
    for (let seed = 1; seed <= worlds && wrong.length < 5; seed++) {
      const world = generateWorld(seed);
      const verdict = judge(world, await simulate(world));
      if (verdict.complaints.length > 0) wrong.push(report(world, verdict));
    }
    expect(wrong.join("\n\n")).toBe("");
  });
});

describe("judge", { timeout: 60_000 }, () => {
  it("sees overshoots of a rotator that keeps no guard while delays vary", async () => {
    const found = await complaintsAbout(
      "mixed",
      ({ network }) => network.spreadMs > 10,
      () => ({ guardMs: 0 }),
    );
    expect(found.flat().filter((complaint) => complaint.includes("overshoots")).length).toBeGreaterThanOrEqual(
      sabotaged / 4,
    );
  });

  it("sees overshoots of a rotator that believes limits to be a little higher", async () => {
    const found = await complaintsAbout("saturated", ofRequests, (_, { limits }) => ({
      limits: limits.map((limit) => ({ ...limit, requests: Math.ceil((limit.requests as number) * 1.05) })),
    }));
    for (const complaints of found) expect(complaints.join()).toContain("overshoots");
  });

  it("sees what a rotator leaves unused", async () => {
    const found = await complaintsAbout("saturated", ofRequests, (_, { limits }) => ({
      limits: limits.map((limit) => ({ ...limit, requests: Math.floor((limit.requests as number) * 0.9) })),
    }));
    for (const complaints of found) expect(complaints.join()).toContain("fitted");
  });

  it("sees requests refused although a key had room, and keys that are never used", async () => {
    const isFit = ({ keys, limits, incidents, requests, maxWaiting }: World): boolean =>
      keys.length > 8 && limits.length === 1 && incidents.length === 0 && requests.failureShare === 0 && !maxWaiting;
    const half = ({ keys }: RotatorOptions): Partial<RotatorOptions> => {
      const all = keys as readonly KeyConfig[];
      return { keys: all.slice(0, Math.ceil(all.length / 2)) };
    };
    const refused = await complaintsAbout("mixed", isFit, half);
    expect(refused.flat().filter((complaint) => complaint.includes("had room")).length).toBeGreaterThanOrEqual(
      sabotaged / 4,
    );
    const unused = await complaintsAbout("saturated", ofRequests, half);
    expect(unused.flat().join()).toContain("had served 0 requests");
  });

  it("sees that accounts are not served alike", async () => {
    const isFit = ({ keys, durationMs, loads }: World): boolean =>
      keys.length > 4 && loads.every((load) => load.kind === "steady" && durationMs / load.everyMs > keys.length * 10);
    const found = await complaintsAbout("even", isFit, () => ({ strategy: "fill_first" }));
    expect(found.flat().filter((complaint) => complaint.includes("equal share")).length).toBeGreaterThan(sabotaged);
  });

  it("sees requests that are never answered, and timers that are left", () => {
    const world = generateWorld(1, "mixed");
    const run = { ...newRun(), lost: 2, left: { waiting: 1, inFlight: 0, timers: 3 } };
    expect(judge(world, run).complaints).toHaveLength(2);
  });
});
