import { unexpected } from "../checks.ts";
import type { Provider } from "../judgement/provider.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import type { PoolLimits } from "../limits/pool-limits.ts";
import type { HeaderReader, LeaseFacts, PoolChange } from "../ports.ts";
import type { Classification, ClassificationContext } from "../types.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { EventHub, RotatorEvents } from "./events.ts";
import type { Features } from "./features.ts";
import type { KeySwitches } from "./key-switches.ts";
import type { KeyPool } from "./keys/key-pool.ts";
import type { KeyRegistry } from "./keys/key-registry.ts";
import type { Lease } from "./lease.ts";
import type { Observers } from "./observing/observers.ts";
import type { Readiness } from "./readiness.ts";
import type { AcquireRequest, ResolvedRotatorOptions } from "./rotator-options.ts";
import type { Settlement } from "./settlement.ts";

/** A request of one's own that says whether a key works. */
export interface ProbeRequest {
  /** @default "GET" */
  readonly method?: "GET" | "POST" | undefined;
  /** Below the base URL. */
  readonly path: string;
  /** JSON, as text. @default none */
  readonly body?: string | undefined;
  /** Headers beside the credential. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What became of a probe. */
export interface ProbeAnswer {
  /** `null`: no answer came. */
  readonly status: number | null;
  /** The provider's message, without secrets. */
  readonly message: string | null;
  readonly classification: Classification;
}

export type SendProbe = (lease: Lease, probe: ProbeRequest) => Promise<ProbeAnswer>;

/** A pool as its owner has it: a `KeyRotator`, or whatever else a fetch carries as its `rotator`. */
export interface PoolOwner {
  /**
   * Gives a key that may be used now, or waits for one up to `maxWaitMs`. Synchronous when the store is and a key is ready.
   * @throws AllKeysExhaustedError when none becomes free in time; the signal's reason when aborted; RotatorClosedError.
   */
  acquire(request?: AcquireRequest): Lease | Promise<Lease>;
  /** Requests that hold a key. */
  readonly inFlight: number;
  /** Requests that wait for one. */
  readonly waiting: number;
}

/** What keys bring along of endpoints. */
export type KeyEndpoints = Pick<KeyPool, "hasOwnEndpoints" | "endpoints" | "withoutEndpoint">;

/** What those who make calls with a pool need of it. */
export interface CallPort extends PoolOwner {
  /** The one it was made for. */
  readonly provider: Provider;
  /** Those whose keys there are. */
  readonly providers: readonly ProviderReading[];
  readonly options: ResolvedRotatorOptions;
  /** Does any limit count tokens? Then answers are read for what they used. */
  readonly countsTokens: boolean;
  /** Does the strategy look at what requests are about? */
  readonly readsRequests: boolean;
  /** Must leases last as long as the response's body? */
  readonly countsToTheEnd: boolean;
  readonly accountCount: number;
  /** Must the model of a request be known to serve it? Spares looking for it. */
  readonly needsModel: boolean;
  /** Has any key names of its own for models? */
  readonly renamesModels: boolean;
  /** Whoever looks at this pool. */
  readonly observers: Observers;
  /** Shows observers the headers of a good answer. */
  observe(lease: Lease, headers: HeaderReader): void;
  /** A lease as observers see it. */
  factsOf(lease: Lease): LeaseFacts;
  /** What is known of the key whose answer is classified. */
  contextOf(lease: Lease): ClassificationContext;
  /** Does what observers and advisors ask for, apart from the end of an attempt. */
  follow(changes: readonly PoolChange[], lease: Lease): void;
  /** Names a request in events. */
  nameOf(request: AcquireRequest): string;
  readonly events: EventHub;
  /** Does anybody listen to this event? */
  wants(name: keyof RotatorEvents): boolean;
  emit<Name extends keyof RotatorEvents>(name: Name, event: RotatorEvents[Name]): void;
  /** What keys bring along of endpoints. */
  readonly keyEndpoints: KeyEndpoints;
  /** Whoever can send requests says how probes are sent. The first one stays. */
  useProbeSender(send: SendProbe): void;
}

/** What those who operate a pool need of it, beside that. */
export interface PoolPort extends CallPort {
  readonly isClosed: boolean;
  /** The name of the strategy keys are chosen by. */
  readonly strategy: string;
  readonly registry: KeyRegistry;
  readonly tracker: PoolLimits;
  readonly readiness: Readiness;
  readonly dispatcher: Dispatcher;
  readonly settlement: Settlement;
  /** What it learns by itself. */
  readonly features: Features;
  readonly switches: KeySwitches;
  /** `undefined` until a fetch is made with the pool. */
  readonly sendProbe: SendProbe | undefined;
  /** Resolves when the keys are known. */
  ready(): Promise<void>;
  /** Calls back once probes can be sent. */
  onceProbing(listener: () => void): void;
  /** Calls back when the pool is closed. */
  onceClosed(listener: () => void): void;
}

/** Under it an owner has its pool: a name that every copy of this package knows, and no list of properties shows. */
const poolOf = Symbol.for("rotating-fetch.pool");

/** Makes somebody the owner of a pool. */
export function own(owner: object, pool: PoolPort): void {
  // A function, so that nobody who walks over properties comes upon the keys.
  Object.defineProperty(owner, poolOf, { value: () => pool });
}

export function isPoolOwner(value: unknown): value is PoolOwner {
  return typeof value === "object" && value !== null && poolOf in value;
}

/** @throws InvalidOptionsError for what has no pool. */
export function portOf(owner: PoolOwner): PoolPort {
  if (!isPoolOwner(owner)) throw unexpected("pool", "a KeyRotator, which a fetch has as `rotator`", owner);
  return (owner as unknown as { readonly [poolOf]: () => PoolPort })[poolOf]();
}
