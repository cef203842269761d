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
  readonly under: readonly number[] | "client" | "client or 500";
  readonly except?: readonly number[];
  /** Sentences that tell what to do count as well. */
  readonly hearsAdvice?: boolean;
  readonly only?: (names: Names, claim: Signalled, heard: Heard) => boolean;
  readonly says: Verdict | ((names: Names, heard: Heard) => Verdict);
}

const stopped = { kind: "invalid_key", isDefinitive: true } as const;
const badRequest = { kind: "bad_request" } as const;
const rateLimit = { kind: "rate_limit" } as const;
const overloaded = { kind: "overloaded" } as const;
const ofThisModel = { kind: "overloaded", scope: "model", sharedBy: "provider" } as const;
const forbidden = { kind: "forbidden" } as const;
/** Not open to this account: another one may have it. */
const modelOfAccount = { kind: "bad_request", scope: "model", sharedBy: "account", failover: true } as const;
/** A smaller request can be paid for. */
const spentForThis = { kind: "quota_exhausted", scope: "request", sharedBy: "account" } as const;

/** Under these, words name what was asked for as often as what happened: they need an owner or a code. */
const vagueStatuses = [400, 404, 409, 422];
const isVague = ({ status }: Heard): boolean => vagueStatuses.includes(status);

const isOwned = (names: Names): boolean => names("you") || names("account") || names("key");

/** Relays put words about load beside the code of an empty account. */
const isSpentByCode = (heard: Heard): boolean => heard.inCode("allowance", "lack") || heard.inCode("money", "lack");

const spent = (_names: Names, heard: Heard): Verdict =>
  heard.any("needed") ? spentForThis : { kind: "quota_exhausted" };

export const decisionTable: readonly Row[] = [
  { name: "card", all: ["card"], none: ["reached"], under: "client", except: [200, 401, 429], says: badRequest },
  {
    name: "abuse",
    all: ["abuse"],
    none: ["apiKey", "rate"],
    under: "client",
    says: (_names, { status }) => {
      const ofAccount = { scope: "account", sharedBy: "account", failover: false } as const;
      return status === 429
        ? { ...ofAccount, kind: "rate_limit", dimension: "requests" }
        : { ...ofAccount, kind: "forbidden" };
    },
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
    none: ["money", "allowance", "model", "later", "apiKey"],
    under: "client",
    only: (names, claim, heard) =>
      !heard.any("money") &&
      ((heard.status !== 200 && !isVague(heard)) || claim.isCode || names("you") || claim.words[0] === "this"),
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
    says: { kind: "context_length", dimension: "tokens" },
  },
  {
    name: "money",
    all: ["money", ["lack", "reached", "dead", "needed"]],
    none: ["card"],
    under: "client",
    only: (names, _claim, heard) => names("lack") || (!names("rate") && (!isVague(heard) || isOwned(names))),
    says: spent,
  },
  {
    name: "key",
    all: [
      ["apiKey", "key"],
      ["wrong", "dead"],
    ],
    none: ["denied", "reached", "money", "allowance"],
    under: "client",
    except: [429],
    only: isOfCredential,
    says: stopped,
  },
  {
    name: "load",
    all: [["busy", "slow", "we"]],
    under: [200, 400, 403, 429, 498, 500, 502, 503, 504, 529],
    only: isOurLoad,
    says: (names, { status }) => (status === 429 && names("model") ? ofThisModel : overloaded),
  },
  {
    name: "allowance",
    all: ["allowance", ["reached", "lack", "dead"]],
    under: "client or 500",
    only: (names, claim, heard) =>
      heard.status >= 500 ? isSaidOfUs(names, claim, heard) : !isVague(heard) || claim.isCode || isOwned(names),
    says: ofAllowance,
  },
  {
    name: "limit",
    all: [
      ["rate", "limit"],
      ["reached", "limit", "tooFast"],
    ],
    under: "client or 500",
    only: isLimit,
    says: (names, { status }) =>
      status === 403 && !names("rate") && !names("window") && (names("key") || names("apiKey"))
        ? { kind: "quota_exhausted", scope: "key", sharedBy: "key" }
        : rateLimit,
  },
  {
    name: "place",
    all: ["place", ["denied", "wrong", "dead"]],
    none: ["content", "apiKey"],
    under: [200, 400, 401, 403, 451],
    only: (names, claim, heard) => !isVague(heard) || claim.isCode || isOwned(names),
    says: (_names, heard) =>
      heard.any("list")
        ? { kind: "forbidden", scope: "account", sharedBy: "account" }
        : { kind: "forbidden", scope: "ip", sharedBy: "ip", failover: false },
  },
  {
    name: "model",
    all: ["model", ["denied", "wrong", "dead"]],
    under: "client",
    except: [429],
    only: (names, _claim, { status }) =>
      names("denied") || (!names("content") && [400, 404, 410, 422].includes(status)),
    says: ofModel,
  },
  {
    name: "not permitted",
    all: ["denied"],
    none: ["content"],
    under: [200, 400, 401, 403, 404, 422],
    only: (names, claim, heard) =>
      heard.status === 401 || heard.status === 403 || (!heard.any("wrong") && (claim.isCode || isOwned(names))),
    says: forbidden,
  },
];

