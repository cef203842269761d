import { createRotatingFetch, type RotatingFetch, type RotatingFetchOptions } from "rotating-fetch";
import type { Arrival, Environment, KeyRole } from "./environment.ts";

export type SuiteOptions = Partial<RotatingFetchOptions> & { readonly roles?: readonly KeyRole[] | undefined };

export interface Case {
  readonly name: string;
  run(context: CaseContext): Promise<void>;
}

/** What one case has at hand: addresses that no other case uses, and what the servers saw there. */
export class CaseContext {
  readonly environment: Environment;
  readonly #place: string;
  readonly #made: RotatingFetch[] = [];

  constructor(environment: Environment, place: string) {
    this.environment = environment;
    this.#place = place;
  }

  get baseURL(): string {
    return `${this.environment.provider}/v1`;
  }

  /** An address of the provider that behaves as its first segment says: see `provider-server.ts`. */
  url(behaviour: string, search = ""): string {
    return `${this.baseURL}/${behaviour}/${this.#place}${search}`;
  }

  foreignUrl(behaviour: string): string {
    return `${this.environment.foreign}/v1/${behaviour}/${this.#place}`;
  }

  /** A rotating fetch to the provider, with the good key alone unless told otherwise; keys are used in the order given. */
  rotating({ roles = ["good"], ...options }: SuiteOptions = {}): RotatingFetch {
    const keys = roles.map((role) => ({ secret: this.environment.keys[role], id: role }));
    const made = createRotatingFetch({ keys, baseURL: this.baseURL, strategy: "fill_first", ...options });
    this.#made.push(made);
    return made;
  }

  async arrivals(url: string): Promise<readonly Arrival[]> {
    return (await (await this.#ask("arrivals", url)).json()) as readonly Arrival[];
  }

  /** Whose keys arrived at an address, in order. */
  async roles(url: string): Promise<readonly (KeyRole | undefined)[]> {
    return (await this.arrivals(url)).map(({ credentials }) => credentials[0]?.role);
  }

  /** Resolves when a request has come. */
  async arrived(url: string): Promise<void> {
    await (await this.#ask("arrived", url)).text();
  }

  /** Resolves when a client has left before its answer was complete. */
  async closed(url: string): Promise<void> {
    await (await this.#ask("closed", url)).text();
  }

  /** Lets a stream send its next event. */
  async release(url: string): Promise<void> {
    await (await this.#ask("release", url)).text();
  }

  async end(): Promise<void> {
    await Promise.all(this.#made.map(({ rotator }) => rotator.close()));
  }

  #ask(what: string, url: string): Promise<Response> {
    const { origin, pathname } = new URL(url);
    return fetch(`${origin}/told/${what}?path=${encodeURIComponent(pathname)}`);
  }
}

/** Compares as JSON does: enough for what the suite looks at. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`Expected ${what} to be ${wanted}, got ${got}`);
}

export function expectTrue(condition: boolean, what: string): void {
  if (!condition) throw new Error(`Expected ${what}`);
}

/** What a promise rejects with. */
export async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (reason) {
    return reason;
  }
  throw new Error("Expected a rejection, got an answer");
}

export function base64(text: string | Uint8Array): string {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return btoa(String.fromCharCode(...bytes));
}
