import { InvalidOptionsError } from "../errors.ts";

/** Looks at one value; `field` is its path in messages. Throws `InvalidOptionsError`. */
export type Check = (field: string, value: unknown) => void;

/** A check for every field of a type: one that is added to the type is missed by the compiler here. */
export type Shape<T> = { readonly [field in keyof Required<T>]: Check };

/** Keys of 32 digits are common; names of time zones are seldom longer. */
const longestShown = 31;

function mayBeSecret(value: string): boolean {
  return value.length > longestShown || value.includes(",") || (value.length >= 8 && /\d/.test(value));
}

function shown(value: unknown): string {
  if (typeof value === "string") {
    return mayBeSecret(value) ? `a string of ${value.length} characters` : `\`${value}\` (string)`;
  }
  if (value === null || value === undefined) return `\`${value}\``;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "function") return "a function";
  if (typeof value === "object") return "an object";
  return `\`${String(value)}\` (${typeof value})`;
}

/** The error for a value that is not what it should be. A string that may be a secret is not repeated. */
export function unexpected(field: string, expectation: string, value: unknown): InvalidOptionsError {
  return unexpectedSecret(field, expectation, shown(value));
}

/** The same for values that are or may be secrets: only what kind of thing came is told. */
export function unexpectedSecret(field: string, expectation: string, came: string): InvalidOptionsError {
  return new InvalidOptionsError(field, `Expected \`${field}\` to be ${expectation}, got ${came}`);
}

export function optional(check: Check): Check {
  return (field, value) => {
    if (value !== undefined) check(field, value);
  };
}

/** An object with these fields and no others. Fields of the object named `options` are shown without that name. */
export function shaped<T>(shape: Shape<T>): Check {
  const checks = Object.entries<Check>(shape);
  const names = Object.keys(shape).join(", ");
  return (field, value) => {
    expectObject(field, value);
    const pathOf = (name: string): string => (field === "options" ? name : `${field}.${name}`);
    const unknownName = Object.keys(value).find((name) => !Object.hasOwn(shape, name));
    if (unknownName !== undefined) {
      // An object that was meant to go from secret to behaviour has secrets for names.
      if (!/^[A-Za-z]{1,24}$/.test(unknownName)) {
        throw unexpected(field, `an object with only known fields (${names})`, value);
      }
      const message = `Expected \`${field}\` to have only known fields, got \`${unknownName}\`. Known are ${names}`;
      throw new InvalidOptionsError(pathOf(unknownName), message);
    }
    for (const [name, check] of checks) check(pathOf(name), value[name]);
  };
}

export function expectObject(field: string, value: unknown): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unexpected(field, "an object", value);
}

export function listOf(what: string, check: Check): Check {
  return (field, value) => {
    if (!Array.isArray(value)) throw unexpected(field, `a list of ${what}`, value);
    for (const [place, entry] of value.entries()) check(`${field}[${place}]`, entry);
  };
}

/** One, or a list of at least one. */
export function oneOrMore(what: string, check: Check): Check {
  const list = listOf(what, check);
  return (field, value) => {
    if (!Array.isArray(value)) return check(field, value);
    if (value.length === 0) throw unexpected(field, `at least one of ${what}`, value);
    list(field, value);
  };
}

export function oneOf(...known: readonly string[]): Check {
  return (field, value) => {
    if (typeof value === "string" && known.includes(value)) return;
    throw unexpected(field, `one of ${known.map((name) => `"${name}"`).join(", ")}`, value);
  };
}

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Check {
  return (field, value) => {
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return;
    throw unexpected(
      field,
      max === Number.MAX_SAFE_INTEGER ? `an integer >= ${min}` : `an integer from ${min} to ${max}`,
      value,
    );
  };
}

export const text: Check = (field, value) => {
  if (typeof value !== "string" || value.trim() === "") throw unexpected(field, "a non-empty string", value);
};

/** A string that is or may hold a credential. */
export const secretText: Check = (field, value) => {
  if (typeof value === "string" && value !== "") return;
  const came = value === "" ? "an empty string" : value === null ? "`null`" : `a value of type ${typeof value}`;
  throw unexpectedSecret(field, "a non-empty string", came);
};

export const flag: Check = (field, value) => {
  if (typeof value !== "boolean") throw unexpected(field, "true or false", value);
};

/** A finite number of milliseconds (or seconds), zero included. */
export const duration: Check = (field, value) => {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    throw unexpected(field, "a finite number >= 0", value);
  }
};

const headerNamePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export const headerName: Check = (field, value) => {
  if (typeof value !== "string" || !headerNamePattern.test(value)) throw unexpected(field, "a header name", value);
};

/** Names with values that may be sent. Values may be credentials, and so may what stands where a name should. */
export const headerRecord: Check = (field, value) => {
  expectObject(field, value);
  for (const [place, [name, entry]] of Object.entries(value).entries()) {
    const path = mayBeSecret(name) || !/^[\w-]+$/.test(name) ? `${field}[${place}]` : `${field}.${name}`;
    if (!headerNamePattern.test(name)) {
      const came = name === "" ? "an empty one" : `${name.length} characters that are none`;
      throw unexpectedSecret(path, "named by a header name such as `x-region`", came);
    }
    if (typeof entry !== "string") throw unexpectedSecret(path, "a string", typeof entry);
    if (/[^\t\x20-\x7e\x80-\xff]/.test(entry)) {
      throw unexpectedSecret(path, "a value a header can carry", "one with a character that no header can carry");
    }
  }
};

/** An object with these methods. */
function methods(...names: readonly [string, string, ...string[]]): Check {
  const expectation = `an object with the methods ${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return (field, value) => {
    const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
    if (!isObject) throw unexpected(field, expectation, value);
    const missing = names.filter((name) => typeof (value as Record<string, unknown>)[name] !== "function");
    if (missing.length > 0) throw unexpectedSecret(field, expectation, `an object without ${missing.join(", ")}`);
  };
}

export const clock: Check = methods("wall", "monotonic", "timer");
