import { unexpected } from "../checks.ts";
import { type PoolOwner, type PoolPort, portOf } from "../pool/pool-port.ts";
import type { HealthCheck } from "../pool/rotator-options.ts";
import { check, providersProbe } from "./check.ts";
import type { KeyReport } from "./key-report.ts";
import { unhealthy } from "./probe-key.ts";

/** A key that fails where others do not is left alone until after the next round. */
const unhealthyRounds = 1.5;
const intervalJitter = 0.1;

/**
 * Probes a pool's keys at intervals, from when there is somebody to send probes until the pool is closed.
 * @throws InvalidOptionsError when no probe is known that proves anything, or the platform's timers end with the request.
 */
export function watchHealth(pool: PoolOwner, healthCheck: HealthCheck): void {
  const port = portOf(pool);
  const { clock } = port.options;
  providersProbe(port.options.provider, port.options, "healthCheck.path");
  if (clock.timersEndWithRequest === true) {
    const expectation =
      "absent on this platform, whose timers end with the request; call `rotator.check()` on a schedule";
    throw unexpected("healthCheck", expectation, healthCheck);
  }
  const rounds = new HealthRounds(port, healthCheck.intervalMs);
  port.onceProbing(() => rounds.schedule());
  port.onceClosed(() => rounds.cancel());
}

class HealthRounds {
  readonly #port: PoolPort;
  readonly #intervalMs: number;
  #cancel: (() => void) | undefined;

  constructor(port: PoolPort, intervalMs: number) {
    this.#port = port;
    this.#intervalMs = intervalMs;
  }

  schedule(): void {
    if (this.#port.isClosed) return;
    const { clock, random } = this.#port.options;
    const delayMs = this.#intervalMs * (1 - intervalJitter + 2 * intervalJitter * random());
    // In the background: checking health must not keep a process alive.
    this.#cancel = clock.timer(() => void this.#round(), delayMs, true);
  }

  cancel(): void {
    this.#cancel?.();
  }

  async #round(): Promise<void> {
    try {
      const { keys } = await check(this.#port);
      await this.#restUnhealthy(keys);
    } catch (error) {
      this.#port.emit("internal-error", { part: "probe", error });
    }
    this.schedule();
  }

  /** Where no key works the provider is down, and no key is to blame. */
  async #restUnhealthy(keys: readonly KeyReport[]): Promise<void> {
    if (!keys.some(({ verdict }) => verdict === "good")) return;
    const failing = keys.filter(({ verdict }) => verdict === "provider_trouble" || verdict === "unreachable");
    const forMs = this.#intervalMs * unhealthyRounds;
    for (const { id } of failing) await this.#port.settlement.cooldowns.guess(id, forMs, unhealthy);
  }
}
