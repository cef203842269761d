/** A header that can carry a credential, and the word that goes before the secret. */
export interface CredentialPlacement {
  /** Header name, lower case. */
  readonly header: string;
  /** `"Bearer"`, or empty for a bare secret. @default "" */
  readonly scheme?: string | undefined;
}

/** What the library knows of a provider. Data only: no code here does I/O. */
export interface Provider {
  readonly name: string;
  /** Origins a secret may be sent to. Empty: the user must give one (hosts are per customer). */
  readonly origins: readonly string[];
  /** Where the credential goes when the client placed none. */
  readonly credential: CredentialPlacement;
  /**
   * Do this provider's own SDKs repeat a POST that was answered 500 or 502? Elsewhere only idempotent requests are repeated.
   * @default false
   */
  readonly repeatsServerErrors?: boolean | undefined;
  /** Where the model stands in a JSON request body; a top-level property. @default "model" */
  readonly modelField?: string | undefined;
  /** Shape of a made error answer. @default "openai" */
  readonly errorShape?: "openai" | "anthropic" | "gemini" | undefined;
}
