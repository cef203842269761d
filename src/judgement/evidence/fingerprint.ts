/** So much of a refusal's text tells it from others. Characters. */
const most = 2048;

/** What a caller wrote, or a model's name: quoted inside of a sentence. */
const quoted = /\\"[^"\\]{0,60}\\"|'[^'\n]{0,60}'|`[^`\n]{0,60}`/g;
/** Ids, amounts, times: any word with a digit in it. */
const changing = /[\w-]{0,80}\d[\w-]{0,80}/g;

/**
 * What two refusals are compared by: the status, and the text without what differs from request to request. Equal for refusals
 * in the same words. It may quote the request: not for a log.
 */
export function fingerprintOf(status: number | null, text: string): string {
  const words = text.slice(0, most).toLowerCase().replaceAll(quoted, "#").replaceAll(changing, "#");
  return `${status} ${words.replaceAll(/\s+/g, " ").trim()}`;
}
