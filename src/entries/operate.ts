export { type CheckOptions, type CheckReport, check } from "../operate/check.ts";
export { type ChoiceReason, type Explanation, explain, type KeyExplanation } from "../operate/explain.ts";
export { type AccountForecast, type Forecast, forecast, type LimitForecast } from "../operate/forecast.ts";
export { watchHealth } from "../operate/health-rounds.ts";
export type { KeyReport, KeyVerdict } from "../operate/key-report.ts";
export {
  type ImportOptions,
  type ImportReport,
  type ImportResult,
  type KeyManager,
  type ManageOptions,
  manageKeys,
  type ReplaceOptions,
} from "../operate/keys/manage-keys.ts";
export {
  type CooldownSnapshot,
  type KeySnapshot,
  type LimitSnapshot,
  type PoolSnapshot,
  snapshot,
} from "../operate/snapshot.ts";
export type { PoolOwner, ProbeRequest } from "../pool/pool-port.ts";
export type { HealthCheck } from "../pool/rotator-options.ts";
