import { expectNumber, unexpected } from "../checks.ts";
import type { ErrorRule, ResetPlace, RuleVerdict } from "./provider.ts";
import { successIn } from "./provider-rules.ts";
import {
  type Check,
  durationMs,
  flag,
  headerName,
  oneOf,
  oneOrMore,
  optional,
  orNull,
  pairOfTexts,
  type Shape,
  shaped,
  text,
} from "./shape-checks.ts";
import { dimension, kind, resetUnit, scope, sharedBy, windowName } from "./vocabulary.ts";

const status: Check = (field, value) => {
  expectNumber(field, value, { min: 100, integer: true, finite: true });
  if ((value as number) > 999) throw unexpected(field, "a status of three digits", value);
};

const resetPlaceShape: Shape<ResetPlace> = { header: optional(headerName), field: optional(text), unit: resetUnit };
const resetPlace = shaped(resetPlaceShape);
const resetPeriod = oneOf(["day", "minute", "month"]);

const resetRule: Check = (field, value) => {
  if (typeof value === "number") return durationMs(field, value);
  if (typeof value === "string") return resetPeriod(field, value);
  resetPlace(field, value);
  const { header, field: bodyField } = value as ResetPlace;
  if ((header ?? bodyField) === undefined) throw unexpected(field, "a place with `header` or `field`", value);
};

const verdict: Shape<RuleVerdict> = {
  kind,
  scope: optional(scope),
  sharedBy: optional(sharedBy),
  window: optional(orNull(windowName)),
  dimension: optional(orNull(dimension)),
  retryable: optional(flag),
  failover: optional(flag),
  isDefinitive: optional(flag),
  ignoresDelay: optional(flag),
  reset: optional(oneOrMore("reset rules", resetRule)),
  resetWins: optional(flag),
};

const ruleHeader: Check = (field, value) => {
  if (!Array.isArray(value)) return headerName(field, value);
  pairOfTexts(field, value);
  headerName(`${field}[0]`, value[0]);
};

const onlyTrue: Check = (field, value) => {
  if (value !== true) throw unexpected(field, "true, or left out", value);
};

const plainTypes: ReadonlySet<string> = new Set(["string", "number", "boolean"]);

const ruleField: Check = (field, value) => {
  if (!Array.isArray(value)) return text(field, value);
  const [name, ...wanted] = value as readonly unknown[];
  text(`${field}[0]`, name);
  for (const [place, entry] of wanted.entries()) {
    if (entry === null || plainTypes.has(typeof entry)) continue;
    throw unexpected(`${field}[${place + 1}]`, "a string, a number, true, false or null", entry);
  }
};

const texts = oneOrMore("strings", text);

const rule: Shape<ErrorRule> = {
  status: optional(oneOrMore("statuses", status)),
  code: optional(texts),
  words: optional(texts),
  unless: optional(texts),
  header: optional(ruleHeader),
  field: optional(ruleField),
  window: optional(oneOrMore("windows", windowName)),
  embedded: optional(flag),
  empty: optional(onlyTrue),
  verdict: shaped(verdict),
};

const ruleFields = shaped(rule);
const conditions =
  "`status`, `code`, `words`, `unless`, `header`, `field`, `window`, `embedded: true` or `empty: true`";

/** One that nothing is asked of would apply to every error, and to every success where it is for a status of success. */
export const errorRule: Check = (field, value) => {
  ruleFields(field, value);
  const given = value as ErrorRule;
  const { code, words, unless, header, field: bodyField, window, embedded, empty } = given;
  const isAnything = [given.status, code, words, unless, header, bodyField, window, empty].every(
    (one) => one === undefined,
  );
  if (isAnything && embedded !== true) throw unexpected(field, `a rule with a condition (${conditions})`, value);
  const success = successIn(given);
  if (empty === true && success === undefined && given.status !== undefined) {
    throw unexpected(`${field}.status`, "left out, or one of success, beside `empty`", given.status);
  }
  if ((success ?? empty) === undefined) return;
  if (embedded === false)
    throw unexpected(`${field}.embedded`, "left out in a rule for answers that say success", false);
  if ((code ?? words ?? bodyField ?? empty) !== undefined) return;
  const wanted = `a rule that names \`field\`, \`words\`, \`code\` or \`empty\`, since every good answer has status ${success}`;
  throw unexpected(field, wanted, value);
};
