import type { ImportReport, ImportResult } from "../../../operate/keys/manage-keys.ts";
import type { KeyConfig } from "../../../pool/keys/key-config.ts";
import { AdminError, badField, unknownName } from "../calls/admin-error.ts";
import type { Channel } from "../calls/channel.ts";
import type { RequestFields } from "../calls/request-fields.ts";

type Entry = string | KeyConfig;

/** What an imported key may say. Where its requests go, and with which headers, is for the host app to decide. */
const allowedFields = ["secret", "id", "weight", "priority", "account", "models", "limits", "note", "enabled"];
/** Fields that are shown again. */
const shownFields = ["id", "account", "note", "models"];

export interface ImportWish {
  readonly mode: "append" | "replace";
  readonly batch: string | undefined;
}

/**
 * Imports the keys in a body's field `keys`: a list of secrets and key objects, or a string with one secret a line. Ends when
 * they are stored.
 * @throws AdminError when there is none among them that can be a key; nothing is changed then.
 */
export async function importKeys(channel: Channel, fields: RequestFields, wish: ImportWish): Promise<ImportReport> {
  // An asynchronous source is read first: what is imported is laid over it.
  await channel.list();
  const report = reportOf(channel, fields, wish);
  await channel.stored();
  return report;
}

function reportOf({ rotator }: Channel, fields: RequestFields, { mode, batch }: ImportWish): ImportReport {
  const entries = entriesIn(fields);
  const refused = entries.map(refusalOf);
  const places = [...entries.keys()].filter((place) => refused[place] === undefined);
  const accepted = places.map((place) => entries[place] as Entry);
  const report = accepted.length === 0 ? undefined : rotator.import(accepted, { mode, batch });
  const taken = report?.results[Symbol.iterator]();
  const results = refused.map((item) => item ?? placed(taken?.next().value as ImportResult, places));
  if (report === undefined || report.created + report.existed === 0) {
    const message = "None of the keys can be used: nothing was changed";
    throw new AdminError("bad_request", message, { field: "keys", data: { results } });
  }
  return { ...report, results, invalid: results.filter(({ outcome }) => outcome === "invalid").length };
}

/** The pool counts those only that it was given. */
function placed(result: ImportResult, places: readonly number[]): ImportResult {
  const message = result.message?.replace(/\bkeys\[(\d+)\]/g, (_, place: string) => `keys[${places[Number(place)]}]`);
  return { ...result, message: message ?? null };
}

function entriesIn(fields: RequestFields): readonly unknown[] {
  const value = fields.get("keys");
  if (typeof value !== "string") return fields.list("keys");
  const lines = value.split(/[\r\n,]+/).map((line) => line.trim());
  const given = lines.filter((line) => line !== "");
  if (given.length === 0) throw badField("keys", "at least one key");
  return given;
}

/** What stands against an entry before anybody looks at its secret. */
function refusalOf(entry: unknown): ImportResult | undefined {
  if (typeof entry === "string") return undefined;
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    return invalid("Expected a secret, or an object with a `secret`");
  }
  const other = Object.keys(entry).find((name) => !allowedFields.includes(name));
  if (other !== undefined) return invalid(unknownName("fields", other, allowedFields));
  const fields = new Map<string, unknown>(Object.entries(entry));
  const secret = fields.get("secret");
  if (typeof secret !== "string" || secret.trim() === "") return invalid("Expected `secret` to be a non-empty string");
  const telling = shownFields.find((name) => JSON.stringify(fields.get(name) ?? null).includes(secret.trim()));
  return telling === undefined ? undefined : invalid(`Expected \`${telling}\` not to hold the secret: it is shown`);
}

function invalid(message: string): ImportResult {
  return { outcome: "invalid", id: null, ordinal: null, message };
}
