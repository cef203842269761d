import type { Lease } from "../pool/lease.ts";
import type { CallPort } from "../pool/pool-port.ts";
import type { Classification, Clock } from "../types.ts";
import type { Call } from "./call.ts";

/** Tells the events of attempts, and builds them only for those who listen. */
export class AttemptLog {
  readonly #pool: CallPort;
  readonly #clock: Clock;

  constructor(pool: CallPort, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  /** Libraries that repeat calls by themselves say so in a header. */
  begun(call: Call): void {
    if (!this.#pool.wants("client-retry")) return;
    const count = Number(call.headerText("x-stainless-retry-count") ?? 0);
    if (!(count > 0)) return;
    call.requestId ??= this.#pool.nameOf(call);
    this.#pool.emit("client-retry", { requestId: call.requestId, count });
  }

  selected(call: Call, lease: Lease): void {
    if (!this.#pool.wants("key-selected")) return;
    const { account, waitedMs } = lease;
    this.#pool.emit("key-selected", { ...this.#common(call, lease), account, waitedMs: Math.ceil(waitedMs) });
  }

  succeeded(call: Call, lease: Lease, status: number): void {
    if (!this.#pool.wants("attempt-succeeded")) return;
    const answeredAt = lease.answeredAt === 0 ? this.#clock.monotonic() : lease.answeredAt;
    const elapsedMs = Math.ceil(answeredAt - lease.startedAt);
    this.#pool.emit("attempt-succeeded", { ...this.#common(call, lease), status, elapsedMs });
  }

  failed(call: Call, lease: Lease, status: number | null, classification: Classification, elapsedMs: number): void {
    if (!this.#pool.wants("attempt-failed")) return;
    const { kind, scope, retryAfterMs, failover } = classification;
    const common = this.#common(call, lease);
    this.#pool.emit("attempt-failed", {
      ...common,
      status,
      kind,
      scope,
      retryAfterMs,
      failover,
      elapsedMs: Math.ceil(elapsedMs),
    });
  }

  #common(
    call: Call,
    lease: Lease,
  ): {
    readonly requestId: string;
    readonly attempt: number;
    readonly keyId: string;
    readonly provider: string;
    readonly model: string | undefined;
    readonly realModel: string | undefined;
    readonly tags: Readonly<Record<string, string>> | undefined;
  } {
    call.requestId ??= this.#pool.nameOf(call);
    const { requestId, tags } = call;
    const { keyId, model: realModel } = lease;
    const { name: provider } = lease.provider.provider;
    const attempt = call.history?.attempts ?? 1;
    return { requestId, attempt, keyId, provider, model: call.model ?? realModel, realModel, tags };
  }
}
