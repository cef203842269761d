import type { EventHub } from "../../pool/events.ts";
import type { Account } from "../../pool/keys/key-pool.ts";
import type { Lease } from "../../pool/lease.ts";
import type { Classification, Clock, InferredAccount } from "../../types.ts";

/** How long a refusal that names no time is taken to hold. */
const unknownRestMs = 1000;

interface Group {
  readonly evidence: string;
  /** Did the provider name them as one? Else it was concluded from their use. */
  readonly isNamed: boolean;
  readonly members: Set<Account>;
  /** They turned out not to share a quota. */
  disproved: boolean;
  /** By whom, since when and until when the quota is known to be used up; monotonic milliseconds. */
  dry: { readonly by: Account; readonly at: number; readonly until: number } | undefined;
}

/** Whom else a refusal concerns. */
export interface Siblings {
  /** They rest as well: the provider said that they are one. */
  readonly resting: readonly Account[];
  /** They only come last: their use suggests it. */
  readonly heldBack: readonly { readonly account: Account; readonly until: number }[];
}

const nobody: Siblings = { resting: [], heldBack: [] };
const noGroups: readonly Group[] = [];

/**
 * Which keys are really one account although nobody said so. Believed only where the provider itself names the same
 * organization for both, or where their use showed it; keys that run dry together are no evidence. It only makes a rest of one
 * concern the others, moves no counter, and a success while the other one is used up ends the belief for good.
 */
export class AccountInference {
  readonly #clock: Clock;
  readonly #events: EventHub;
  readonly #named = new Map<string, Group>();
  readonly #groupsOf = new Map<Account, Group[]>();
  /** Groups that are used up now: only then can a success tell anything. */
  readonly #dry = new Set<Group>();

  constructor(clock: Clock, events: EventHub) {
    this.#clock = clock;
    this.#events = events;
  }

  /** Notes whose key an answer says it was. */
  note(account: Account, organization: string | null): void {
    if (organization === null) return;
    const before = this.#groupsOf.get(account)?.find(({ isNamed }) => isNamed);
    if (before?.evidence === organization) return;
    if (before !== undefined) this.#leave(account, before);
    // Two providers may use the same name for different customers.
    const name = `${account.provider.id}/${organization}`;
    let group = this.#named.get(name);
    if (group === undefined) {
      group = newGroup(organization, true);
      this.#named.set(name, group);
    }
    this.#enter(account, group);
    if (group.members.size > 1 && !group.disproved) this.#tell("accounts-joined", group);
  }

  /** Believes two accounts to be one for what their use showed. What was disproved once is not believed again. */
  join(first: Account, second: Account, evidence: string): void {
    if (this.areRelated(first, second)) return;
    const group = newGroup(evidence, false);
    this.#enter(first, group);
    this.#enter(second, group);
    this.#tell("accounts-joined", group);
  }

  /** Is anything believed of these two already, or was it disproved? */
  areRelated(first: Account, second: Account): boolean {
    return (this.#groupsOf.get(first) ?? noGroups).some(({ members }) => members.has(second));
  }

  /** The other accounts a refusal of this one concerns. */
  siblingsIn(account: Account, { failover, sharedBy, retryAfterMs }: Classification): Siblings {
    const groups = this.#groupsOf.get(account);
    const isShared = sharedBy === "account" || sharedBy === "project";
    if (groups === undefined || !failover || !isShared) return nobody;
    const at = this.#clock.monotonic();
    const until = at + (retryAfterMs ?? unknownRestMs);
    const resting: Account[] = [];
    const heldBack: { account: Account; until: number }[] = [];
    for (const group of groups) {
      if (group.disproved || group.members.size < 2) continue;
      group.dry = { by: account, at, until };
      this.#dry.add(group);
      for (const member of group.members) {
        if (member === account || member.keys.length === 0) continue;
        if (group.isNamed) resting.push(member);
        else heldBack.push({ account: member, until });
      }
    }
    return { resting, heldBack };
  }

  /** Is a group's quota used up? Only then can a success tell anything. */
  get isWatching(): boolean {
    return this.#dry.size > 0;
  }

  /** An account worked while its sibling was dry: they are not one. Returns whom that sets free. */
  succeeded({ key, startedAt }: Lease): readonly Account[] {
    const freed: Account[] = [];
    const now = this.#clock.monotonic();
    for (const group of this.#dry) {
      const dry = group.dry as NonNullable<Group["dry"]>;
      if (now >= dry.until) this.#dry.delete(group);
      const says = group.members.has(key.account) && dry.by !== key.account && startedAt > dry.at && now < dry.until;
      if (!says) continue;
      this.#dry.delete(group);
      group.disproved = true;
      this.#tell("accounts-parted", group);
      freed.push(...[...group.members].filter((member) => member !== dry.by));
    }
    return freed;
  }

  /** What is believed now. */
  get believed(): readonly InferredAccount[] {
    const groups = new Set([...this.#groupsOf.values()].flat());
    return [...groups]
      .filter(({ members, disproved }) => members.size > 1 && !disproved)
      .map(({ evidence, members }) => ({ evidence, accounts: namesOf(members) }));
  }

  #enter(account: Account, group: Group): void {
    group.members.add(account);
    const groups = this.#groupsOf.get(account) ?? [];
    groups.push(group);
    this.#groupsOf.set(account, groups);
  }

  #leave(account: Account, group: Group): void {
    group.members.delete(account);
    const groups = this.#groupsOf.get(account) ?? [];
    this.#groupsOf.set(
      account,
      groups.filter((other) => other !== group),
    );
  }

  #tell(event: "accounts-joined" | "accounts-parted", { evidence, members }: Group): void {
    this.#events.emit(event, { evidence, accounts: namesOf(members) });
  }
}

function newGroup(evidence: string, isNamed: boolean): Group {
  return { evidence, isNamed, members: new Set(), disproved: false, dry: undefined };
}

function namesOf(accounts: ReadonlySet<Account>): readonly string[] {
  return [...accounts].map(({ name }) => name);
}
