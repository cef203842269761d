export type KeyVerdict =
  | "good"
  | "limited"
  | "no_quota"
  | "refused"
  | "forbidden"
  | "provider_trouble"
  | "unreachable"
  | "failed"
  | "not_probed";

export interface KeyReport {
  readonly id: string;
  readonly masked: string | null;
  readonly verdict: KeyVerdict;
  readonly status: number | null;
  readonly message: string | null;
  readonly elapsedMs: number;
}
