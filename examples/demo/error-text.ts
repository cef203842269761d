/** An error in one line, without any of `secrets`: providers echo keys in their messages. */
export function errorText(error: unknown, secrets: readonly string[]): string {
  const message = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
  const text = secrets.reduce((clean, secret) => clean.replaceAll(secret, "[key]"), `${message}${cause}`);
  return text.replace(/\s+/g, " ").slice(0, 160);
}
