import type { Classification, Clock } from "../types.ts";
import type { EventHub } from "./events.ts";
import type { Account } from "./key-pool.ts";
import type { HeaderReader } from "./learnt-limits.ts";
import type { Lease } from "./lease.ts";

/** Headers in which providers name the organization or project a key belongs to. */
const organizationHeaders = ["openai-organization", "anthropic-organization-id", "x-organization-id", "x-project-id"];
/** The same in an error message: "... for gpt-4.1 in organization org-abc on tokens per min". */
const organizationWords = /\b(?:organization|project) ((?:org|proj|organization|project)[-_][\w-]{3,64})/i;

/** How long a refusal that names no time is taken to hold. */
const unknownRestMs = 1000;

/** Accounts that were given apart and turned out to be one. */
export interface InferredAccount {
  /** What showed it. */
  readonly evidence: string;
  readonly accounts: readonly string[];
}

/** What an answer says of whose key it was. */
export function organizationIn(headers: HeaderReader, message: string | null): string | null {
  for (const name of organizationHeaders) {
    const value = headers.get(name);
    if (value !== null && value.trim() !== "") return value.trim().slice(0, 80);
  }
  const found = message === null ? null : organizationWords.exec(message.slice(0, 4096));
  return found?.[1] ?? null;
}

/**
 * Which keys are really one account although nobody said so. Believed only where the provider itself names the same
 * organization for both; keys that run dry together are no evidence. It only makes a rest of one cover the others, moves no
 * counter, and a success while the other one rests ends the belief for good.
 */
export class AccountInference {
  readonly #clock: Clock;
  readonly #events: EventHub;
  readonly #organizationOf = new Map<Account, string>();
  readonly #members = new Map<string, Set<Account>>();
  /** Organizations whose keys turned out not to share a quota. */
  readonly #disproved = new Set<string>();
  /** By whom, since when and until when a quota of the organization is known to be used up; monotonic milliseconds. */
  readonly #dry = new Map<string, { readonly by: Account; readonly at: number; readonly until: number }>();

  constructor(clock: Clock, events: EventHub) {
    this.#clock = clock;
    this.#events = events;
  }

  /** Notes whose key an answer says it was. */
  note(account: Account, organization: string | null): void {
    if (organization === null || this.#organizationOf.get(account) === organization) return;
    this.#leave(account);
    this.#organizationOf.set(account, organization);
    const members = this.#members.get(organization) ?? new Set();
    members.add(account);
    this.#members.set(organization, members);
    if (members.size < 2 || this.#disproved.has(organization)) return;
    this.#events.emit("accounts-joined", { evidence: organization, accounts: namesOf(members) });
  }

  /** The other accounts a refusal of this one covers. */
  siblingsIn(account: Account, { failover, sharedBy, retryAfterMs }: Classification): readonly Account[] {
    const isShared = sharedBy === "account" || sharedBy === "project";
    const organization = this.#organizationOf.get(account);
    if (!failover || !isShared || organization === undefined || this.#disproved.has(organization)) return [];
    const at = this.#clock.monotonic();
    this.#dry.set(organization, { by: account, at, until: at + (retryAfterMs ?? unknownRestMs) });
    return [...(this.#members.get(organization) ?? [])].filter(
      (member) => member !== account && member.keys.length > 0,
    );
  }

  /** Is an organization's quota used up? Only then can a success tell anything. */
  get isWatching(): boolean {
    return this.#dry.size > 0;
  }

  /** An account worked while its sibling was dry: they are not one. Returns whom that sets free. */
  succeeded({ key, startedAt }: Lease): readonly Account[] {
    const organization = this.#organizationOf.get(key.account);
    const dry = organization === undefined ? undefined : this.#dry.get(organization);
    if (organization === undefined || dry === undefined || dry.by === key.account) return [];
    if (startedAt <= dry.at || this.#clock.monotonic() >= dry.until) return [];
    this.#dry.delete(organization);
    this.#disproved.add(organization);
    const members = this.#members.get(organization) ?? new Set();
    this.#events.emit("accounts-parted", { evidence: organization, accounts: namesOf(members) });
    return [...members].filter((member) => member !== dry.by);
  }

  /** What is believed now. */
  get believed(): readonly InferredAccount[] {
    return [...this.#members]
      .filter(([organization, members]) => members.size > 1 && !this.#disproved.has(organization))
      .map(([evidence, members]) => ({ evidence, accounts: namesOf(members) }));
  }

  #leave(account: Account): void {
    const before = this.#organizationOf.get(account);
    if (before !== undefined) this.#members.get(before)?.delete(account);
  }
}

function namesOf(accounts: ReadonlySet<Account>): readonly string[] {
  return [...accounts].map(({ name }) => name);
}
