import { readFileSync } from "node:fs";
import { SettingsError } from "./settings.ts";

const names = ["api_keys", "server_port", "target_url", "health_check", "health_path"] as const;
type Name = (typeof names)[number];

/** Beyond so many brackets in one another a file is none of ours. */
const deepest = 64;

/**
 * Reads a file of settings in JSON. It holds API keys, and a parser's own error quotes the text around a fault: these name the place
 * and the field, and never a piece of the file.
 * @throws SettingsError saying where the file is broken, or why it cannot be read.
 */
export function readConfig(file: string): Readonly<Partial<Record<Name, unknown>>> {
  const text = textOf(file).replace(/^\ufeff/, "");
  const value = parsed(file, text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SettingsError(`${file} holds no JSON object, which begins with {.`);
  }
  return value;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw new SettingsError(`${file} cannot be read (${code}).`);
  }
}

/** The parser's error goes no further: it must not come along as the cause of ours. */
function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SettingsError(`${file} is not JSON: ${placeOfFault(text)}. Is a comma or a quote missing there?`);
  }
}

function placeOfFault(text: string): string {
  const scan = new Scan(text);
  scan.run();
  const before = text.slice(0, scan.at).split("\n");
  const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  return scan.field === undefined ? place : `${place}, in \`${scan.field}\``;
}

/** Goes over JSON up to its first fault. */
class Scan {
  /** How far the text is JSON. */
  at = 0;
  /** The field of ours it is in: other names may be anything, a key too. */
  field: string | undefined;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    if (this.#value(0)) this.#space();
  }

  #value(depth: number): boolean {
    this.#space();
    if (depth > deepest) return false;
    if (this.#take(/\{/y)) return this.#members(depth + 1);
    if (this.#take(/\[/y)) return this.#entries(depth + 1);
    return this.#string() || this.#take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y);
  }

  #members(depth: number): boolean {
    this.#space();
    if (this.#take(/\}/y)) return true;
    do {
      this.#space();
      const start = this.at;
      if (!this.#string()) return false;
      if (depth === 1) this.field = names.find((name) => this.#text.slice(start + 1, this.at - 1) === name);
      this.#space();
      if (!this.#take(/:/y) || !this.#value(depth)) return false;
      this.#space();
    } while (this.#take(/,/y));
    return this.#take(/\}/y);
  }

  #entries(depth: number): boolean {
    this.#space();
    if (this.#take(/\]/y)) return true;
    const list = this.field;
    for (let place = 0; ; place++) {
      if (depth === 2 && list !== undefined) this.field = `${list}[${place}]`;
      if (!this.#value(depth)) return false;
      this.#space();
      if (!this.#take(/,/y)) break;
    }
    if (!this.#take(/\]/y)) return false;
    this.field = list;
    return true;
  }

  #string(): boolean {
    return this.#take(/"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy);
  }

  #space(): void {
    this.#take(/[ \t\r\n]*/y);
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.#text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }
}
