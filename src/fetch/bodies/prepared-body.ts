/** Why a body was not unpacked to its end. */
export type PackedTrouble = "encoding" | "broken" | "too-large";

/** What a packed body says. */
export interface UnpackedBody {
  /** As far as it was unpacked. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Why that is not all of it. */
  readonly trouble: PackedTrouble | undefined;
}

/** A body as it goes on after it was looked at. */
export interface PreparedBody {
  readonly body: BodyInit | null | undefined;
  /** Can it be sent again as often as needed? */
  readonly replayable: boolean;
  /** What it is, unless the client says so. */
  readonly contentType?: string | undefined;
  /** The form it was made of, in the platform's class. */
  readonly form?: FormData | undefined;
  /** What is sent in its place, made anew for every attempt. */
  readonly make?: (() => Pick<PreparedBody, "body" | "contentType">) | undefined;
  /** What it says, where that took reading or unpacking; it goes on as it is. */
  readonly plain?: UnpackedBody | undefined;
  /** Lets go of what cannot be sent again; whoever reads it still has an error of it, and no end. */
  readonly abandon?: ((reason: unknown) => void) | undefined;
}

export interface BodyOptions {
  readonly maxReplayBytes: number;
  /** Is it sent by the platform's own `fetch`, which knows the platform's own classes? */
  readonly usesPlatform: boolean;
  /** The caller's: reading may take long. */
  readonly signal: AbortSignal | undefined;
}
