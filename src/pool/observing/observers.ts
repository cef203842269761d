import { expectMethods, unexpected } from "../../checks.ts";
import type {
  Advice,
  CallObserver,
  HeaderReader,
  LeaseFacts,
  LeaseRefusal,
  LeaseResult,
  ObservedKey,
  Observer,
  ObserverNeed,
  PoolChange,
  PoolObserver,
  RefusedAttempt,
  WalkAdvisor,
} from "../../ports.ts";
import { isPromise } from "../../realms.ts";

const poolHooks = ["granted", "headers", "refused", "ended", "keyAdded", "keyRemoved", "describe"] as const;
type PoolHook = (typeof poolHooks)[number];
const hooks = [...poolHooks, "advise", "served", "callEnded"] as const;
const needs: readonly ObserverNeed[] = ["headers", "firstContent", "usage", "bodyEnd"];

const noChanges: readonly PoolChange[] = [];
const nothing: ReadonlySet<ObserverNeed> = new Set();

/** What is read, and for whom. */
interface Wants {
  readonly attempts: ReadonlySet<ObserverNeed>;
  readonly calls: ReadonlySet<ObserverNeed>;
}

/** What they are shown of an attempt, by hook. */
interface Shown {
  granted: undefined;
  headers: HeaderReader;
  refused: LeaseRefusal;
  ended: LeaseResult;
}

type Looking<Hook extends keyof Shown> = {
  readonly [hook in Hook]: (lease: LeaseFacts, shown: Shown[hook]) => unknown;
};

/** Those who have one hook. */
type With<Hook extends PoolHook> = PoolObserver & Required<Pick<PoolObserver, Hook>>;

/**
 * Whoever looks at a pool, by what they look at: a hook that nobody has is `undefined`, so that asking costs one comparison.
 * What an observer throws is told as an event; what it returns is checked before anybody follows it.
 */
export class Observers {
  granted: readonly With<"granted">[] | undefined = undefined;
  headers: readonly With<"headers">[] | undefined = undefined;
  refused: readonly With<"refused">[] | undefined = undefined;
  ended: readonly With<"ended">[] | undefined = undefined;
  keyAdded: readonly With<"keyAdded">[] | undefined = undefined;
  keyRemoved: readonly With<"keyRemoved">[] | undefined = undefined;
  advisors: readonly WalkAdvisor[] | undefined = undefined;
  served: readonly (WalkAdvisor & Required<Pick<WalkAdvisor, "served">>)[] | undefined = undefined;
  calls: readonly CallObserver[] | undefined = undefined;
  /** What observers of attempts and of calls want to be read. */
  wants: Wants = { attempts: nothing, calls: nothing };
  /** Do attempts last as long as the bodies of their answers, for somebody who looks? */
  hasToEnd = false;
  readonly #failed: (error: unknown) => void;
  #attached: readonly Observer[] = [];

  constructor(given: readonly Observer[], failed: (error: unknown) => void) {
    this.#failed = failed;
    if (given.length > 0) this.#setAttached(given);
  }

  /** Has an observer told from now on, before those who came earlier. Returns what ends it. */
  attach(observer: Observer): () => void {
    this.#setAttached([observer, ...this.#attached]);
    return () => this.#setAttached(this.#attached.filter((other) => other !== observer));
  }

  /** Has an observer told from now on, after all others: what they advise goes first. Returns what ends it. */
  append(observer: Observer): () => void {
    this.#setAttached([...this.#attached, observer]);
    return () => this.#setAttached(this.#attached.filter((other) => other !== observer));
  }

  /** Shows an attempt to those who have this hook. Returns what they want done, checked. */
  show<Hook extends keyof Shown>(hook: Hook, lease: LeaseFacts, shown: Shown[Hook]): readonly PoolChange[] {
    let all = noChanges;
    for (const one of (this[hook] ?? []) as readonly Looking<Hook>[]) {
      try {
        const changes = one[hook](lease, shown);
        if (changes === undefined) continue;
        const checked = expectChanges(changes);
        if (checked.length > 0) all = all.length === 0 ? checked : [...all, ...checked];
      } catch (error) {
        this.#failed(error);
      }
    }
    return all;
  }

  onKey(hook: "keyAdded" | "keyRemoved", key: ObservedKey): void {
    for (const one of this[hook] ?? []) this.guard(() => one[hook]?.(key));
  }

  /** What observers know of a key, all in one object; `undefined`: nothing. */
  describe(key: ObservedKey): object | undefined {
    let all: object | undefined;
    for (const observer of this.#attached) {
      if (!("describe" in observer)) continue;
      const known = this.guard(() => observer.describe?.(key));
      if (typeof known === "object" && known !== null) all = all === undefined ? known : Object.assign({}, all, known);
    }
    return all;
  }

