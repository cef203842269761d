import { AttemptLoop } from "../attempt/attempt-loop.ts";
import type { Answer, Transport } from "../attempt/call.ts";
import type { FinalAnswerOptions } from "../attempt/final-answer.ts";
import { ResourcePins } from "../attempt/resource-pins.ts";
import { createClassifier } from "../judgement/classification-hooks.ts";
import type { Provider } from "../judgement/provider.ts";
import { type CallFacts, type ShowableCall, ShownCall } from "./call-facts.ts";
import type { ResolvedCallingOptions } from "./fetch-options.ts";
import { createProbeSender } from "./probe-sender.ts";

/** Shows a user's function a call without what is secret in it. */
function shownTo<C extends ShowableCall, T>(
  ask: ((request: CallFacts) => T) | undefined,
  provider: Provider,
): ((call: C) => T) | undefined {
  return ask === undefined ? undefined : (call) => ask(new ShownCall(call, provider));
}

/** The attempt loop behind a face, and the sender of probes for its rotator. */
export function createCallingLoop<C extends ShowableCall, A extends Answer>(
  options: ResolvedCallingOptions,
  transport: Transport<C, A>,
  { onExhausted, isDiscreet }: Pick<FinalAnswerOptions<A>, "onExhausted" | "isDiscreet">,
): AttemptLoop<C, A> {
  const { pool } = options;
  const { provider } = pool;
  const { clock, random, maxWaitMs } = pool.options;
  const classifier = createClassifier(provider, options, (error) =>
    pool.emit("part-failed", { part: "classify", error }),
  );
  pool.useProbeSender(createProbeSender({ ...options, provider, classifier, clock }));
  return new AttemptLoop<C, A>(pool, classifier, transport, {
    ...options,
    onExhausted,
    isDiscreet,
    clock,
    random,
    maxWaitMs,
    repeatsServerErrors: provider.repeatsServerErrors ?? false,
    requestShape: provider.request ?? {},
    pins: provider.resources === undefined ? undefined : new ResourcePins(provider.resources),
    affinityOf: shownTo(options.affinity, provider),
    estimateOf: shownTo(options.estimateTokens, provider),
  });
}
