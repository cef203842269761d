import type { Advice, RefusedAttempt } from "../../ports.ts";
import type { Clock, ScopeId } from "../../types.ts";
import { type KnownWall, type Served, Wall } from "./wall.ts";

export interface WallsParts {
  readonly clock: Clock;
  /** Of one provider: what another one answers is no evidence. */
  readonly accountIds: (provider: string) => readonly string[];
  /** Which of a provider's accounts was served last, as far as that is kept. */
  readonly servedLast: (provider: string) => Served | undefined;
  /** The latest that the pool knows of, from one address. */
  readonly wallOf: (address: ScopeId) => KnownWall | undefined;
}

/** The walls of a pool, one for each provider, and who was served last there. */
export class Walls {
  readonly #parts: WallsParts;
  readonly #walls = new Map<string, Wall>();
  readonly #served = new Map<string, Served | undefined>();

  constructor(parts: WallsParts) {
    this.#parts = parts;
  }

  advise(refusal: RefusedAttempt, earlier: readonly RefusedAttempt[]): Advice | undefined {
    return this.#wallOf(refusal.lease.provider).advise(refusal, earlier);
  }

  onServed(provider: string, served: Served): void {
    this.#served.set(provider, served);
  }

  /** Looked for once: keys are many. */
  servedLast(provider: string): Served | undefined {
    if (!this.#served.has(provider)) this.#served.set(provider, this.#parts.servedLast(provider));
    return this.#served.get(provider);
  }

  /** Forgets who was served; how long a wall was stays known. */
  forget(): void {
    this.#served.clear();
  }

  #wallOf(provider: string): Wall {
    let wall = this.#walls.get(provider);
    if (wall === undefined) {
      const { clock, accountIds, wallOf } = this.#parts;
      wall = new Wall({
        clock,
        accountIds: () => accountIds(provider),
        servedLast: () => this.servedLast(provider),
        known: wallOf,
      });
      this.#walls.set(provider, wall);
    }
    return wall;
  }
}
