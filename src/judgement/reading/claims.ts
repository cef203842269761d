import { containsAny, cutText, isList, isObject, readField, readList } from "./guarded.ts";
import type { HeaderView } from "./headers.ts";
import { sentencesOf } from "./sentences.ts";
import { looksLikeCode, type Word, wordsOfCode } from "./words.ts";

/** One thing that an answer says: a sentence, or a code taken apart into words. */
export interface Claim {
  readonly words: readonly Word[];
  readonly isCode: boolean;
  /** It tells what to do, not what happened. */
  readonly isAdvice: boolean;
}

/** A number or text in a field whose name says that it is a wait or an instant. */
export interface StatedTime {
  readonly name: string;
  readonly value: unknown;
}

export interface Said {
  /** Codes first. */
  readonly claims: readonly Claim[];
  readonly times: readonly StatedTime[];
  /** The texts that the sentences come from, as they were written. */
  readonly texts: readonly string[];
}

const maxDepth = 5;
const maxNodes = 96;
const maxNames = 40;
const maxElements = 8;
const maxClaims = 32;
const maxText = 1_536;
const maxNestedJson = 8_192;

const setOf = (words: string): ReadonlySet<string> => new Set(words.split(" "));

/** What models wrote, what the caller sent, and where to read on. Folded names. */
const unheard = setOf(
  "input prompt messages content choices output failedgeneration candidates request body loc param params url help link links " +
    "docurl documentationurl moreinfo requestid trace traceid id path timestamp flaggedinput stack headers domain object usage " +
    "model parameters data",
);
const heard = setOf(
  "code type status reason errorcode errcode errorname errortype errorkey subcode kind name limitsource declinecode error " +
    "exception limittype slug err message msg detail details errors errormessage errormsg errmsg description errordescription " +
    "faultstring title note information info result statusmsg cause explanation raw fault desc hint retmsg innererror " +
    "errorinfo text usermessage developermessage statusmessage retcode",
);

const errorNames = ["error", "-err-", "fault", "limited-reason", "grpc-message"];

/** Names of waits and of instants, folded, with what they are short of. */
const timeNames =
  /^(?:x?(?:quota|rate|ratelimit|limit)?(?:retryafter|retryin|retrydelay|wait|waittime|waitfor|cooldown|resetafter|resetin|resetsin|resetdelay|resetseconds|timeuntilreset|secondsremaining|secondstowait|estimatedtime|resetat|resetsat|resettime|resettimestamp|resetdate|availableat|retryat|blockeduntil|nextreset|until)(?:ms|s|sec|secs|seconds|minutes|milliseconds)?)$/;

/** What headers say of an error in words or codes. */
export function errorTextsIn(headers: HeaderView): readonly string[] {
  const texts: string[] = [];
  for (const [name, value] of headers.entries()) {
    if (name === "www-authenticate") texts.push(...authenticateTexts(value));
    else if (containsAny(name, errorNames) && !name.includes("ratelimit")) texts.push(cutText(value, 256));
  }
  return texts;
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

/** Walks a body, or hears a text. Bounded whatever it is given; never throws. */
export function hear(body: unknown, headerTexts: readonly string[]): Said {
  const listener = new Listener();
  for (const text of headerTexts) listener.hearText(text);
  if (typeof body === "string") listener.hearText(body);
  else listener.walk(body, 0);
  return listener.done();
}

class Listener {
  readonly #codes: Claim[] = [];
  readonly #prose: Claim[] = [];
  readonly #times: StatedTime[] = [];
  readonly #texts: string[] = [];
  readonly #known = new Set<string>();
  #nodes = 0;
  #length = 0;
  #nested = 0;

  done(): Said {
    return { claims: [...this.#codes, ...this.#prose], times: this.#times, texts: this.#texts };
  }

  walk(value: unknown, depth: number): void {
    if (depth > maxDepth || !isObject(value) || this.#nodes >= maxNodes) return;
    this.#nodes++;
    if (isList(value)) {
      for (const element of readList(value).slice(0, maxElements)) {
        if (typeof element === "string") this.hearText(element);
        else this.walk(element, depth + 1);
      }
      return;
    }
    let names: readonly string[];
    try {
      names = Object.keys(value);
    } catch {
      return;
    }
    for (let place = 0; place < names.length && place < maxNames; place++) {
      this.#member(names[place] as string, readField(value, names[place] as string), depth);
    }
  }

  #member(given: string, value: unknown, depth: number): void {
    const name = foldName(given);
    if (typeof value === "string" && heard.has(name)) {
      this.hearText(value);
    } else if (typeof value === "number" || typeof value === "string") {
      if (this.#times.length < 8 && timeNames.test(name)) this.#times.push({ name, value });
    } else if (isObject(value) && !unheard.has(name)) {
      this.walk(value, depth + 1);
    }
  }

  hearText(given: string): void {
    if (given === "" || this.#known.has(given) || this.#length > maxText) return;
    this.#known.add(given);
    if (this.#hearJson(given)) return;
    this.#length += Math.min(given.length, 768);
    if (looksLikeCode(given)) {
      const words = wordsOfCode(given);
      if (words.length > 0 && this.#codes.length < maxClaims)
        this.#codes.push({ words, isCode: true, isAdvice: false });
      return;
    }
    this.#texts.push(given.slice(0, 8_192));
    for (const { words, isAdvice } of sentencesOf(given)) {
      if (this.#prose.length < maxClaims) this.#prose.push({ words, isCode: false, isAdvice });
    }
  }

  /** A gateway puts what it was answered into its own message. */
  #hearJson(text: string): boolean {
    const start = text.indexOf("{");
    if (start === -1 || start > 200 || this.#nested >= 2 || text.length > maxNestedJson) return false;
    const end = text.lastIndexOf("}");
    if (end < start || end - start < 10 || text[start + 1] === "{") return false;
    this.#nested++;
    let inner: unknown;
    try {
      inner = JSON.parse(text.slice(start, end + 1));
    } catch {
      return false;
    }
    this.walk(inner, 1);
    this.hearText(text.slice(0, start));
    return true;
  }
}

const plainName = /^[a-z]{1,40}$/;

/** Letters alone, in lower case. */
function foldName(name: string): string {
  if (plainName.test(name)) return name;
  let folded = "";
  const end = Math.min(name.length, 40);
  for (let at = 0; at < end; at++) {
    const code = name.charCodeAt(at);
    if (code >= 97 && code <= 122) folded += name[at];
    else if (code >= 65 && code <= 90) folded += String.fromCharCode(code + 32);
  }
  return folded;
}
