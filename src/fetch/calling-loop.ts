import { AttemptLoop } from "../attempt/attempt-loop.ts";
import type { Answer, Transport } from "../attempt/call.ts";
import type { FinalAnswerOptions } from "../attempt/final-answer.ts";
import { pinsOver } from "../attempt/resource-pins.ts";
import { overruleBy } from "../judgement/classification-hooks.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import { type CallFacts, type ShowableCall, ShownCall } from "./call-facts.ts";
import type { ResolvedCallingOptions } from "./fetch-options.ts";
import { createProbeSender } from "./probe-sender.ts";

/** Shows a user's function a call without what is secret in it. */
function shownTo<C extends ShowableCall, T>(
  ask: ((request: CallFacts) => T) | undefined,
  providers: () => readonly ProviderReading[],
): ((call: C) => T) | undefined {
  return ask === undefined ? undefined : (call) => ask(new ShownCall(call, providers()));
}

/** The attempt loop behind a adapter, and the sender of probes for its rotator. */
export function createCallingLoop<C extends ShowableCall, A extends Answer>(
  options: ResolvedCallingOptions,
  transport: Transport<C, A>,
  { onExhausted, isDiscreet }: Pick<FinalAnswerOptions<A>, "onExhausted" | "isDiscreet">,
): AttemptLoop<C, A> {
  const { pool } = options;
  const { clock, random, maxWaitMs } = pool.options;
  const overrule = overruleBy(options, (error) => pool.emit("internal-error", { part: "classify", error }));
  const failed = (error: unknown): void => pool.emit("internal-error", { part: "store", error });
  pool.useProbeSender(createProbeSender({ ...options, overrule, clock }));
  const providers = (): readonly ProviderReading[] => pool.providers;
  return new AttemptLoop<C, A>(pool, overrule, transport, {
    ...options,
    onExhausted,
    isDiscreet,
    clock,
    random,
    maxWaitMs,
    // What callers are told is a matter of the API they speak.
    providers,
    errorShape: pool.provider.errorShape,
    pins: pinsOver(pool.options.store, { providers, failed }),
    affinityOf: shownTo(options.affinity, providers),
    estimateOf: shownTo(options.estimateTokens, providers),
  });
}
