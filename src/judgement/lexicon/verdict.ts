import type { Classification, Dimension, Kind, Scope, SharedBy, Strength, WindowName } from "../../types.ts";
import type { ResetRule } from "../provider.ts";
import type { Facts } from "../reading/facts.ts";

/** What a stage has to say. What it leaves open follows from the kind and from the words of the answer. */
export interface Verdict {
  readonly kind: Kind;
  readonly scope?: Scope | undefined;
  readonly sharedBy?: SharedBy | undefined;
  readonly window?: WindowName | null | undefined;
  readonly dimension?: Dimension | null | undefined;
  readonly retryable?: boolean | undefined;
  readonly failover?: boolean | undefined;
  /** Is the credential dead for certain? `false`: never given up. @default given up unless it has ever worked */
  readonly isDefinitive?: boolean | undefined;
  /** Waiting cannot help, whatever delay is stated. @default false */
  readonly ignoresDelay?: boolean | undefined;
  /** The delay where none is stated; of a list the first that can be told. @default unknown */
  readonly reset?: ResetRule | readonly ResetRule[] | undefined;
  /** @default "certain" */
  readonly strength?: Strength | undefined;
  /** `reset` goes before what is stated. @default false */
  readonly resetWins?: boolean | undefined;
}

/** Looks at an answer; `null` hands it to the next stage. */
export type Stage = (facts: Facts) => Verdict | null;

export type KindDefaults = Pick<Classification, "scope" | "sharedBy" | "retryable" | "failover">;

const ofKey: KindDefaults = { scope: "key", sharedBy: "key", retryable: false, failover: true };
const ofProvider: KindDefaults = { scope: "provider", sharedBy: "provider", retryable: true, failover: false };
const ofRequest: KindDefaults = { scope: "request", sharedBy: "request", retryable: false, failover: false };

/** What a kind means where nothing more is known. */
export const kindDefaults: Readonly<Record<Kind, KindDefaults>> = {
  none: { ...ofKey, failover: false },
  rate_limit: { ...ofKey, retryable: true },
  quota_exhausted: { scope: "account", sharedBy: "account", retryable: false, failover: true },
  invalid_key: ofKey,
  forbidden: ofKey,
  overloaded: ofProvider,
  server_error: ofProvider,
  timeout: ofProvider,
  network: ofProvider,
  bad_request: ofRequest,
  content_filter: ofRequest,
  context_length: ofRequest,
  aborted: ofRequest,
};
