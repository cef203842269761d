import { expectString, unexpected } from "../checks.ts";
import { InvalidOptionsError } from "../errors.ts";
import { matchesModel } from "./model-pattern.ts";

// Which models a key serves, and what they are called where its requests go. A request's own name for a model is its alias; limits
// and cooldowns of one model follow the name that the provider knows.

/** Models a key serves: names and patterns, or names that requests use with the provider's own for each. */
export type ModelsGiven = readonly string[] | Readonly<Record<string, string>>;

/** The same, made ready to be asked. */
export type ServedModels = readonly string[] | ModelNames;

/** A name with one star, taken apart. */
interface Pattern {
  readonly before: string;
  readonly after: string;
  readonly name: string;
}

/** Filter and renaming in one: exact names go before patterns, of those the longest first. */
export class ModelNames {
  readonly #given: Readonly<Record<string, string>>;
  readonly #exact: ReadonlyMap<string, string>;
  readonly #patterns: readonly Pattern[];

  /** @param given checked */
  constructor(given: Readonly<Record<string, string>>) {
    this.#given = given;
    const entries = Object.entries(given);
    this.#exact = new Map(entries.filter(([alias]) => !alias.includes("*")));
    this.#patterns = entries
      .filter(([alias]) => alias.includes("*"))
      .sort(([one], [other]) => other.length - one.length)
      .map(([alias, name]) => {
        const star = alias.indexOf("*");
        return { before: alias.slice(0, star), after: alias.slice(star + 1), name };
      });
  }

  get aliases(): readonly string[] {
    return Object.keys(this.#given);
  }

  /** What the provider calls this model; `undefined`: it is not served. */
  nameOf(model: string): string | undefined {
    const exact = this.#exact.get(model);
    if (exact !== undefined) return exact;
    for (const { before, after, name } of this.#patterns) {
      const fits = model.length >= before.length + after.length && model.startsWith(before) && model.endsWith(after);
      if (fits) return name.replace("*", () => model.slice(before.length, model.length - after.length));
    }
    return undefined;
  }

  /** As it was given. */
  toJSON(): Readonly<Record<string, string>> {
    return this.#given;
  }
}

/** Do requests change with these? Told without the class: a pool may be another copy's of the library. */
export function isMapping(models: ServedModels | undefined): models is ModelNames {
  return models !== undefined && !Array.isArray(models);
}

/** Does a key with these models serve this one? */
export function servesModel(models: ServedModels | undefined, model: string): boolean {
  if (models === undefined) return true;
  if (isMapping(models)) return models.nameOf(model) !== undefined;
  return models.some((pattern) => matchesModel(pattern, model));
}

/** What a model is called where a key's requests go. One that is not served keeps its name. */
export function realName(models: ServedModels | undefined, model: string): string {
  return isMapping(models) ? (models.nameOf(model) ?? model) : model;
}

/** The names that requests may use. */
export function aliasesOf(models: ServedModels): readonly string[] {
  return isMapping(models) ? models.aliases : models;
}

/** As a user would write it. */
export function modelsAsGiven(models: ServedModels): ModelsGiven {
  return isMapping(models) ? models.toJSON() : models;
}

/** @throws InvalidOptionsError naming the entry. */
export function resolveServedModels(field: string, value: unknown): ServedModels {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value instanceof ModelNames ? value : resolveNames(field, value);
  }
  const list = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list) || list.length === 0) {
    throw unexpected(field, "a model name, a list of them, or an object with the provider's name for each", value);
  }
  return list.map((entry, place) => expectString(`${field}[${place}]`, entry));
}

function resolveNames(field: string, value: object): ModelNames {
  const entries = Object.entries(value);
  if (entries.length === 0) {
    throw new InvalidOptionsError(field, `Expected \`${field}\` to map at least one model to a name, got none`);
  }
  const names: [string, string][] = entries.map(([alias, name]) => {
    if (alias.trim() === "") throw new InvalidOptionsError(field, `Expected \`${field}\` to name each model, got ""`);
    const entry = `${field}[${JSON.stringify(alias)}]`;
    if (starsIn(alias) > 1)
      throw new InvalidOptionsError(entry, `Expected \`${entry}\` to have one * at most, got two`);
    return [alias, expectName(entry, alias, name)];
  });
  return new ModelNames(Object.fromEntries(names));
}

function expectName(entry: string, alias: string, value: unknown): string {
  const name = expectString(entry, value);
  // Neither a line of a form nor a path could carry one.
  if (/\p{Cc}/u.test(name)) throw unexpected(entry, "a name without control characters", value);
  const stars = starsIn(name);
  if (stars > starsIn(alias)) {
    const came = stars > 1 ? "two" : "one, and nothing that it stands for";
    throw new InvalidOptionsError(
      entry,
      `Expected \`${entry}\` to map to a name with at most the * of its model, got ${came}`,
    );
  }
  return name;
}

function starsIn(text: string): number {
  return text.split("*").length - 1;
}
