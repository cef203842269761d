import type { RotatorEvents } from "./pool/events.ts";

export type { CallOptions } from "./attempt/call.ts";
export type { OnExhausted } from "./attempt/final-answer.ts";
export {
  AllKeysExhaustedError,
  type BlockedReasons,
  ForeignOriginError,
  InvalidOptionsError,
  KeySourceError,
  KeyStoreError,
  RotatingFetchError,
  RotatorClosedError,
  StateFileError,
  type StateFileProblem,
} from "./errors.ts";
export type { CacheOptions, CacheRequest } from "./fetch/cache/cache-options.ts";
export type { CacheMaker, ResponseCache } from "./fetch/call-cache.ts";
export type { CallFacts } from "./fetch/call-facts.ts";
export type { CallingOptions } from "./fetch/calling-options.ts";
export type { ClassificationChange, ClassifyHook, Policy, PolicyAction } from "./judgement/classification-hooks.ts";
export type {
  AnswerClassifier,
  ClassifierInput,
  CredentialPlacement,
  ErrorRule,
  HeaderCounter,
  HealthProbe,
  Provider,
  RequestShape,
  ResetPlace,
  ResetRule,
  ResetUnit,
  ResourceShape,
  RuleVerdict,
  StreamShape,
  UsageShape,
} from "./judgement/provider.ts";
export {
  type LimitedUse,
  type LimitLeft,
  type LimitsGranted,
  type LimitsRefused,
  RateLimitTracker,
  type RateLimitTrackerOptions,
} from "./judgement/rate-limit-tracker.ts";
export { needsOf, realAmount } from "./limits/amounts.ts";
export { afterSuccess, applyCooldown, type CooldownRecord, mayEndEarly } from "./limits/cooldown-rules.ts";
export type { LimitTemplate } from "./limits/limits.ts";
export type { MemoryStoreOptions } from "./limits/memory/memory.ts";
export { MemoryStore } from "./limits/memory/memory-store.ts";
export type { SharingChange, StoreSharing } from "./limits/sharing.ts";
export type {
  Amounts,
  Blocked,
  Bucket,
  BucketState,
  BucketTerms,
  Candidate,
  Counted,
  Dumpable,
  Hold,
  Need,
  OwnNeeds,
  Pins,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  SharedStore,
  Store,
  StoreChange,
  StoreDump,
  StoreReading,
  Unsubscribe,
} from "./limits/store.ts";
export { maskSecret } from "./mask.ts";
export { createProxyHandler, type ProxyHandler } from "./named/create-proxy-handler.ts";
export { createRotatingFetch, type RotatingFetch } from "./named/create-rotating-fetch.ts";
export { defineProvider, type ProviderDefinition } from "./named/define-provider.ts";
export { ErrorClassifier, type ErrorClassifierOptions } from "./named/error-classifier.ts";
export { KeyRotator } from "./named/key-rotator.ts";
export type {
  KeyConfig,
  KeyList,
  KeySource,
  ProxyOptions,
  RotatingFetchOptions,
  RotatorOptions,
  SharedRotatorOptions,
} from "./named/options.ts";
export type { ProviderName } from "./named/presets.ts";
export type { StrategyName } from "./named/strategies.ts";
export type { CheckOptions, CheckReport } from "./operate/check.ts";
export type { ChoiceReason, Explanation, KeyExplanation } from "./operate/explain.ts";
export type { AccountForecast, Forecast, LimitForecast } from "./operate/forecast.ts";
export type { KeyReport, KeyVerdict } from "./operate/key-report.ts";
export type { ImportOptions, ImportReport, ImportResult, ReplaceOptions } from "./operate/keys/manage-keys.ts";
export type {
  CooldownSnapshot,
  KeySnapshot,
  LimitSnapshot,
  PoolSnapshot,
} from "./operate/snapshot.ts";
export type { RotatorEvents } from "./pool/events.ts";
export type { KeyCredential } from "./pool/keys/key-config.ts";
export type { KeySettings, KeyUpdate } from "./pool/keys/key-source.ts";
export type {
  GivenCredential,
  KeyChangeAnswer,
  KeyChanges,
  KeyRecord,
  KeyRecords,
  KeyStore,
} from "./pool/keys/key-store.ts";
export { Lease } from "./pool/lease.ts";
export type { ProbeRequest } from "./pool/pool-port.ts";
export type { ModelStanding } from "./pool/readiness.ts";
export type { AcquireRequest, HealthCheck, SecondOpinion } from "./pool/rotator-options.ts";
export type {
  ChoosingStrategy,
  GroupFacts,
  OrderContext,
  OrderingStrategy,
  ReadyKey,
  ReadyOrder,
  Strategy,
  StrategyRequest,
} from "./pool/strategies/strategy.ts";
export type {
  Advice,
  CallObserver,
  CallOutcome,
  Deprioritize,
  EndedCall,
  HeaderReader,
  LeaseFacts,
  LeaseResult,
  ObservedKey,
  Observer,
  ObserverNeed,
  PoolChange,
  PoolChanges,
  PoolObserver,
  RefusedAttempt,
  Undo,
  WalkAdvisor,
} from "./ports.ts";
export type { AdminOptions, AdminToken } from "./server/admin/create-admin-handler.ts";
export { type AdminHandler, createAdminHandler, isAdminPath } from "./server/admin/create-admin-handler.ts";
export type { Admission, Authorize, AuthorizeFunction, ProxyRequest } from "./server/proxy/proxy-authorize.ts";
export { ProxyError } from "./server/proxy/proxy-error.ts";
export type { ProxyingOptions } from "./server/proxy/proxy-options.ts";
export { MemoryKeyStore, type MemoryKeyStoreOptions } from "./stores/memory-key-store.ts";
export type {
  AttemptSummary,
  Awaitable,
  Classification,
  ClassificationContext,
  Clock,
  CooldownChange,
  CooldownSource,
  Dimension,
  DynamicSecret,
  FetchFunction,
  Kind,
  LadderSpec,
  LearntLimit,
  Limit,
  LimitPeriod,
  Logger,
  Outcome,
  Random,
  Scope,
  ScopeId,
  SharedBy,
  Strength,
  TokenEstimate,
  Usage,
  WindowName,
} from "./types.ts";

/** The name of something a rotator tells. */
export type RotatorEventName = keyof RotatorEvents;
