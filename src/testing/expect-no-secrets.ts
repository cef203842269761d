import { isA } from "../realms.ts";
import { type SecretNeedle, secretNeedles } from "./secret-needles.ts";

interface Visit {
  readonly value: unknown;
  readonly path: string;
  /** How many getters and `toJSON` calls led here. */
  readonly computed: number;
}

type Found = Omit<Visit, "computed"> & { readonly isComputed?: boolean };

/** A getter that makes a new object each time would never end. */
const maxComputed = 4;

/**
 * Throws when any of `secrets` can be found in `value`, however deep: in strings, property names, symbols, objects with
 * getters, arrays, maps, sets, errors with message, stack and causes, headers, URLs, form data, bytes, what `toJSON` returns, and the
 * address and headers of a `Request` or `Response` (a body is not read; pass its text). Found are a secret as it is,
 * in base64, hex or URL-encoded, and any piece of it longer than a third (at least 6 characters).
 *
 * The error's message says at which path, and never quotes the secret.
 *
 * @example
 * expectNoSecrets({ log, events, snapshot: rotator.snapshot() }, secrets);
 */
export function expectNoSecrets(value: unknown, secrets: readonly string[]): void {
  const needles = secrets.filter((secret) => secret !== "").flatMap(secretNeedles);
  const seen = new Set<unknown>();
  const pending: Visit[] = [{ value, path: "value", computed: 0 }];
  for (let visit = pending.pop(); visit !== undefined; visit = pending.pop()) {
    const { path } = visit;
    if (isDead(visit.value)) continue;
    const text = textOf(visit.value);
    if (text !== undefined) refuseSecret(text, path, needles);
    if (!isWalkable(visit.value) || seen.has(visit.value)) continue;
    seen.add(visit.value);
    // The stack gives back the last one first; reversed, the path found is the first in reading order.
    for (const found of childrenOf(visit.value, path, needles).reverse()) {
      const computed = visit.computed + (found.isComputed === true ? 1 : 0);
      if (computed <= maxComputed) pending.push({ value: found.value, path: found.path, computed });
    }
  }
}

function isWalkable(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** A revoked proxy cannot even be asked what it is. */
function isDead(value: unknown): boolean {
  return isWalkable(value) && attempt(() => [Reflect.getPrototypeOf(value)]) === undefined;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "symbol") return value.description;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (isA(value, "URL") || isA(value, "URLSearchParams")) return value.toString();
  if (isA(value, "ArrayBuffer")) return bytesAsText(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) return bytesAsText(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  return undefined;
}

function bytesAsText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function refuseSecret(text: string, path: string, needles: readonly SecretNeedle[]): void {
  const lowerCase = text.toLowerCase();
  for (const needle of needles) {
    if (needle.ignoreCase === true ? lowerCase.includes(needle.text) : text.includes(needle.text)) {
      throw new Error(`Expected no secret, but ${path} contains one ${needle.form}`);
    }
  }
}

function childrenOf(value: object, path: string, needles: readonly SecretNeedle[]): Found[] {
  if (ArrayBuffer.isView(value) || isA(value, "ArrayBuffer") || isA(value, "URL")) return [];
  if (isA(value, "Headers") || isA(value, "URLSearchParams") || isA(value, "FormData")) {
    return [...value].flatMap(([name, entry]) => {
      refuseSecret(name, `a name in ${path}`, needles);
      return { value: entry, path: `${path}[${JSON.stringify(name)}]` };
    });
  }
  // What the platform hides behind these is not for a caller to see, and leads to its connections.
  if (isA(value, "Response")) return platformFields(value, ["url", "statusText", "headers"], path);
  if (isA(value, "Request")) return platformFields(value, ["url", "method", "headers", "referrer"], path);
  if (isA(value, "Blob") || isA(value, "ReadableStream")) return [];
  return [...collectionEntries(value, path), ...properties(value, path, needles), ...jsonForm(value, path)];
}

function platformFields<Owner extends object>(
  owner: Owner,
  names: readonly (keyof Owner & string)[],
  path: string,
): Found[] {
  const fields = names.map((name) => ({ value: owner[name], path: `${path}.${name}` }));
  // Properties put on the object itself are a caller's to see; symbols are the platform's own.
  const own = Object.entries(owner).map(([name, value]) => ({ value, path: `${path}.${name}` }));
  return [...fields, ...own];
}

function collectionEntries(value: object, path: string): Found[] {
  if (isA(value, "Map")) {
    return [...value].flatMap(([key, entry], position) => [
      { value: key, path: `${path} key ${position}` },
      { value: entry, path: `${path} value ${position}` },
    ]);
  }
  if (isA(value, "Set"))
    return [...value].map((entry, position) => ({ value: entry, path: `${path} entry ${position}` }));
  return [];
}

function properties(value: object, path: string, needles: readonly SecretNeedle[]): Found[] {
  const names = attempt(() => Reflect.ownKeys(value)) ?? [];
  const visits = names.map((name, position) => {
    refuseSecret(textOf(name) ?? "", `the name of property ${position} of ${path}`, needles);
    return {
      value: attempt(() => Reflect.get(value, name) as unknown),
      path: path + segment(value, name),
      isComputed: attempt(() => Object.getOwnPropertyDescriptor(value, name)?.get) !== undefined,
    };
  });
  const inherited = inheritedGetters(value).map((name) => ({
    value: attempt(() => Reflect.get(value, name) as unknown),
    path: path + segment(value, name),
    isComputed: true,
  }));
  return [...visits, ...inherited];
}

function segment(owner: object, name: string | symbol): string {
  if (typeof name === "symbol") return `[${String(name)}]`;
  if (Array.isArray(owner) && /^\d+$/.test(name)) return `[${name}]`;
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** Getters of a class show what its private fields hold. */
function inheritedGetters(value: object): string[] {
  const names: string[] = [];
  let prototype = attempt(() => Object.getPrototypeOf(value) as object | null) ?? null;
  while (prototype !== null && prototype !== Object.prototype && prototype !== Function.prototype) {
    const owner = prototype;
    for (const name of attempt(() => Object.getOwnPropertyNames(owner)) ?? []) {
      if (Object.getOwnPropertyDescriptor(owner, name)?.get !== undefined) names.push(name);
    }
    prototype = attempt(() => Object.getPrototypeOf(owner) as object | null) ?? null;
  }
  return names;
}

function jsonForm(value: object, path: string): Found[] {
  const toJSON = attempt(() => Reflect.get(value, "toJSON") as unknown);
  if (typeof toJSON !== "function") return [];
  const json = attempt(() => Reflect.apply(toJSON, value, []) as unknown);
  return [{ value: json, path: `${path}.toJSON()`, isComputed: true }];
}

/** A getter or a proxy that throws shows nothing. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
