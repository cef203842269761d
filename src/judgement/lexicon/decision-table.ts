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

/** A claim with the classes that its words belong to. */
export interface Signalled {
  /** What its first word is. */
  readonly first: string;
  readonly isCode: boolean;
  readonly isAdvice: boolean;
  /** Does it name the class? */
  has(signal: Signal): boolean;
}

/** All that an answer says, seen by the rows. */
export interface Heard {
  readonly status: number;
  /** Is the body JSON or an error that looks like it, rather than a bare text? */
  readonly isStructured: boolean;
  /** Did the answer state a wait? */
  readonly statesWait: boolean;
  /** Does any claim name the class? */
  any(signal: Signal): boolean;
  /** The first claim that is so, advice left out. */
  find(test: (claim: Signalled, heard: Heard) => boolean): Signalled | undefined;
  /** Does a code name both? */
  inCode(one: Signal, other: Signal): boolean;
}

export interface Row {
  readonly name: string;
  /** All of these; of a list, one. */
  readonly all: readonly (Signal | readonly Signal[])[];
  readonly none?: readonly Signal[];
  readonly under: readonly number[] | "client" | "client or 500";
  readonly except?: readonly number[];
  /** Sentences that tell what to do count as well. */
  readonly hearsAdvice?: boolean;
  readonly only?: (claim: Signalled, heard: Heard) => boolean;
  readonly says: Verdict | ((claim: Signalled, heard: Heard) => Verdict);
}

const stopped = { kind: "invalid_key", isDefinitive: true } as const;
const badRequest = { kind: "bad_request" } as const;
const rateLimit = { kind: "rate_limit" } as const;
/** Of a day as likely as not: back in hours, and asked about now and then. */
const longLimit = { kind: "rate_limit", window: "day" } as const;
const overloaded = { kind: "overloaded" } as const;
const ofThisModel = { kind: "overloaded", scope: "model", sharedBy: "provider" } as const;
const forbidden = { kind: "forbidden" } as const;
const forbiddenAccount = { kind: "forbidden", scope: "account", sharedBy: "account" } as const;
/** Not open to this account: another one may have it. */
const modelOfAccount = { kind: "bad_request", scope: "model", sharedBy: "account", failover: true } as const;
/** A smaller request can be paid for. */
const spentForThis = { kind: "quota_exhausted", scope: "request", sharedBy: "account" } as const;

/** Under these, words name what was asked for as often as what happened: they need an owner or a code. */
const vagueStatuses = [400, 404, 409, 422];
const isVague = ({ status }: Heard): boolean => vagueStatuses.includes(status);

const isOwned = (claim: Signalled): boolean => claim.has("you") || claim.has("account") || claim.has("key");

/** Relays put words about load beside the code of an empty account. */
const isSpentByCode = (heard: Heard): boolean => heard.inCode("allowance", "lack") || heard.inCode("money", "lack");

const spent = (_claim: Signalled, heard: Heard): Verdict =>
  heard.any("needed") ? spentForThis : { kind: "quota_exhausted" };

