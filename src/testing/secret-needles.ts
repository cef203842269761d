/** A run of characters that gives a secret away, and how it does. */
export interface SecretNeedle {
  readonly text: string;
  readonly form: string;
  readonly ignoreCase?: boolean;
}

const smallestPiece = 6;

/** Everything to look for: the secret in full and encoded, and every piece longer than a third of it (at least 6 characters). */
export function secretNeedles(secret: string): readonly SecretNeedle[] {
  return [
    { text: secret, form: "in full" },
    { text: encodeURIComponent(secret), form: "URL-encoded" },
    { text: hexOf(secret), form: "in hex", ignoreCase: true },
    ...base64Forms(secret),
    ...piecesOf(secret),
  ];
}

function piecesOf(secret: string): SecretNeedle[] {
  const length = Math.max(smallestPiece, Math.floor(secret.length / 3) + 1);
  const pieces = new Set<string>();
  for (let start = 0; start + length <= secret.length; start++) pieces.add(secret.slice(start, start + length));
  return [...pieces].map((text) => ({ text, form: "in part" }));
}

/**
 * Base64 looks different at each of three offsets inside a longer text (`Basic` credentials), so the middle that does
 * not depend on the neighbours is looked for at each.
 */
function base64Forms(secret: string): SecretNeedle[] {
  const bytes = new TextEncoder().encode(secret);
  const forms: SecretNeedle[] = [];
  for (const offset of [0, 1, 2]) {
    const padded = new Uint8Array(offset + bytes.length);
    padded.set(bytes, offset);
    const whole = btoa(String.fromCharCode(...padded)).replace(/=+$/, "");
    const endsCleanly = padded.length % 3 === 0;
    const text = whole.slice(offset === 0 ? 0 : offset + 1, endsCleanly ? undefined : -1);
    if (text.length < smallestPiece) continue;
    forms.push({ text, form: "in base64" });
    const urlSafe = text.replaceAll("+", "-").replaceAll("/", "_");
    if (urlSafe !== text) forms.push({ text: urlSafe, form: "in base64url" });
  }
  return forms;
}

function hexOf(secret: string): string {
  return Array.from(new TextEncoder().encode(secret), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
