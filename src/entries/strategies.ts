// The strategies, one by one: what is not imported falls away.
export { fillFirst } from "../pool/strategies/fill-first.ts";
export { leastBusy } from "../pool/strategies/least-busy.ts";
export { leastUsed } from "../pool/strategies/least-used.ts";
export { lowestLatency } from "../pool/strategies/lowest-latency.ts";
export { random } from "../pool/strategies/random.ts";
export { roundRobin } from "../pool/strategies/round-robin.ts";
export type {
  ChoosingStrategy,
  GroupFacts,
  OrderContext,
  OrderingStrategy,
  ReadyKey,
  ReadyOrder,
  Strategy,
  StrategyRequest,
} from "../pool/strategies/strategy.ts";
export { weighted } from "../pool/strategies/weighted.ts";
