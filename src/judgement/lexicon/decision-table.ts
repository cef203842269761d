/**
 * What signals mean together. Rows from top to bottom; of each row the claims in order, codes first: the first claim that has
 * all classes of a row and none of the forbidden ones, under one of its statuses, decides.
 *
 * Why this order: what somebody else's money or the content is to blame for comes before all that asks another key; who sent
 * nothing before what is wrong; money before keys, since an account that is stopped for its balance revives; keys before limits;
 * the service's own voice before limits; limits before permissions, since a limit says "blocked" and "not allowed", too.
 */
import type { Verdict } from "./verdict.ts";
import type { Signal } from "./word-classes.ts";

/** A claim with the classes that its words belong to, as bits. */
export interface Signalled {
  readonly bits: number;
  readonly words: readonly string[];
  readonly isCode: boolean;
  readonly isAdvice: boolean;
}

/** All that an answer says, seen by the rows. */
export interface Heard {
  readonly status: number;
  /** Is the body JSON or an error that looks like it, rather than a bare text? */
  readonly isStructured: boolean;
  readonly claims: readonly Signalled[];
  /** Does any claim name the class? */
  any(signal: Signal): boolean;
  /** Does a code name both? */
  inCode(one: Signal, other: Signal): boolean;
  /** Did the answer state a wait? */
  readonly statesWait: boolean;
}

/** Does a claim name a class? */
export type Names = (signal: Signal) => boolean;

export interface Row {
  readonly name: string;
  /** All of these; of a list, one. */
  readonly all: readonly (Signal | readonly Signal[])[];
  readonly none?: readonly Signal[];
  readonly under: readonly number[] | "client";
  readonly except?: readonly number[];
  /** Sentences that tell what to do count as well. */
  readonly hearsAdvice?: boolean;
  readonly only?: (names: Names, claim: Signalled, heard: Heard) => boolean;
  readonly says: Verdict | ((names: Names, heard: Heard, claim: Signalled) => Verdict);
  /** The words are weak: the verdict is likely, not certain. */
  readonly isWeak?: boolean;
}

const stopped = { kind: "invalid_key", isDefinitive: true } as const;
const badRequest = { kind: "bad_request" } as const;
const spent = (_names: Names, heard: Heard): Verdict => (heard.any("needed") ? spentForThis : spentByAll);
const spentByAll = { kind: "quota_exhausted" } as const;
/** A smaller request can be paid for. */
const spentForThis = { kind: "quota_exhausted", scope: "request", sharedBy: "account" } as const;
const rateLimit = { kind: "rate_limit" } as const;
const overloaded = { kind: "overloaded" } as const;
const tooLong = { kind: "context_length", dimension: "tokens" } as const;
const modelOfAccount = { kind: "bad_request", scope: "model", sharedBy: "account", failover: true } as const;

const vagueStatuses = [400, 404, 409, 422];

const isOwned = (names: Names): boolean => names("you") || names("account") || names("key");

/** A limit that is over at some time, or one that was bought. */
function ofAllowance(names: Names, heard: Heard): Verdict {
  if (heard.any("window") || heard.statesWait) return rateLimit;
  if (heard.status === 402 || names("spent") || heard.any("buy") || heard.any("lack")) return spent(names, heard);
  return [200, 403, 429, 500].includes(heard.status) ? rateLimit : spent(names, heard);
}

