import { periodMs } from "../../limits/limits.ts";
import { accountScope, keyScope, modelScope } from "../../limits/scopes.ts";
import type { Account } from "../../pool/keys/key-pool.ts";
import type { Lease } from "../../pool/lease.ts";
import type { HeaderReader } from "../../ports.ts";
import type { Classification, Clock, CooldownChange, LearntLimit, StatedLimit } from "../../types.ts";
import type { HeaderGrammar } from "../waits/header-grammar.ts";

/** The last answer that said something. Times are monotonic; an answer to an older request teaches nothing. */
export interface LearntAnswer {
  readonly headers: HeaderReader;
  readonly model: string | undefined;
  readonly sentAt: number;
  readonly seenAt: number;
}

/** A limit in the words of a refusal. */
export interface StatedEntry extends StatedLimit {
  readonly model: string | undefined;
  /** Monotonic time. */
  readonly seenAt: number;
}

/** Model names come from outside: beyond so many for an account, what was learnt is begun anew. */
const mostModels = 64;
const mostStated = 128;

const noChanges: readonly CooldownChange[] = [];

/**
 * Learns from the counters that answers carry, so that a key that ran dry is left alone before it is refused. Only ever takes
 * away; what was learnt is forgotten with its window.
 */
export class LearntLimits {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Notes what an answer said, and returns the rests that follow from it. Only what is left is read here; the rest when
   * somebody asks.
   */
  observe(lease: Lease, headers: HeaderReader, findModel: () => string | undefined): readonly CooldownChange[] {
    const { account } = lease.key;
    const { grammar } = account.provider;
    const found = grammar?.leftIn(headers) ?? "nothing";
    if (grammar === undefined || found === "nothing") return noChanges;
    const model = grammar.isPerModel ? (lease.model ?? findModel()) : undefined;
    const known = account.learnt?.get(model ?? "");
    if (known !== undefined && known.sentAt > lease.startedAt) return noChanges;
    const seenAt = this.#clock.monotonic();
    account.learnt ??= new Map();
    if (account.learnt.size >= mostModels && known === undefined) account.learnt.clear();
    account.learnt.set(model ?? "", { headers, model, sentAt: lease.startedAt, seenAt });
    return found === "some" ? noChanges : this.#restsFor(lease, grammar, headers, model);
  }

  /** What is still true of what an account's answers said. */
  of(account: Account): readonly LearntLimit[] {
    const now = this.#clock.monotonic();
    const limits: LearntLimit[] = [...this.#statedOf(account, now)];
    for (const { headers, model, seenAt } of account.learnt?.values() ?? []) {
      const wallThen = this.#clock.wall() - (now - seenAt);
      for (const { counter, limit, remaining, resetMs } of account.provider.grammar?.read(headers, wallThen) ?? []) {
        const { dimension, window } = counter;
        const endsAt = seenAt + (resetMs ?? periodMs[window ?? "minute"]);
        if (endsAt <= now) continue;
        const resetInMs = resetMs === null ? null : endsAt - now;
        const header = counter.remaining ?? counter.reset ?? "";
        limits.push({
          dimension,
          window,
          model: model ?? null,
          limit,
          remaining,
          resetInMs,
          from: "headers",
          header,
          seenAgoMs: now - seenAt,
        });
      }
    }
    return limits;
  }

  /** Takes in what a refusal stated. It is shown for one window's length, and lowers nothing. */
  refused({ key: { account }, model }: Lease, { limit, scope }: Classification): void {
    if (limit === undefined) return;
    account.stated ??= new Map();
    if (account.stated.size >= mostStated) account.stated.clear();
    const ofModel = scope === "model" ? model : undefined;
    const { amount, dimension, window } = limit;
    const entry = { amount, dimension, window, model: ofModel, seenAt: this.#clock.monotonic() };
    account.stated.set(`${dimension} ${window} ${ofModel ?? ""}`, entry);
  }

  *#statedOf({ stated }: Account, now: number): Generator<LearntLimit> {
    for (const [name, { amount, dimension, window, model = null, seenAt }] of stated ?? []) {
      if (seenAt + periodMs[window ?? "minute"] <= now) {
        stated?.delete(name);
        continue;
      }
      const [remaining, resetInMs, header, seenAgoMs] = [null, null, null, now - seenAt];
      yield { dimension, window, model, limit: amount, remaining, resetInMs, from: "refusal", header, seenAgoMs };
    }
  }

  #restsFor(
    lease: Lease,
    grammar: HeaderGrammar,
    headers: HeaderReader,
    model: string | undefined,
  ): readonly CooldownChange[] {
    const { key } = lease;
    const { provider, id } = key.account;
    const dry = grammar.dryIn(headers, this.#clock.wall(), model !== undefined);
    if (model !== undefined && dry.length > 0) lease.model = model;
    return dry.map(({ of, forMs }) => {
      const isOfModel = of === "model" && model !== undefined;
      const own = of === "key" ? keyScope(provider.id, key.id) : accountScope(id);
      const scope = isOfModel ? modelScope(id, model) : own;
      return { scope, set: { forMs }, reason: "no_quota_left", source: "heuristic" };
    });
  }
}
