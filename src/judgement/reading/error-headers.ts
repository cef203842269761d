import { cutText } from "./guarded.ts";
import type { HeaderView } from "./headers.ts";

/** What headers say of an error in words or codes. */
export function errorTextsIn(headers: HeaderView): readonly string[] {
  const texts: string[] = [];
  for (const [name, value] of headers.entries()) {
    if (name === "www-authenticate") texts.push(...authenticateTexts(value));
    else if (isErrorName(name)) texts.push(cutText(value, 256));
  }
  return texts;
}

function isErrorName(name: string): boolean {
  if (name.includes("ratelimit")) return false;
  return (
    name.includes("error") ||
    name.includes("-err-") ||
    name.includes("fault") ||
    name.endsWith("-limited-reason") ||
    name === "grpc-message"
  );
}

/** `error="…"` and `error_description="…"`. */
function authenticateTexts(value: string): readonly string[] {
  const texts: string[] = [];
  for (const name of ['error="', 'error_description="']) {
    const start = value.indexOf(name);
    const end = start === -1 ? -1 : value.indexOf('"', start + name.length);
    if (end !== -1) texts.push(value.slice(start + name.length, end));
  }
  return texts;
}
