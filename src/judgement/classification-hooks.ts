import { expectOneOf, unexpected } from "../checks.ts";
import { InvalidOptionsError } from "../errors.ts";
import { isPromise } from "../realms.ts";
import type { Classification, Kind } from "../types.ts";
import { kindDefaults } from "./lexicon/verdict.ts";
import type { ClassifierInput } from "./provider.ts";
import { shaped } from "./shape-checks.ts";
import { classificationShape, kinds } from "./vocabulary.ts";

/** What a `classify` hook may answer: a classification of its own, or what is to be different in ours. */
export type ClassificationChange = { readonly [field in keyof Classification]?: Classification[field] | undefined };

/**
 * Overrules a classification. `undefined` leaves it as it is. Fields that are left out stay as they were classified; where another
 * `kind` is named, scope, sharedBy, retryable and failover are what that kind means, and no key is given up.
 */
export type ClassifyHook = (input: ClassifierInput, judged: Classification) => ClassificationChange | undefined;

/**
 * - `"disable"`: the credential is dead. It is treated as any definitively refused one, and another account is tried.
 * - `"cooldown"`: the key is limited. It cools down, for as long as stated or ever longer, and another account is tried.
 * - `"failover"`: another account is tried; nothing cools down.
 * - `"return"`: the answer goes back as it came; nothing cools down.
 * - `"retry"`: the request is repeated on the same key after a pause, if that is safe; nothing cools down.
 */
export type PolicyAction = "disable" | "cooldown" | "failover" | "return" | "retry";

/** What to do, by status (400 to 999) or by kind. */
export type Policy = {
  readonly [statusOrKind in number | Exclude<Kind, "none" | "aborted">]?: PolicyAction | undefined;
};

export interface ClassificationHooks {
  readonly classify?: ClassifyHook | undefined;
  readonly policy?: Policy | undefined;
}

const noCooldown = {
  scope: "request",
  sharedBy: "request",
  window: null,
  dimension: null,
  disableKey: false,
} as const;

const actions: Readonly<Record<PolicyAction, (judged: Classification) => Classification>> = {
  disable: () => ({
    kind: "invalid_key",
    scope: "key",
    sharedBy: "key",
    window: null,
    dimension: null,
    retryAfterMs: null,
    retryable: false,
    failover: true,
    disableKey: true,
    strength: "certain",
  }),
  cooldown: (judged) => {
    const isLimit = judged.kind === "rate_limit" || judged.kind === "quota_exhausted";
    // Whose limit it is has been found out already.
    if (isLimit) return { ...judged, failover: true, disableKey: false };
    const ofKey = { kind: "rate_limit", scope: "key", sharedBy: "key" } as const;
    return { ...judged, ...ofKey, retryable: true, failover: true, disableKey: false };
  },
  failover: (judged) => ({ ...judged, ...noCooldown, kind: kindWithoutCooldown(judged.kind), failover: true }),
  return: (judged) => ({
    ...judged,
    ...noCooldown,
    kind: kindWithoutCooldown(judged.kind),
    retryable: false,
    failover: false,
  }),
  retry: (judged) => ({
    ...judged,
    ...noCooldown,
    kind: kindWithoutCooldown(judged.kind),
    retryable: true,
    failover: false,
  }),
};

const keyKinds: ReadonlySet<Kind> = new Set(["rate_limit", "quota_exhausted", "invalid_key", "forbidden"]);

/** These kinds are said of keys, and keys cool down for them. */
function kindWithoutCooldown(kind: Kind): Kind {
  return keyKinds.has(kind) ? "bad_request" : kind;
}

const actionNames = Object.keys(actions) as PolicyAction[];
const ruledKinds: readonly string[] = kinds.filter((kind) => kind !== "none" && kind !== "aborted");

/** @throws InvalidOptionsError naming the status or kind, or what is to be done about it. */
export function expectPolicy(field: string, value: unknown): Policy {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unexpected(field, 'an object such as `{ 403: "disable" }`', value);
  }
  for (const [name, action] of Object.entries(value)) {
    if (!/^[4-9]\d\d$/.test(name) && !ruledKinds.includes(name)) {
      const expected = `to have only statuses from 400 and kinds (${ruledKinds.join(", ")}) as names`;
      const came = /^\w{1,24}$/.test(name) ? `\`${name}\`` : "another one";
      throw new InvalidOptionsError(field, `Expected \`${field}\` ${expected}, got ${came}`);
    }
    if (action !== undefined) expectOneOf(`${field}.${name}`, action, actionNames);
  }
  return value as Policy;
}

/** What the user wants done otherwise of what an answer was found to mean. */
export type Overrule = (classified: Classification, input: ClassifierInput) => Classification;

/** `undefined`: nothing is. `onFailure` is told when the hook fails. */
export function overruleBy(
  { classify: hook, policy: given }: ClassificationHooks,
  onFailure: (error: unknown) => void,
): Overrule | undefined {
  if (hook === undefined && given === undefined) return undefined;
  // Taken over once: what is changed later was never checked.
  const policy: Policy = { ...given };
  return (classified, input) => {
    const byPolicy = ruled(classified, input.status, policy);
    if (hook === undefined) return byPolicy;
    try {
      return changed(byPolicy, hook(input, { ...byPolicy }));
    } catch (error) {
      onFailure(error);
      return byPolicy;
    }
  };
}

function ruled(classified: Classification, status: number | undefined, policy: Policy): Classification {
  const { kind } = classified;
  if (kind === "none" || kind === "aborted") return classified;
  const action = (status === undefined ? undefined : policy[status]) ?? policy[kind];
  return action === undefined ? classified : actions[action](classified);
}

const completeClassification = shaped(classificationShape);

/** @throws InvalidOptionsError when the change is none or leads to none. */
function changed(judged: Classification, change: unknown): Classification {
  if (change === undefined) return judged;
  if (isPromise(change)) {
    // It will not be waited for, and its failure is no news.
    Promise.resolve(change).catch(() => {});
    throw unexpected("classify()", "a classification, not a promise of one", change);
  }
  if (typeof change !== "object" || change === null || Array.isArray(change)) {
    throw unexpected("classify()", "an object with fields of a classification, or undefined", change);
  }
  const given: ClassificationChange = Object.fromEntries(
    Object.entries(change).filter(([, value]) => value !== undefined),
  );
  const { kind = judged.kind } = given;
  const isOther = kind !== judged.kind && Object.hasOwn(kindDefaults, kind);
  const base = isOther ? { ...judged, ...kindDefaults[kind], disableKey: false } : judged;
  const result = { ...base, ...given };
  completeClassification("classify()", result);
  return result as Classification;
}
