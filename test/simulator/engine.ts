import { MemoryStore } from "../../src/limits/memory/memory-store.ts";
import { KeyRotator } from "../../src/named/key-rotator.ts";
import type { RotatorOptions } from "../../src/named/options.ts";
import type { KeyConfig } from "../../src/pool/keys/key-config.ts";
import { NastyStore } from "../../src/testing/nasty-store.ts";
import { newSecret } from "../support/test-keys.ts";
import { ClearRoom } from "./clear-room.ts";
import { Draws } from "./draws.ts";
import { KeyStates } from "./key-states.ts";
import { newRun, type Run } from "./run.ts";
import { SimulatedClients } from "./simulated-clients.ts";
import { SimulatedProvider } from "./simulated-provider.ts";
import { SimulatedTime } from "./simulated-time.ts";
import type { Load, PlannedKey, World } from "./world.ts";

export interface SimulateOptions {
  /** Breaks the rotator on purpose, to see whether that is noticed. @default nothing is broken */
  readonly sabotage?: ((options: RotatorOptions) => RotatorOptions) | undefined;
}

/** A world that makes more requests than this goes on for ever. */
const mostRequests = 5_000;
/** Everybody has been answered; what the rotator does in the background is over after so long. */
const quietMs = 500;

const asTheyAre = (options: RotatorOptions): RotatorOptions => options;

/** Lets a world happen, in its own time. */
export async function simulate(world: World, { sabotage = asTheyAre }: SimulateOptions = {}): Promise<Run> {
  const startedAt = performance.now();
  const run = newRun();
  const draws = new Draws(world.seed ^ 0x5eed);
  const libraryDraws = new Draws(world.seed ^ 0x11b);
  const isNasty = world.store === "nasty";
  const time = new SimulatedTime({
    startWall: world.startWall,
    timerLagMs: world.timerLagMs,
    random: new Draws(world.seed ^ 0x7135).random,
    settlesSlowly: isNasty,
  });
  const { random } = libraryDraws;
  const store = isNasty
    ? new NastyStore({ clock: time, random, latency: "milliseconds", maxLatency: world.storeDelayMs })
    : new MemoryStore({ clock: time, random });
  const secrets = new Map(world.keys.map((key) => [key.id, newSecret()]));
  const configOf = (key: PlannedKey): KeyConfig => ({ ...key, secret: secrets.get(key.id) as string });
  const options: RotatorOptions = {
    keys: world.keys.map(configOf),
    limits: world.limits,
    strategy: world.strategy,
    guardMs: world.guardMs,
    maxWaitMs: world.requests.maxWaitMs,
    maxWaiting: world.maxWaiting,
    store,
    clock: time,
    random,
  };
  const rotator = new KeyRotator(sabotage(options));
  const provider = new SimulatedProvider(world);
  const states = new KeyStates();
  const room = new ClearRoom(world, states, run);
  const clients = new SimulatedClients({ world, time, draws, rotator, provider, run, room });
  for (const incident of world.incidents) {
    const place = "key" in incident ? "machine" : "world";
    time.plan(incident.at, place, () => {
      if (incident.kind === "set clock") time.setWall(incident.byMs);
      else if (incident.kind === "sleep") time.sleep(incident.forMs, incident.monotonicStops);
      else states.happen(incident, configOf(world.keys[incident.key] as PlannedKey), rotator);
    });
  }
  for (const load of world.loads) new LoadSource(load, time, draws, clients, run).begin();
  watchForIdling(world, time, rotator, run);
  await time.run(() => clients.open === 0 && time.planned === 0).catch((error) => run.unexpected.push(String(error)));
  const left = { waiting: rotator.waiting, inFlight: rotator.inFlight };
  const quietFrom = Math.max(time.now, time.awakeFrom);
  // Timers may end what they do soon after the last answer; none may go on.
  await time.run(() => time.now > quietFrom + quietMs).catch((error) => run.unexpected.push(String(error)));
  run.lost = clients.open;
  run.left = { ...left, timers: time.pendingTimers };
  await rotator.close();
  run.events = time.events;
  run.tookMs = performance.now() - startedAt;
  return run;
}

/** In a saturated world somebody always waits; where that is not so, its use says nothing. */
function watchForIdling({ purpose, durationMs }: World, time: SimulatedTime, rotator: KeyRotator, run: Run): void {
  if (purpose !== "saturated") return;
  const stepMs = durationMs / 200;
  for (let step = 1; step <= 200; step++) {
    time.plan(step * stepMs - 0.001, "world", () => {
      if (rotator.waiting === 0) run.idleMs += stepMs;
    });
  }
}

/** Makes requests as a load says. */
class LoadSource {
  readonly #load: Load;
  readonly #time: SimulatedTime;
  readonly #draws: Draws;
  readonly #clients: SimulatedClients;
  readonly #run: Run;

  constructor(load: Load, time: SimulatedTime, draws: Draws, clients: SimulatedClients, run: Run) {
    this.#load = load;
    this.#time = time;
    this.#draws = draws;
    this.#clients = clients;
    this.#run = run;
  }

  begin(): void {
    const load = this.#load;
    switch (load.kind) {
      case "steady":
        this.#next(load.from, load.to, () => this.#draws.exponential(load.everyMs), 1);
        return;
      case "bursts":
        this.#next(load.from, load.to, () => load.everyMs, load.size);
        return;
      case "herd":
        for (const at of load.at) this.#many(at, load.size);
        return;
      case "clients":
        for (let client = 0; client < load.count; client++) {
          this.#time.plan(load.from, "machine", () => this.#loop(load.to));
        }
    }
  }

  #next(at: number, to: number, gap: () => number, size: number): void {
    if (at >= to || this.#run.asked >= mostRequests) return;
    this.#time.plan(at, "world", () => this.#next(at + gap(), to, gap, size));
    this.#many(at, size);
  }

  #many(at: number, size: number): void {
    for (let count = 0; count < size; count++) this.#time.plan(at, "machine", () => this.#clients.ask());
  }

  #loop(to: number): void {
    if (this.#time.now >= to || this.#run.asked >= mostRequests) return;
    this.#clients.ask((waitMs) => this.#time.plan(this.#time.now + waitMs, "machine", () => this.#loop(to)));
  }
}