/** A key, token or login that is wrong or dead; under the statuses of a bad request a parser may say "invalid token", too. */
function isOfCredential(names: Names, claim: Signalled, { status }: Heard): boolean {
  if (names("apiKey")) return status !== 404 || claim.isCode;
  if (status === 401 || status === 403) return true;
  const isNamed = claim.isCode || names("you") || ["this", "the"].includes(claim.words[0] as string);
  return names("dead") && !names("content") && isNamed && [200, 400, 422].includes(status);
}

/** The service's own voice: busy, too slow, or at a limit that is not yours. */
function isOurLoad(names: Names, claim: Signalled, heard: Heard): boolean {
  const { status } = heard;
  if (isSpentByCode(heard)) return false;
  if (names("busy")) {
    if (names("you") && (names("reached") || names("limit"))) return false;
    return !(names("rate") && names("window")) && (status !== 400 || claim.isCode || names("we") || names("model"));
  }
  if (status !== 429 && status !== 503) return false;
  if (names("slow")) return !names("you");
  const isLimited = (names("rate") && (names("reached") || names("limit"))) || (names("limit") && names("reached"));
  return isLimited && !isOwned(names) && !names("allowance") && !names("money") && !names("window");
}

/** A limit that is over at some time, or one that was bought. */
function ofAllowance(names: Names, heard: Heard): Verdict {
  if (heard.any("window") || heard.statesWait) return rateLimit;
  if (heard.status === 402 || heard.any("buy") || heard.any("lack") || names("dead")) return spent(names, heard);
  return [200, 403, 429, 500].includes(heard.status) ? rateLimit : spent(names, heard);
}

/** What went wrong on the server is no limit, unless it says whose. */
function isSaidOfUs(names: Names, claim: Signalled, { isStructured }: Heard): boolean {
  if (!isStructured || names("busy") || names("we")) return false;
  return names("reached") && (claim.isCode || names("allowance") || names("you") || names("account"));
}

function isLimit(names: Names, claim: Signalled, heard: Heard): boolean {
  const { status } = heard;
  if (status >= 500) return isSaidOfUs(names, claim, heard);
  if (names("rate")) {
    if (names("tooFast") && !names("denied") && !names("wrong")) return true;
    if (names("wrong") || !(names("reached") || names("limit"))) return false;
    return status === 429 || claim.isCode || names("reached") || names("window") || (status !== 200 && isOwned(names));
  }
  if (![200, 401, 403, 420, 429].includes(status) || !names("limit") || !names("reached")) return false;
  if (names("denied") || names("tooLong") || names("model")) return false;
  return claim.isCode || !names("content") || names("you");
}

function ofModel(names: Names, { status }: Heard): Verdict {
  if (names("denied")) return status === 401 || status === 403 ? { kind: "forbidden", scope: "model" } : modelOfAccount;
  if (status === 404 || (status !== 410 && (names("account") || names("you")))) return modelOfAccount;
  return { kind: "bad_request", scope: "model", sharedBy: "provider" };
}
