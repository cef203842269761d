import { Evidence } from "../../../src/judgement/evidence/evidence.ts";
import { fingerprintOf } from "../../../src/judgement/evidence/fingerprint.ts";
import type { LearnedRefusal } from "../../../src/judgement/evidence/learned-refusal.ts";
import type {
  LeaseFacts,
  LeaseResult,
  PoolChange,
  PoolObserver,
  RefusedAttempt,
  WalkAdvisor,
} from "../../../src/ports.ts";
import type { Classification, Clock, Scope } from "../../../src/types.ts";

export interface SimulatedRequest {
  readonly subject: number;
  readonly model: string;
  readonly isRepeatable: boolean;
}

/** `undefined`: served. */
export type Refusal = { readonly status: number; readonly text: string; readonly isCertain?: boolean } | undefined;
export type World = (account: number, request: SimulatedRequest, now: number) => Refusal;

export interface Tally {
  readonly served: boolean;
  readonly asked: readonly number[];
}

const facts = {
  provider: "generic",
  origin: "https://api.example.test",
  answeredAt: undefined,
  waitedMs: 0,
  tags: undefined,
  credential: undefined,
  isOutdated: false,
} as const;

/** A clock that is moved by hand, at once. */
class SteppedClock implements Clock {
  #now = 0;

  advance(ms: number): void {
    this.#now += ms;
  }

  monotonic(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  timer(): () => void {
    throw new Error("Evidence starts no timers");
  }
}

/** A pool of accounts that take turns, with what evidence puts into cooldown. Time passes only between requests. */
export class SimulatedPool {
  readonly clock = new SteppedClock();
  readonly learned: LearnedRefusal[] = [];
  readonly cooldowns: {
    readonly account: number;
    readonly scope: string;
    readonly at: number;
    readonly forMs: number;
  }[] = [];
  readonly evidence: Evidence;
  attached = 0;
  readonly #accounts: number;
  readonly #world: World;
  readonly #until = new Map<string, number>();
  readonly #lastUntil = new Map<number, number>();
  readonly #observers = new Set<PoolObserver & Partial<WalkAdvisor>>();
  #turn = 0;

  constructor(accounts: number, world: World) {
    this.#accounts = accounts;
    this.#world = world;
    this.evidence = new Evidence({
      clock: this.clock,
      accountCount: () => accounts,
      accountIds: () => Array.from({ length: accounts }, (_, account) => String(account)),
      servedLast: () => undefined,
      wallOf: () => undefined,
      learned: (refusal) => this.learned.push(refusal),
      attach: (observer) => {
        this.attached++;
        this.#observers.add(observer as PoolObserver & Partial<WalkAdvisor>);
        return () => this.#observers.delete(observer as PoolObserver & Partial<WalkAdvisor>);
      },
    });
  }

  get isWatching(): boolean {
    return this.#observers.size > 0;
  }

  /** One call, with `pinned` to one account. */
  call(request: SimulatedRequest, pinned?: number): Tally {
    const asked: number[] = [];
    const earlier: RefusedAttempt[] = [];
    const except = new Set<string>();
    for (;;) {
      const account = pinned ?? this.#pick(request.model, except);
      if (account === undefined) return { served: false, asked };
      asked.push(account);
      const lease = this.#lease(account, request.model);
      const refusal = this.#world(account, request, this.clock.monotonic());
      if (refusal === undefined) {
        this.#apply(lease, this.#end({ outcome: "success" }, lease));
        const changes = [...this.#observers].flatMap((one) => one.served?.(lease, earlier) ?? []);
        if (earlier.length > 0) this.#apply(lease, changes);
        return { served: true, asked };
      }
      this.#apply(lease, this.#end({ outcome: "failure" }, lease));
      const attempt: RefusedAttempt = {
        lease,
        status: refusal.status,
        classification: classified(refusal),
        headers: undefined,
        fingerprint: fingerprintOf(refusal.status, refusal.text),
        subject: request.subject,
        repeatable: request.isRepeatable,
      };
      const { classification } = attempt;
      this.evidence.refused(lease, { outcome: "failure", classification, cooldowns: [] });
      const [advice] = [...this.#observers].map((one) => one.advise?.(attempt, earlier));
      earlier.push(attempt);
      if (advice?.changes !== undefined) this.#apply(lease, advice.changes);
      if (advice?.advice !== "next" || pinned !== undefined) return { served: false, asked };
      except.add(lease.accountId);
      for (const one of advice.except ?? []) except.add(one);
    }
  }

  isCooling(account: number, model: string): boolean {
    const now = this.clock.monotonic();
    return [`model ${account} ${model}`, `account ${account}`].some((scope) => (this.#until.get(scope) ?? now) > now);
  }

  #pick(model: string, except: ReadonlySet<string>): number | undefined {
    const now = this.clock.monotonic();
    const free: number[] = [];
    for (let step = 0; step < this.#accounts; step++) {
      const account = (this.#turn + step) % this.#accounts;
      if (!except.has(String(account)) && !this.isCooling(account, model)) free.push(account);
    }
    this.#turn = (this.#turn + 1) % this.#accounts;
    return free.find((account) => (this.#lastUntil.get(account) ?? now) <= now) ?? free[0];
  }

  #end(result: LeaseResult, lease: LeaseFacts): readonly PoolChange[] {
    return [...this.#observers].flatMap((observer) => observer.ended?.(lease, result) ?? []);
  }

  #apply(lease: LeaseFacts, changes: readonly PoolChange[]): void {
    const now = this.clock.monotonic();
    for (const change of changes) {
      if ("deprioritize" in change) this.#lastUntil.set(Number(change.deprioritize), now + change.forMs);
      if (!("scope" in change) || change.set === "end" || !("forMs" in change.set)) continue;
      const { forMs } = change.set;
      this.#until.set(change.scope, now + forMs);
      this.cooldowns.push({ account: Number(change.scope.split(" ")[1]), scope: change.scope, at: now, forMs });
    }
    void lease;
  }

  #lease(account: number, model: string): LeaseFacts {
    const accountId = String(account);
    const scopeOf = (scope: Scope) => (scope === "model" ? `model ${account} ${model}` : `account ${account}`);
    const own = { keyId: accountId, account: accountId, accountId, model, startedAt: this.clock.monotonic(), scopeOf };
    return { ...facts, ...own } as LeaseFacts;
  }
}

function classified({ isCertain = false }: NonNullable<Refusal>): Classification {
  return {
    kind: "bad_request",
    scope: "request",
    sharedBy: "request",
    window: null,
    dimension: null,
    retryAfterMs: null,
    retryable: false,
    failover: false,
    disableKey: false,
    strength: isCertain ? "certain" : "unknown",
  } as Classification;
}
