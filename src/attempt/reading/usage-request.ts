import type { UsageShape } from "../../judgement/provider.ts";
import { forEachMember } from "./request-facts.ts";

/** Longer bodies are not looked through. */
const scanLimit = 4_194_304;

const asked = '"stream_options":{"include_usage":true},';

/** Do streams from this path tell what was used only when they are asked to? True for completions alone. */
export function asksForUsage(path: string, shape: UsageShape | undefined): boolean {
  if (shape?.asked !== true) return false;
  const query = path.indexOf("?");
  return (query === -1 ? path : path.slice(0, query)).endsWith("/completions");
}

/**
 * The same JSON body, with usage asked for, where it asks for a stream and says nothing of `stream_options`; otherwise the
 * very string given. The rest of its text stays as it is. The stream then ends with a chunk whose `choices` are empty.
 */
export function withUsageAsked(body: string): string {
  if (body.length > scanLimit || !body.includes('"stream"')) return body;
  let streams = false;
  let says = false;
  // What was not seen to its end may say it later, and a name that occurs twice is refused by some.
  const isWhole = forEachMember(body, 0, body.length, (name, valueAt) => {
    if (name === "stream") streams = /[\s,}]/.test(body.charAt(valueAt + 4)) && body.startsWith("true", valueAt);
    else if (name === "stream_options") says = true;
    return !says;
  });
  if (!isWhole || !streams || says) return body;
  const at = body.indexOf("{") + 1;
  return body.slice(0, at) + asked + body.slice(at);
}
