import type { Classification, ClassificationContext, Dimension, Kind, Scope, SharedBy, WindowName } from "../types.ts";
import type { ResetRule } from "./provider.ts";
import type { BodyFormat } from "./reading/body.ts";
import type { ErrorEnvelope } from "./reading/envelope.ts";
import type { HeaderView } from "./reading/headers.ts";

/** One answer, taken apart once for all stages to look at. */
export interface Facts {
  /** Status of the response; 0 where there is none. */
  readonly status: number;
  /** Status the decision is made by: the body's own where the response's says success. */
  readonly effectiveStatus: number;
  /** An error inside an answer whose status says success. */
  readonly isEmbedded: boolean;
  /** Is it an error object, rather than a bare text or a list of errors? */
  readonly isErrorObject: boolean;
  readonly format: BodyFormat;
  readonly envelope: ErrorEnvelope;
  /** The body as it was decoded. */
  readonly body: unknown;
  /** Every code, type and reason of the body, folded; the most telling first. */
  readonly codes: readonly string[];
  /** The message in lower case; empty for markup. */
  readonly message: string;
  /** A body that is no structured data, in lower case: only the marks of a CDN are looked for in it. */
  readonly page: string;
  readonly headers: HeaderView;
  readonly context: ClassificationContext;
  /** Wall clock as the server sees it, epoch milliseconds. */
  readonly serverNow: number;
}

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
