import { modelMatcher } from "../../src/testing/limits/model-pattern.ts";
import type { Limit } from "../../src/types.ts";
import type { KeyStates } from "./key-states.ts";
import type { Grant, Run } from "./run.ts";
import {
  accountOf,
  allLimits,
  amountOf,
  countsTokens,
  guardOf,
  limitsFor,
  type PlannedKey,
  type World,
  windowOf,
} from "./world.ts";

/** Looking through all keys takes long: so many refusals of a world are looked at. */
const mostChecks = 40;
const everyOnce = 7;

/**
 * Was a request refused although a key had room beyond doubt? Looks only at worlds in which that can be told: where nothing
 * makes keys rest, where no place stays taken for a while, where clocks go on as they should, where a key is given out in the moment it is taken, and where no large request may hold up a small one.
 */
export class ClearRoom {
  readonly #world: World;
  readonly #states: KeyStates;
  readonly #run: Run;
  readonly #applies: boolean;
  readonly #matches = new Map<Limit, (model: string | undefined) => boolean>();
  #asked = 0;
  #checked = 0;

  constructor(world: World, states: KeyStates, run: Run) {
    this.#world = world;
    this.#states = states;
    this.#run = run;
    this.#applies =
      world.store === "memory" &&
      world.requests.failureShare === 0 &&
      !(world.requests.abortShare > 0 && allLimits(world).some(({ concurrency }) => concurrency !== undefined)) &&
      world.incidents.every(({ kind }) => kind !== "set clock" && kind !== "sleep") &&
      allLimits(world).every((limit) => !countsTokens(limit));
  }

  /** The key that could have served a request for this model now. */
  unused(model: string | undefined, now: number): string | undefined {
    if (!this.#applies || this.#run.overshoots.length > 0) return undefined;
    if (this.#asked++ % everyOnce !== 0 || this.#checked++ >= mostChecks) return undefined;
    const found = this.#world.keys.find((key, place) => this.#states.isInUse(place) && this.#hasRoom(key, model, now));
    return found?.id;
  }

  #hasRoom(key: PlannedKey, model: string | undefined, now: number): boolean {
    if (key.models !== undefined && !modelMatcher(key.models)(model)) return false;
    return limitsFor(this.#world, key).every((limit) => {
      if (!this.#covers(limit, model)) return true;
      const sinceMs = limit.concurrency === undefined ? 2 * windowOf(limit) + 10_000 : Number.POSITIVE_INFINITY;
      let used = 0;
      for (let place = this.#run.grants.length - 1; place >= 0; place--) {
        const grant = this.#run.grants[place] as Grant;
        if (grant.at < now - sinceMs) break;
        if (limit.concurrency !== undefined && grant.endedAt !== 0) continue;
        if (!this.#counts(limit, key, model, grant)) continue;
        if (limit.window === "anchored" && this.#mayEndNow(limit, now - grant.at)) return false;
        used++;
      }
      return used < amountOf(limit);
    });
  }

  /** Around the end of a window that this grant may have opened nothing is given out, because it might open the next unseen. */
  #mayEndNow(limit: Limit, ageMs: number): boolean {
    const { leastMs, spreadMs } = this.#world.network;
    return Math.abs(ageMs - windowOf(limit)) <= guardOf(this.#world, limit) + leastMs + spreadMs;
  }

  #covers(limit: Limit, model: string | undefined): boolean {
    let matches = this.#matches.get(limit);
    if (matches === undefined) {
      matches = modelMatcher(limit.models);
      this.#matches.set(limit, matches);
    }
    return matches(model);
  }

  #counts(limit: Limit, key: PlannedKey, model: string | undefined, grant: Grant): boolean {
    if (!this.#covers(limit, grant.model) || (limit.perModel && grant.model !== model)) return false;
    const user = this.#world.keys[grant.key] as PlannedKey;
    if (limit.scope === "ip") return true;
    return limit.scope === "key" ? user === key : accountOf(user) === accountOf(key);
  }
}
