import { accountScope, addressScope, keyScope, modelScope, originScope } from "../limits/scopes.ts";
import type { LeaseFacts } from "../ports.ts";
import type { Scope, ScopeId } from "../types.ts";
import type { Lease } from "./lease.ts";

/** A lease as observers see it: without its secret, and with nothing to settle. Made when the first of them looks. */
export class LeaseView implements LeaseFacts {
  readonly #lease: Lease;
  /** Names the address requests leave from. */
  readonly #egress: string;

  constructor(lease: Lease, egress: string) {
    this.#lease = lease;
    this.#egress = egress;
  }

  /** The lease behind what an observer gave back; `undefined`: it is none of ours. */
  static leaseOf(facts: LeaseFacts): Lease | undefined {
    return typeof facts === "object" && facts !== null && #lease in facts ? facts.#lease : undefined;
  }

  get keyId(): string {
    return this.#lease.keyId;
  }

  get account(): string {
    return this.#lease.account;
  }

  get accountId(): string {
    return this.#lease.key.account.id;
  }

  get provider(): string {
    return this.#lease.provider.provider.name;
  }

  get model(): string | undefined {
    this.#lease.findModel(this.#lease.provider.request);
    return this.#lease.model;
  }

  get origin(): string {
    return this.#lease.origin;
  }

  get startedAt(): number {
    return this.#lease.startedAt;
  }

  get answeredAt(): number | undefined {
    const { answeredAt } = this.#lease;
    return answeredAt === 0 ? undefined : answeredAt;
  }

  get waitedMs(): number {
    return this.#lease.waitedMs;
  }

  get tags(): Readonly<Record<string, string>> | undefined {
    return this.#lease.request.tags;
  }

  get credential(): string | undefined {
    return this.#lease.secretUsed.fingerprint;
  }

  get isOutdated(): boolean {
    return this.#lease.secretUsed !== this.#lease.key.secret;
  }

  scopeOf(scope: Scope): ScopeId | undefined {
    const { id } = this.#lease.provider;
    switch (scope) {
      case "key":
        return keyScope(id, this.keyId);
      case "model": {
        const { model } = this;
        return model === undefined ? accountScope(this.accountId) : modelScope(this.accountId, model);
      }
      case "account":
        return accountScope(this.accountId);
      case "ip":
        return addressScope(id, this.#lease.key.config.route?.egress ?? this.#egress);
      case "provider":
        return originScope(this.origin);
      default:
        return undefined;
    }
  }
}
