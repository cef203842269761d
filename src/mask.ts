/** A secret's two ends, at most a third of it: enough to tell one's own keys apart. */
export function maskSecret(secret: string): string {
  const visible = Math.min(11, Math.floor(secret.length / 3));
  const tail = Math.min(4, Math.floor(visible / 2));
  const head = Math.min(7, visible - tail);
  return `${secret.slice(0, head)}...${tail === 0 ? "" : secret.slice(-tail)}`;
}

/** What stands in place of a secret in a text. */
const removed = "[secret]";

/** Takes secrets out of a text that came from outside: providers echo keys in error messages. */
export function scrubSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret === "") continue;
    clean = clean.replaceAll(secret, removed);
    const encoded = encodeURIComponent(secret);
    if (encoded !== secret) clean = clean.replaceAll(encoded, removed);
  }
  return clean;
}
