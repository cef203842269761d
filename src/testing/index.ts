export {
  ArrivalJudge,
  type ArrivalJudgeOptions,
  type JudgedRequest,
  type Verdict,
} from "./arrival-judge.ts";
export type { StoreCapabilities } from "./contract/claims.ts";
export type {
  StoreContractOptions,
  StoreEnvironment,
  StoreMaker,
  StoreUnderTest,
} from "./contract/contract-world.ts";
export type { TestRunner } from "./contract/test-runner.ts";
export { type OpenAIErrorBody, openaiError } from "./emulator/answers/openai-errors.ts";
export type { Arrival, ArrivalFilter, Judged, UseFilter } from "./emulator/arrival-log.ts";
export type { CredentialHeader, CredentialPlace, CredentialQuery } from "./emulator/credential.ts";
export type { ProviderEmulatorOptions } from "./emulator/emulator-options.ts";
export {
  createProviderEmulator,
  type KeyControls,
  type MswHttp,
  type ProviderEmulator,
} from "./emulator/provider-emulator.ts";
export type { EmulatedKey, EmulatedRequest, KeyBehaviour, Script, Step, StepFunction } from "./emulator/step.ts";
export {
  badRequest,
  connectionLost,
  forbidden,
  insufficientQuota,
  limitedFor,
  type RateLimitedOptions,
  rateLimited,
  serverError,
  unauthorized,
} from "./emulator/step-helpers.ts";
export { expectNoSecrets } from "./expect-no-secrets.ts";
export { FakeClock, type FakeClockOptions } from "./fake-clock.ts";
export { type KeyStoreMaker, type KeyStoreUnderTest, keyStoreContract } from "./key-store-contract.ts";
export type { LimitTicket, TicketFilter } from "./limits/judge-log.ts";
export {
  LimitJudge,
  type LimitJudgeOptions,
  type LimitPeak,
  type LimitRefusal,
  type LimitRequest,
  type LimitStanding,
  type LimitVerdict,
} from "./limits/limit-judge.ts";
export { maxInWindow, type TimedUse } from "./limits/max-in-window.ts";
export type { ProviderLimit } from "./limits/provider-limit.ts";
export { NastyStore, type NastyStoreOptions } from "./nasty-store.ts";
export { seededRandom } from "./seeded-random.ts";
export { storeContract } from "./store-contract.ts";