  /** What the first advisor says who says something. */
  advice(refusal: RefusedAttempt, earlier: readonly RefusedAttempt[]): Advice | undefined {
    for (const one of this.advisors ?? []) {
      const advice = this.guard(() => expectAdvice(one.advise(refusal, earlier)));
      if (advice !== undefined) return advice;
    }
    return undefined;
  }

  /** Shows those who advise that another account served the call. Returns what they want done, checked. */
  changesAfter(lease: LeaseFacts, earlier: readonly RefusedAttempt[]): readonly PoolChange[] {
    const changes: PoolChange[] = [];
    for (const one of this.served ?? []) {
      const wanted = this.guard(() => one.served(lease, earlier));
      if (wanted !== undefined) changes.push(...(this.guard(() => expectChanges(wanted)) ?? []));
    }
    return changes;
  }

  /** What an observer does stays its own matter: whatever it throws, now or later, is told and goes no further. */
  guard<T>(work: () => T): T | undefined {
    try {
      const result = work();
      if (!isPromise(result)) return result;
      result.catch(this.#failed);
    } catch (error) {
      this.#failed(error);
    }
    return undefined;
  }

  #setAttached(observers: readonly Observer[]): void {
    this.#attached = observers;
    this.granted = having(observers, "granted");
    this.headers = having(observers, "headers");
    this.refused = having(observers, "refused");
    this.ended = having(observers, "ended");
    this.keyAdded = having(observers, "keyAdded");
    this.keyRemoved = having(observers, "keyRemoved");
    this.advisors = having(observers, "advise");
    this.served = having(observers, "served");
    this.calls = having(observers, "callEnded");
    const attempts = needsOf(observers, poolHooks);
    this.wants = { attempts, calls: needsOf(observers, ["callEnded"]) };
    this.hasToEnd = attempts.has("usage") || attempts.has("bodyEnd") || attempts.has("firstContent");
  }
}

/** Those who have a hook; `undefined`: nobody. */
function having<One>(observers: readonly Observer[], hook: string): readonly One[] | undefined {
  let list: One[] | undefined;
  for (const observer of observers) {
    if (typeof observer[hook as keyof Observer] !== "function") continue;
    list ??= [];
    list.push(observer as One);
  }
  return list;
}

/** What those who have one of these hooks want to be read. */
function needsOf(observers: readonly Observer[], hooks: readonly string[]): ReadonlySet<ObserverNeed> {
  let all: Set<ObserverNeed> | undefined;
  for (const observer of observers) {
    const { needs } = observer as PoolObserver;
    if (needs === undefined || !hooks.some((hook) => hook in observer)) continue;
    all ??= new Set();
    for (const need of needs) all.add(need);
  }
  return all ?? nothing;
}

/** @throws InvalidOptionsError naming the observer that is none. */
export function expectObservers(value: unknown): readonly Observer[] {
  if (!Array.isArray(value)) throw unexpected("observers", "a list of observers", value);
  for (const [place, observer] of value.entries()) {
    const field = `observers[${place}]`;
    const isObject = typeof observer === "object" && observer !== null;
    const known = isObject ? hooks.filter((hook) => observer[hook] !== undefined) : [];
    if (known.length === 0)
      throw unexpected(field, `an object with at least one of the methods ${hooks.join(", ")}`, observer);
    expectMethods(field, known, observer);
    const own: unknown = observer.needs ?? [];
    if (Array.isArray(own) && own.every((need) => needs.includes(need))) continue;
    throw unexpected(`${field}.needs`, `a list of ${needs.map((need) => `"${need}"`).join(", ")}`, own);
  }
  return value;
}

/** Nobody follows what is no change. A promise is none, but its failure is told. */
function expectChanges(changes: unknown): readonly PoolChange[] {
  if (Array.isArray(changes) && changes.every(isChange)) return changes as readonly PoolChange[];
  if (isPromise(changes)) changes.catch(() => {});
  throw new TypeError("Expected an observer to return a list of changes or nothing");
}

function expectAdvice(advice: Advice | undefined): Advice | undefined {
  if (advice === undefined) return undefined;
  const { advice: word } = advice;
  const isOne = word === "return" || word === "next" || (word === "wait" && Number.isFinite(advice.until));
  if (!isOne) throw new TypeError("Expected an advisor to return one of the three kinds of advice or nothing");
  if (advice.changes !== undefined) expectChanges(advice.changes);
  return advice;
}

function isChange(change: unknown): change is PoolChange {
  if (typeof change !== "object" || change === null) return false;
  const { scope, set, deprioritize, forMs, undo } = change as Record<string, unknown>;
  if (undo !== undefined) return typeof undo === "object" && undo !== null;
  if (deprioritize !== undefined) return typeof deprioritize === "string" && isLength(forMs);
  if (typeof scope !== "string") return false;
  if (set === "end") return true;
  return typeof set === "object" && set !== null && ("ladder" in set || isLength((set as { forMs?: unknown }).forMs));
}

function isLength(ms: unknown): boolean {
  return typeof ms === "number" && ms > 0;
}