export const decisionTable: readonly Row[] = [
  {
    name: "card",
    all: ["card"],
    none: ["reached"],
    under: "client",
    except: [200, 401, 429],
    says: badRequest,
  },
  {
    name: "abuse",
    all: ["abuse"],
    none: ["apiKey", "rate"],
    under: "client",
    says: (_names, { status }) => ({
      kind: status === 429 ? "rate_limit" : "forbidden",
      scope: "account",
      sharedBy: "account",
      dimension: status === 429 ? "requests" : undefined,
      failover: false,
    }),
  },
  {
    name: "missing",
    all: ["missing", ["apiKey", "key"]],
    none: ["dead", "wrong", "denied"],
    under: [200, 400, 401, 403],
    hearsAdvice: true,
    only: (_names, _claim, heard) => !heard.inCode("apiKey", "wrong"),
    says: badRequest,
  },
  {
    name: "suspended",
    all: ["account", "dead"],
    none: ["money", "spent", "allowance", "model", "later", "apiKey"],
    under: "client",
    only: (names, claim, heard) =>
      !heard.any("money") &&
      (!vagueStatuses.includes(heard.status) || claim.isCode || names("you") || claim.words[0] === "this"),
    says: stopped,
  },
  {
    name: "policy",
    all: [["harm", "policy"]],
    none: ["dead"],
    under: "client",
    except: [401, 402, 429],
    only: (names, claim) => names("harm") || claim.isCode || (names("content") && !names("wrong")),
    says: { kind: "content_filter" },
  },
  {
    name: "too long",
    all: ["tooLong"],
    none: ["money"],
    under: [200, 400, 403, 413, 422, 429, 500],
    only: (names) => !(names("allowance") && names("you")) && !(names("window") && names("rate")),
    says: tooLong,
  },
  { name: "spent", all: ["spent"], none: ["card"], under: "client", says: spent },
  {
    name: "money",
    all: ["money", ["lack", "reached", "dead"]],
    none: ["card"],
    under: "client",
    only: (names, _claim, { status }) =>
      (!vagueStatuses.includes(status) || names("lack") || isOwned(names)) && (!names("rate") || names("lack")),
    says: spent,
  },
  {
    name: "bad key",
    all: ["apiKey", ["wrong", "dead"]],
    none: ["denied", "reached", "policy", "money", "allowance"],
    under: "client",
    except: [429],
    only: (_names, claim, { status }) => status !== 404 || claim.isCode,
    says: stopped,
  },
  {
    name: "dead key",
    all: ["key", "dead"],
    none: ["denied", "reached", "policy", "money", "allowance", "content"],
    under: [200, 400, 422],
    only: (names, claim) =>
      claim.isCode || names("you") || ["this", "the"].includes(claim.words[0] as string),
    says: stopped,
  },
  {
    name: "bad login",
    all: ["key", ["wrong", "dead"]],
    none: ["denied", "reached", "allowance", "money"],
    under: [401, 403],
    says: stopped,
  },
  {
    name: "our load",
    all: ["busy"],
    under: [200, 400, 403, 429, 498, 500, 502, 503, 504, 529],
    only: (names, claim, { status }) =>
      !(names("you") && (names("reached") || names("limit"))) &&
      !(names("rate") && names("window")) &&
      (status !== 400 || claim.isCode || names("we") || names("model")),
    says: (names, { status }) =>
      status === 429 && names("model") ? { kind: "overloaded", scope: "model", sharedBy: "provider" } : overloaded,
  },
  {
    name: "deadline",
    all: ["slow"],
    none: ["you"],
    under: [429, 503],
    says: overloaded,
  },
  {
    name: "our limit",
    all: ["we", ["rate", "limit"], ["reached", "rate"]],
    none: ["you", "account", "key", "apiKey", "allowance", "money", "window"],
    under: [429, 503],
    says: overloaded,
  },
  {
    name: "run out",
    all: ["allowance", ["lack", "dead"]],
    none: ["window"],
    under: "client",
    only: (_names, _claim, heard) => !heard.statesWait,
    says: spent,
  },
  {
    name: "allowance",
    all: ["allowance", ["reached", "lack"]],
    under: "client",
    says: ofAllowance,
  },
  {
    name: "rate",
    all: ["rate", ["reached", "limit"]],
    none: ["wrong"],
    under: "client",
    only: (names, _claim, { status }) =>
      status === 429 || names("reached") || names("window") || isOwned(names),
    says: rateLimit,
  },
  {
    name: "limit",
    all: ["limit", "reached"],
    none: ["denied", "tooLong", "model"],
    under: [200, 401, 403, 420, 429],
    only: (names, claim) => claim.isCode || !names("content") || names("you"),
    says: (names, { status, statesWait }) =>
      names("window") || statesWait || status === 429
        ? rateLimit
        : names("key") || names("apiKey")
          ? { kind: "quota_exhausted", scope: "key", sharedBy: "key" }
          : rateLimit,
  },
  {
    name: "rate under 500",
    all: [["rate", "allowance"], "reached"],
    none: ["busy", "we"],
    under: [500, 503],
    only: (names, claim, { isStructured }) =>
      isStructured && (claim.isCode || names("allowance") || names("you") || names("account")),
    says: rateLimit,
  },
  {
    name: "place",
    all: ["place", ["denied", "wrong", "dead"]],
    none: ["content", "apiKey"],
    under: [200, 400, 401, 403, 451],
    only: (names, claim, { status }) => status !== 400 || claim.isCode || isOwned(names),
    says: (_names, heard) =>
      heard.any("list")
        ? { kind: "forbidden", scope: "account", sharedBy: "account" }
        : { kind: "forbidden", scope: "ip", sharedBy: "ip", failover: false },
  },
  {
    name: "no access to a model",
    all: ["model", "denied"],
    under: "client",
    except: [429],
    says: (_names, { status }) =>
      status === 401 || status === 403 ? { kind: "forbidden", scope: "model" } : modelOfAccount,
  },
  {
    name: "model of the account",
    all: ["model", "wrong", ["account", "you"]],
    under: [400, 404, 422],
    says: modelOfAccount,
  },
  {
    name: "no such model",
    all: ["model", ["wrong", "dead"]],
    none: ["content"],
    under: [400, 404, 410, 422],
    says: (_names, { status }) =>
      status === 404 ? modelOfAccount : { kind: "bad_request", scope: "model", sharedBy: "provider" },
  },
  {
    name: "not permitted",
    all: ["denied"],
    none: ["content"],
    under: [200, 400, 401, 403, 404, 422],
    only: (names, claim, heard) =>
      heard.status === 401 ||
      heard.status === 403 ||
      (!heard.any("wrong") && (claim.isCode || names("account") || names("you") || names("allowance"))),
    says: { kind: "forbidden" },
  },
  {
    name: "told to pay",
    all: ["buy", "money"],
    under: [401, 402, 403, 429],
    hearsAdvice: true,
    says: spent,
    isWeak: true,
  },
];
