/** What a runtime is told before it runs the suite. */
export interface Environment {
  /** Origin of the provider that the pool's keys are meant for. */
  readonly provider: string;
  /** Origin of a server that must never see a key. */
  readonly foreign: string;
  /** Made for this run. `limited` is refused with 429 everywhere; `good` is not. */
  readonly keys: { readonly limited: string; readonly good: string };
}

export type KeyRole = keyof Environment["keys"];

/** A request as a server of the driver saw it. */
export interface Arrival {
  readonly method: string;
  readonly path: string;
  /** Headers with a key of the pool in them, and whose it was. */
  readonly credentials: readonly { readonly header: string; readonly role: KeyRole }[];
  /** Was a key in the URL or the body? */
  readonly isKeyElsewhere: boolean;
  /** Without parameters: each encoding of a form makes up a boundary of its own. */
  readonly contentType: string | null;
  /** Base64; of a form its fields, as JSON. */
  readonly body: string;
  /** Milliseconds on the server's clock. */
  readonly atMs: number;
}

/** How one case of the suite went. */
export interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: string | undefined;
}
