import {
  type Check,
  clock,
  duration,
  expectObject,
  flag,
  headerName,
  headerRecord,
  integer,
  listOf,
  oneOrMore,
  optional,
  secretText,
  shaped,
  text,
  unexpected,
  unexpectedSecret,
} from "../checks.ts";
import { assertProviderLimit, type ProviderLimit } from "../limits/provider-limit.ts";
import type { CredentialHeader, CredentialQuery } from "./credential.ts";
import type { ProviderEmulatorOptions } from "./emulator-options.ts";
import type { EmulatedKey, KeyBehaviour, Script, Step } from "./step.ts";

const afterChunks = integer(0);

const cut: Check = (field, value) => {
  if (typeof value === "object") shaped<{ afterChunks: number }>({ afterChunks })(field, value);
  else if (value !== "before-headers" && value !== "after-headers") {
    throw unexpected(field, '"before-headers", "after-headers" or { afterChunks }', value);
  }
};

const body: Check = (field, value) => {
  if (typeof value === "string" || (typeof value === "object" && value !== null)) return;
  throw unexpected(field, "an object or a string", value);
};

const objectBody: Check = (field, value) => {
  if (typeof value !== "object" || value === null) throw unexpected(field, "an object", value);
};

const onlyTrue: Check = (field, value) => {
  if (value !== true) throw unexpected(field, "true or absent", value);
};

const step = shaped<Step>({
  ok: optional(onlyTrue),
  status: optional(integer(200, 599)),
  headers: optional(headerRecord),
  body: optional(body),
  events: optional(listOf("events", body)),
  delayMs: optional(duration),
  chunkDelayMs: optional(duration),
  cut: optional(cut),
  streamError: optional(shaped<NonNullable<Step["streamError"]>>({ afterChunks, body: optional(objectBody) })),
});

const steps = listOf("steps", step);

const script: Check = (field, value) => {
  if (typeof value === "function") return;
  if (!Array.isArray(value)) throw unexpected(field, "a list of steps or a function", value);
  steps(field, value);
};

const limits = listOf("limits", (field, value) => assertProviderLimit(value as ProviderLimit, field));

const behaviourShape = {
  account: optional(text),
  name: optional(text),
  script: optional(script),
  always: optional(step),
  limits: optional(limits),
};

const behaviour = shaped<KeyBehaviour>(behaviourShape);
const keyWithBehaviour = shaped<EmulatedKey>({ ...behaviourShape, secret: secretText });

const key: Check = (field, value) => {
  if (typeof value === "string") return secretText(field, value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unexpectedSecret(field, "a secret or a key with its behaviour", nameOfType(value));
  }
  keyWithBehaviour(field, value);
};

const keys: Check = (field, value) => {
  if (Array.isArray(value)) return listOf("keys", key)(field, value);
  if (typeof value !== "object" || value === null) {
    throw unexpectedSecret(field, "a list of keys, or an object from secret to behaviour", nameOfType(value));
  }
  for (const [place, [secret, entry]] of Object.entries(value).entries()) {
    const path = `${field}[${place}]`;
    secretText(path, secret);
    // A secret in the place of the behaviour is not repeated.
    if (typeof entry !== "object") throw unexpectedSecret(path, "a behaviour", nameOfType(entry));
    behaviour(path, entry);
  }
};

function nameOfType(value: unknown): string {
  if (value === null || value === undefined) return `\`${value}\``;
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}

const scheme: Check = (field, value) => {
  if (typeof value !== "string" || /\s/.test(value)) throw unexpected(field, "a word or an empty string", value);
};

const headerPlace = shaped<CredentialHeader>({ header: headerName, scheme: optional(scheme) });
const queryPlace = shaped<CredentialQuery>({ query: text });

const credentialPlace: Check = (field, value) => {
  expectObject(field, value);
  if ("query" in value) queryPlace(field, value);
  else headerPlace(field, value);
};

function orFunction(check: Check): Check {
  return (field, value) => {
    if (typeof value !== "function") check(field, value);
  };
}

const reply: Check = (field, value) => {
  if (typeof value !== "string") throw unexpected(field, "a string or a function", value);
};

const options = shaped<ProviderEmulatorOptions>({
  keys,
  credential: optional(oneOrMore("places for the key", credentialPlace)),
  limits: optional(limits),
  countRefused: optional(flag),
  advertiseRetryAfter: optional(flag),
  rateLimitHeaders: optional(flag),
  models: optional(listOf("model ids", text)),
  reply: optional(orFunction(reply)),
  completionTokens: optional(orFunction(integer(0))),
  chunkDelayMs: optional(duration),
  clock: optional(clock),
});

/** All of these throw `InvalidOptionsError` naming the field at fault, and never a secret. */
export function assertOptions(value: ProviderEmulatorOptions): void {
  options("options", value);
}

export function assertNewKey(secret: string, value: KeyBehaviour): void {
  secretText("secret", secret);
  behaviour("behaviour", value);
}

export function assertScript(value: Script, always: Step): void {
  script("script", value);
  step("always", always);
}

export function assertLimits(value: readonly ProviderLimit[]): void {
  limits("limits", value);
}

/** A step that a function returned. */
export function assertStep(value: Step | undefined): void {
  optional(step)("step", value);
}

/** What `reply` returned. */
export function assertReply(value: string): void {
  if (typeof value !== "string") throw unexpected("reply", "a function that returns a string", value);
}

/** What `completionTokens` returned. */
export function assertTokens(value: number): void {
  integer(0)("completionTokens", value);
}
