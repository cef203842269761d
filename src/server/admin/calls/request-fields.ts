import { badField, unknownField } from "./admin-error.ts";

/** A JSON object somebody sent. Only its own fields are looked at: a `__proto__` in it is one like any other. */
export class RequestFields {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw badField("body", "a JSON object");
    }
    this.#fields = new Map(Object.entries(value));
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  get(name: string): unknown {
    return this.#fields.get(name);
  }

  /** @throws AdminError for a field that is not among these. */
  expectOnly(known: readonly string[]): void {
    for (const name of this.#fields.keys()) {
      if (!known.includes(name)) throw unknownField(name, known);
    }
  }

  flag(name: string): boolean {
    const value = this.get(name);
    if (typeof value !== "boolean") throw badField(name, "true or false");
    return value;
  }

  text(name: string): string {
    const value = this.get(name);
    if (typeof value !== "string" || value.trim() === "") throw badField(name, "a non-empty string");
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.has(name) ? this.text(name) : undefined;
  }

  /** @throws AdminError unless it is one of these. */
  oneOf<const T extends string | number>(name: string, known: readonly T[]): T {
    const value = this.get(name);
    const found = known.find((each) => each === value);
    if (found === undefined) throw badField(name, `one of ${known.map((each) => JSON.stringify(each)).join(", ")}`);
    return found;
  }

  list(name: string): readonly unknown[] {
    const value = this.get(name);
    if (!Array.isArray(value) || value.length === 0) throw badField(name, "a list of at least one");
    return value;
  }
}
