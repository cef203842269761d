import type { LeaseFacts } from "../../ports.ts";

/** Models of one account that are suspected at a time. */
const mostModels = 8;

/** How much speaks against one account, for one model. */
export interface Suspicion {
  readonly account: string;
  readonly model: string | undefined;
  /** What it answered. Evidence never mixes refusals in different words. */
  readonly fingerprint: string;
  /** Natural logarithm of how unlikely this would be if the account were good. */
  score: number;
  /** Refusals in these words since it served last. */
  count: number;
  /** Whose request it refused last: a subject counts once a minute. */
  subject: unknown;
  subjectAt: number;
  /** How many requests the pool had served when this account refused last. */
  servedBefore: number;
  /** How long its next cooldown is, milliseconds. */
  cooldownMs: number;
  /** `-Infinity`: it never cooled down for it. After that its next requests are trials. */
  cooldownUntil: number;
}

const firstCooldownMs = 60_000;

/** Who is suspected. An account without suspicions has no entry here. */
export class Suspicions {
  readonly #byAccount = new Map<string, Suspicion[]>();

  /** Accounts with suspicions. */
  get size(): number {
    return this.#byAccount.size;
  }

  of(account: string): readonly Suspicion[] {
    return this.#byAccount.get(account) ?? [];
  }

  find(account: string, model: string | undefined): Suspicion | undefined {
    return this.#byAccount.get(account)?.find((one) => one.model === model);
  }

  /** The suspicion against an account and model for refusals in these words. Other words begin a new one. */
  note({ accountId: account, model }: LeaseFacts, fingerprint: string): Suspicion {
    const all = this.#byAccount.get(account) ?? [];
    const before = all.find((one) => one.model === model);
    if (before?.fingerprint === fingerprint) return before;
    const begun: Suspicion = {
      account,
      model,
      fingerprint,
      score: 0,
      count: 0,
      subject: undefined,
      subjectAt: Number.NEGATIVE_INFINITY,
      servedBefore: -1,
      cooldownMs: firstCooldownMs,
      cooldownUntil: Number.NEGATIVE_INFINITY,
    };
    const kept = all.filter((one) => one !== before).slice(1 - mostModels);
    this.#byAccount.set(account, [...kept, begun]);
    return begun;
  }

  /** An account served this model: nothing speaks against it any more. Returns whether anything did. */
  clear(account: string, model: string | undefined): boolean {
    const all = this.#byAccount.get(account);
    if (all === undefined) return false;
    const left = all.filter((one) => one.model !== model);
    if (left.length === all.length) return false;
    if (left.length === 0) this.#byAccount.delete(account);
    else this.#byAccount.set(account, left);
    return true;
  }

  /** Accounts that refuse this model in these words. */
  withWords(model: string | undefined, fingerprint: string): readonly string[] {
    const found: string[] = [];
    for (const [account, all] of this.#byAccount)
      if (all.some((one) => one.model === model && one.fingerprint === fingerprint)) found.push(account);
    return found;
  }

  forget(account: string): void {
    this.#byAccount.delete(account);
  }

  clearAll(): void {
    this.#byAccount.clear();
  }

  /** Accounts that are in a cooldown of ours. */
  cooling(now: number): number {
    let count = 0;
    for (const all of this.#byAccount.values()) if (all.some((one) => one.cooldownUntil > now)) count++;
    return count;
  }
}