export const decisionTable: readonly Row[] = [
  { name: "card", all: ["card"], none: ["reached"], under: "client", except: [200, 401, 429], says: badRequest },
  {
    name: "abuse",
    all: ["abuse"],
    none: ["apiKey", "rate"],
    under: "client",
    says: (_claim, { status }) => {
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
    only: (_claim, heard) => !heard.inCode("apiKey", "wrong"),
    says: badRequest,
  },
  {
    name: "policy",
    all: [["harm", "policy"]],
    none: ["dead"],
    under: "client",
    except: [401, 402, 429],
    only: (claim) => claim.has("harm") || claim.isCode || (claim.has("content") && !claim.has("wrong")),
    says: { kind: "content_filter" },
  },
  {
    name: "too long",
    all: ["tooLong"],
    none: ["money"],
    under: [200, 400, 403, 413, 422, 429, 500],
    only: (claim) => !(claim.has("allowance") && claim.has("you")) && !(claim.has("window") && claim.has("rate")),
    says: { kind: "context_length", dimension: "tokens" },
  },
  {
    name: "money",
    all: ["money", ["lack", "reached", "dead", "needed"]],
    none: ["card"],
    under: "client",
    only: (claim, heard) => claim.has("lack") || (!claim.has("rate") && (!isVague(heard) || isOwned(claim))),
    says: spent,
  },
  {
    name: "credential",
    all: [
      ["apiKey", "key", "account"],
      ["wrong", "dead"],
    ],
    none: ["money", "allowance"],
    under: "client",
    only: (claim, heard) =>
      claim.has("apiKey") || claim.has("key") ? isOfCredential(claim, heard) : isOfAccount(claim, heard),
    says: stopped,
  },
  {
    name: "load",
    all: [["busy", "slow", "we"]],
    under: [200, 400, 403, 429, 498, 500, 502, 503, 504, 529],
    only: isOurLoad,
    says: (claim, { status }) => (status === 429 && claim.has("model") ? ofThisModel : overloaded),
  },
  {
    name: "allowance",
    all: ["allowance", ["reached", "lack", "dead"]],
    under: "client or 500",
    only: (claim, heard) =>
      heard.status >= 500 ? isSaidOfUs(claim, heard) : !isVague(heard) || claim.isCode || isOwned(claim),
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
    says: (claim, { status }) =>
      status === 403 && !claim.has("rate") && !claim.has("window") && (claim.has("key") || claim.has("apiKey"))
        ? { kind: "quota_exhausted", scope: "key", sharedBy: "key" }
        : rateLimit,
  },
  {
    name: "access",
    all: [
      ["denied", "place", "model"],
      ["denied", "wrong", "dead"],
    ],
    under: "client",
    except: [429],
    only: (claim, heard) => isOfPlace(claim, heard) || isOfModel(claim, heard) || isForbidden(claim, heard),
    says: ofAccess,
  },
];

/** An account that is stopped, where no words speak of its balance: that would revive it. */
function isOfAccount(claim: Signalled, heard: Heard): boolean {
  if (!claim.has("dead") || claim.has("model") || claim.has("later") || heard.any("money")) return false;
  const isVagueStatus = heard.status === 200 || isVague(heard);
  return !isVagueStatus || claim.isCode || claim.has("you") || claim.first === "this";
}

/** A key, token or login that is wrong or dead; under the statuses of a bad request a parser may say "invalid token", too. */
function isOfCredential(claim: Signalled, { status }: Heard): boolean {
  if (status === 429 || claim.has("denied") || claim.has("reached")) return false;
  if (claim.has("apiKey")) return status !== 404 || claim.isCode;
  if (status === 401 || status === 403) return true;
  const isNamed = claim.isCode || claim.has("you") || ["this", "the"].includes(claim.first);
  return claim.has("dead") && !claim.has("content") && isNamed && [200, 400, 422].includes(status);
}

/** The service's own voice: busy, too slow, or at a limit that is not yours. */
function isOurLoad(claim: Signalled, heard: Heard): boolean {
  const { status } = heard;
  if (isSpentByCode(heard)) return false;
  if (claim.has("busy")) {
    if (claim.has("you") && (claim.has("reached") || claim.has("limit"))) return false;
    return (
      !(claim.has("rate") && claim.has("window")) &&
      (status !== 400 || claim.isCode || claim.has("we") || claim.has("model"))
    );
  }
  if (status !== 429 && status !== 503) return false;
  if (claim.has("slow")) return !claim.has("you");
  const isLimited =
    (claim.has("rate") && (claim.has("reached") || claim.has("limit"))) || (claim.has("limit") && claim.has("reached"));
  return isLimited && !isOwned(claim) && !claim.has("allowance") && !claim.has("money") && !claim.has("window");
}

/** A limit that is over at some time, or one that was bought. */
function ofAllowance(claim: Signalled, heard: Heard): Verdict {
  // A code that says so is believed whatever a gateway adds.
  if (claim.isCode && claim.has("lack")) return spent(claim, heard);
  if (heard.any("window") || heard.statesWait) return rateLimit;
  if (heard.status === 402 || heard.any("buy") || heard.any("lack") || claim.has("dead")) return spent(claim, heard);
  // Of requests that come too fast 429 tells: what is forbidden for being used up is so for long.
  if (heard.status === 403) return heard.any("rate") ? rateLimit : longLimit;
  return [200, 429, 500].includes(heard.status) ? rateLimit : spent(claim, heard);
}

/** What went wrong on the server is no limit, unless it says whose. */
function isSaidOfUs(claim: Signalled, { isStructured }: Heard): boolean {
  if (!isStructured || claim.has("busy") || claim.has("we")) return false;
  return claim.has("reached") && (claim.isCode || claim.has("allowance") || claim.has("you") || claim.has("account"));
}

function isLimit(claim: Signalled, heard: Heard): boolean {
  const { status } = heard;
  if (status >= 500) return isSaidOfUs(claim, heard);
  if (claim.has("rate")) {
    if (claim.has("tooFast") && !claim.has("denied") && !claim.has("wrong")) return true;
    if (claim.has("wrong") || !(claim.has("reached") || claim.has("limit"))) return false;
    return (
      status === 429 ||
      claim.isCode ||
      claim.has("reached") ||
      claim.has("window") ||
      (status !== 200 && isOwned(claim))
    );
  }
  if (![200, 401, 403, 420, 429].includes(status) || !claim.has("limit") || !claim.has("reached")) return false;
  if (claim.has("denied") || claim.has("tooLong") || claim.has("model")) return false;
  return claim.isCode || !claim.has("content") || claim.has("you");
}

/** Where it comes from before which model it asks for, before anything else that is not permitted. */
function ofAccess(claim: Signalled, heard: Heard): Verdict {
  if (heard.find(isOfPlace) !== undefined) return ofPlace(heard);
  const ofThisModel = heard.find(isOfModel);
  if (ofThisModel !== undefined) return ofModel(ofThisModel, heard);
  return claim.has("account") ? forbiddenAccount : forbidden;
}

/** Somebody else's model, or none at all. */
function isOfModel(claim: Signalled, { status }: Heard): boolean {
  if (!claim.has("model")) return false;
  return claim.has("denied") || (!claim.has("content") && [400, 404, 410, 422].includes(status));
}

function ofModel(claim: Signalled, heard: Heard): Verdict {
  const { status } = heard;
  if (claim.has("denied"))
    return status === 401 || status === 403 ? { kind: "forbidden", scope: "model" } : modelOfAccount;
  if (status === 404 || (status !== 410 && heard.find(isOwned) !== undefined)) return modelOfAccount;
  return { kind: "bad_request", scope: "model", sharedBy: "provider" };
}

function isForbidden(claim: Signalled, heard: Heard): boolean {
  if (!claim.has("denied") || claim.has("content")) return false;
  if (heard.status === 401 || heard.status === 403) return true;
  return [200, 400, 404, 422].includes(heard.status) && !heard.any("wrong") && (claim.isCode || isOwned(claim));
}

function isOfPlace(claim: Signalled, heard: Heard): boolean {
  if (!claim.has("place") || claim.has("content") || claim.has("apiKey")) return false;
  return [200, 401, 403, 451].includes(heard.status) || (heard.status === 400 && (claim.isCode || isOwned(claim)));
}

/** Where a request may come from: an allow list is the account's own, all else is the address. */
function ofPlace(heard: Heard): Verdict {
  return heard.any("list")
    ? { kind: "forbidden", scope: "account", sharedBy: "account" }
    : { kind: "forbidden", scope: "ip", sharedBy: "ip", failover: false };
}
