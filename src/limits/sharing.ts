/** How a store of several processes stands. */
export interface StoreSharing {
  /** Is what is counted shared, or does this process decide alone? `unknown`: nothing was asked yet. */
  readonly state: "unknown" | "shared" | "alone";
  /** Since when, epoch milliseconds on this process's clock. */
  readonly since: number;
  /** How many instances share it, this one among them, as last heard. */
  readonly instances: number;
  /** Which of them this one is, from 0. */
  readonly rank: number;
  /** Is what others change told at once? */
  readonly listening: boolean;
  /** Why it is alone, or cannot listen; in words, without a secret. @default nothing is wrong */
  readonly cause?: string | undefined;
}

/** What a store tells of its sharing. No `cause` has a secret in it. */
export type SharingChange =
  | { readonly type: "degraded"; readonly cause: string | undefined; readonly instances: number }
  /** Told of the first answer, too. @property aloneForMs milliseconds without the others; 0 at first */
  | { readonly type: "shared"; readonly aloneForMs: number }
  /** What was counted and what rested is lost; this process tells again what it knows. */
  | { readonly type: "data-lost"; readonly instances: number }
  /** What others change is not told, but learnt with the next question. */
  | { readonly type: "unsubscribed"; readonly cause: string | undefined };
