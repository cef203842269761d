import { accountScope, modelScope } from "../../limits/scopes.ts";
import type { LeaseFacts, LeaseRefusal, LeaseResult, Observer, PoolChanges, PoolObserver } from "../../ports.ts";
import type { Clock, CooldownChange, InferredAccount } from "../../types.ts";

const noHeaders = { get: () => null };

/** How long a refusal that names no time is taken to hold. */
const unknownCooldownMs = 1000;

/** Marks cooldowns of accounts that only seem to be the refused one. */
const inferred = { reason: "same_organization", source: "heuristic" } as const;

interface Group {
  /** The provider's own name for them. */
  readonly evidence: string;
  /** Names by account id. */
  readonly members: Map<string, string>;
  /** They turned out not to share a quota. */
  disproved: boolean;
  /** By whom, since when and until when the quota is known to be used up; monotonic milliseconds. */
  dry: { readonly by: string; readonly at: number; readonly until: number } | undefined;
}

export interface AccountInferenceParts {
  readonly clock: Clock;
  /** Has this account any key? */
  readonly exists: (accountId: string) => boolean;
  readonly tell: (event: "accounts-merged" | "accounts-split", group: InferredAccount) => void;
  readonly attach: (observer: Observer) => () => void;
}

/**
 * Which accounts are really one although nobody said so. Believed only where the provider itself names the same organization
 * for both; keys that run dry together are no evidence. It only makes a cooldown of one concern the others, moves no counter,
 * and a success while the other one is used up ends the belief for good.
 */
export class AccountInference implements PoolObserver {
  readonly #parts: AccountInferenceParts;
  readonly #groups = new Map<string, Group>();
  readonly #groupOf = new Map<string, Group>();
  /** Groups that are used up now: only then can a success tell anything, and is looked at. */
  readonly #dry = new Set<Group>();
  #stopLooking: (() => void) | undefined;

  constructor(parts: AccountInferenceParts) {
    this.#parts = parts;
  }

  /** What is believed now. */
  get believed(): readonly InferredAccount[] {
    return [...this.#groups.values()]
      .filter(({ members, disproved }) => members.size > 1 && !disproved)
      .map(({ evidence, members }) => ({ evidence, accounts: [...members.values()] }));
  }

  refused(lease: LeaseFacts, { headers, text, classification, cooldowns }: LeaseRefusal): PoolChanges {
    const { accountId } = lease;
    const organization = organizationIn(headers ?? noHeaders, text ?? null);
    if (organization !== null) this.#note(lease, organization);
    const { failover, sharedBy, retryAfterMs } = classification;
    const group = this.#groupOf.get(accountId);
    const isShared = sharedBy === "account" || sharedBy === "project";
    if (group === undefined || group.disproved || group.members.size < 2 || !failover || !isShared) return [];
    const at = this.#parts.clock.monotonic();
    group.dry = { by: accountId, at, until: at + (retryAfterMs ?? unknownCooldownMs) };
    this.#dry.add(group);
    this.#stopLooking ??= this.#parts.attach({ ended: (other, result) => this.#ended(other, result) });
    const siblings = [...group.members.keys()].filter((member) => member !== accountId && this.#parts.exists(member));
    return siblings.flatMap((sibling) => cooldowns.flatMap((change) => changeFor(sibling, change, lease)));
  }

  /** Notes whose key an answer says it was. */
  #note({ account, accountId, provider }: LeaseFacts, organization: string): void {
    const before = this.#groupOf.get(accountId);
    if (before?.evidence === organization) return;
    before?.members.delete(accountId);
    // Two providers may use the same name for different customers.
    const name = `${provider}/${organization}`;
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { evidence: organization, members: new Map(), disproved: false, dry: undefined };
      this.#groups.set(name, group);
    }
    group.members.set(accountId, account);
    this.#groupOf.set(accountId, group);
    if (group.members.size > 1 && !group.disproved) this.#tell("accounts-merged", group);
  }

  /** An account worked while its sibling was dry: they are not one, and whom that put into cooldown is free. */
  #ended(lease: LeaseFacts, { outcome }: LeaseResult): PoolChanges {
    if (outcome !== "success") return [];
    const { accountId, startedAt } = lease;
    const freed: string[] = [];
    const now = this.#parts.clock.monotonic();
    for (const group of this.#dry) {
      const dry = group.dry as NonNullable<Group["dry"]>;
      if (now >= dry.until) this.#dry.delete(group);
      const says = group.members.has(accountId) && dry.by !== accountId && startedAt > dry.at && now < dry.until;
      if (!says) continue;
      this.#dry.delete(group);
      group.disproved = true;
      this.#tell("accounts-split", group);
      freed.push(...[...group.members.keys()].filter((member) => member !== dry.by));
    }
    if (this.#dry.size === 0) {
      this.#stopLooking?.();
      this.#stopLooking = undefined;
    }
    if (freed.length === 0) return [];
    const { model } = lease;
    const scopes = freed.flatMap((name) => [
      accountScope(name),
      ...(model === undefined ? [] : [modelScope(name, model)]),
    ]);
    return scopes.map((scope) => ({ scope, set: "end", ...inferred }));
  }

  #tell(event: "accounts-merged" | "accounts-split", { evidence, members }: Group): void {
    this.#parts.tell(event, { evidence, accounts: [...members.values()] });
  }
}

/** The same cooldown for a sibling, where it is one of the account's or of its model. */
function changeFor(sibling: string, { scope, set }: CooldownChange, lease: LeaseFacts): readonly CooldownChange[] {
  const { accountId } = lease;
  if (scope === accountScope(accountId)) return [{ scope: accountScope(sibling), set, ...inferred }];
  const model = scope.startsWith(modelScope(accountId, "")) ? lease.model : undefined;
  const isModel = model !== undefined && scope === modelScope(accountId, model);
  return isModel ? [{ scope: modelScope(sibling, model), set, ...inferred }] : [];
}

/** Headers in which providers name the organization or project a key belongs to. */
const organizationHeaders = ["openai-organization", "anthropic-organization-id", "x-organization-id", "x-project-id"];
/** The same in an error message: "... for gpt-4.1 in organization org-abc on tokens per min". */
const organizationWords = /\b(?:organization|project) ((?:org|proj|organization|project)[-_][\w-]{3,64})/i;

/** What an answer says of whose key it was. */
export function organizationIn(headers: { get(name: string): string | null }, message: string | null): string | null {
  for (const name of organizationHeaders) {
    const value = headers.get(name);
    if (value !== null && value.trim() !== "") return value.trim().slice(0, 80);
  }
  const text = message === null ? "" : message.slice(0, 4096);
  const lower = text.toLowerCase();
  // Most name none, and the pattern is slow.
  if (!lower.includes("organization ") && !lower.includes("project ")) return null;
  return organizationWords.exec(text)?.[1] ?? null;
}
