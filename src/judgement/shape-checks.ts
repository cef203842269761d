import { expectKnown, expectNumber, expectOneOf, expectString, unexpected } from "../checks.ts";

/** Looks at one value; `field` is its path in messages. Throws `InvalidOptionsError`. */
export type Check = (field: string, value: unknown) => void;

/** A check for every field of a type: one that is added to the type is missed by the compiler here. */
export type Shape<T> = { readonly [field in keyof Required<T>]: Check };

export function optional(check: Check): Check {
  return (field, value) => {
    if (value !== undefined) check(field, value);
  };
}

export function orNull(check: Check): Check {
  return (field, value) => {
    if (value !== null) check(field, value);
  };
}

/** An object with these fields and no others. */
export function shaped<T>(shape: Shape<T>): Check {
  const checks = Object.entries<Check>(shape);
  return (field, value) => {
    expectKnown(field, value, shape);
    for (const [name, check] of checks) check(`${field}.${name}`, (value as Record<string, unknown>)[name]);
  };
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

export function oneOf(known: readonly string[]): Check {
  return (field, value) => {
    expectOneOf(field, value, known);
  };
}

export const text: Check = (field, value) => {
  expectString(field, value);
};

export const anyText: Check = (field, value) => {
  if (typeof value !== "string") throw unexpected(field, "a string", value);
};

export const flag: Check = (field, value) => {
  if (typeof value !== "boolean") throw unexpected(field, "true or false", value);
};

/** A finite number of milliseconds, zero included. */
export const durationMs: Check = (field, value) => {
  expectNumber(field, value, { min: 0 });
  if (value === Number.POSITIVE_INFINITY) throw unexpected(field, "a finite number of milliseconds", value);
};

/** As `HeaderCounter` and its like want them. */
export const headerName: Check = (field, value) => {
  if (typeof value === "string" && /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(value)) return;
  throw unexpected(field, "a header name in lower case", value);
};

export const pairOfTexts: Check = (field, value) => {
  if (Array.isArray(value) && value.length === 2 && value.every((entry) => typeof entry === "string")) return;
  throw unexpected(field, "a list of two strings", value);
};
