import type { Bucket, ScopeState, StoreReading } from "../../limits/store.ts";
import type { CooldownChange, Random, ScopeId } from "../../types.ts";
import type { LastSeen } from "./outage/last-seen.ts";
import type { OpenPermits } from "./outage/open-permits.ts";
import type { Outage } from "./outage/outage.ts";
import { readingOf, type ScriptAnswer, touchedOf } from "./wire/answer.ts";
import { inParts } from "./wire/in-parts.ts";
import type { Link } from "./wire/link.ts";
import type { ReportQueue } from "./wire/report-queue.ts";
import type { ScriptRequest } from "./wire/request.ts";

export interface DirectCallsParts {
  readonly link: Link;
  readonly reports: ReportQueue;
  readonly outage: Outage;
  readonly seen: LastSeen;
  readonly permits: OpenPermits;
  readonly random: Random;
  readonly newRequest: () => ScriptRequest;
}

/** What is asked outside of requests for a key: in parts, each a call of its own, and of this process where the server is away. */
export class DirectCalls {
  readonly #parts: DirectCallsParts;

  constructor(parts: DirectCallsParts) {
    this.#parts = parts;
  }

  async cooldown(changes: readonly CooldownChange[]): Promise<readonly ScopeState[]> {
    const states: ScopeState[] = [];
    for (const part of inParts(changes)) states.push(...(await this.#cooldownPart(part)));
    return states;
  }

  /** Of many scopes and buckets each part is read for itself. */
  async read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): Promise<StoreReading> {
    const [ofScopes, ofBuckets] = [inParts(scopes), inParts(buckets)];
    const readings: StoreReading[] = [];
    for (let part = 0; part < Math.max(ofScopes.length, ofBuckets.length, 1); part++) {
      readings.push(await this.#readPart(ofScopes[part] ?? [], ofBuckets[part] ?? []));
    }
    const last = readings.at(-1) as StoreReading;
    if (readings.length === 1) return last;
    return {
      now: last.now,
      scopes: readings.flatMap((reading) => reading.scopes),
      buckets: readings.flatMap((reading) => reading.buckets),
    };
  }

  /** A sign of life, and with it the leases of what is in flight. @param now on the server's clock */
  async renew(now: number): Promise<void> {
    const { link, permits, newRequest } = this.#parts;
    const holders = permits.renew(now);
    if (!link.isUp) return;
    const first = newRequest();
    link.beat(first);
    const parts = holders.length === 0 ? [[]] : inParts(holders);
    for (const [place, part] of parts.entries()) {
      const request = place === 0 ? first : newRequest();
      if (part.length > 0) request.renew(part);
      // What could not be renewed now is tried again with the next third of the lease.
      await link.ask(request, undefined, () => {}).catch(() => {});
    }
  }

  /** With nothing else, where nothing else comes. */
  report(): void {
    const { link, reports, newRequest } = this.#parts;
    if (!link.mayReport) return;
    const request = newRequest();
    const piggyback = reports.piggybackOn(request);
    if (piggyback !== undefined) link.ask(request, piggyback, () => {}).catch(() => {});
  }

  async #cooldownPart(changes: readonly CooldownChange[]): Promise<readonly ScopeState[]> {
    const { link, outage, seen, random } = this.#parts;
    if (link.isUp) {
      try {
        const { request, answer } = await this.#ask((made) => made.cool(changes, random));
        const states = touchedOf(answer, request).flatMap(({ report, state }) => (report === 0 ? state : []));
        seen.onCooldowns(states);
        return states;
      } catch {
        // They hold here, and elsewhere as soon as the server is back.
      }
    }
    return outage.cooldown(changes);
  }

  async #readPart(scopes: readonly ScopeId[], buckets: readonly Bucket[]): Promise<StoreReading> {
    const { link, outage } = this.#parts;
    if (link.isUp) {
      try {
        const { answer } = await this.#ask((made) => made.read(scopes, buckets));
        return readingOf(answer, scopes, buckets);
      } catch {
        // What is known here is better than nothing.
      }
    }
    return outage.read(scopes, buckets);
  }

  /** With what there is to report, and a sign of life when one is due. */
  async #ask(fill: (request: ScriptRequest) => void): Promise<{ request: ScriptRequest; answer: ScriptAnswer }> {
    const { link, reports, newRequest } = this.#parts;
    const request = newRequest();
    fill(request);
    link.beatIfDue(request);
    const piggyback = reports.piggybackOn(request);
    return { request, answer: await link.ask(request, piggyback, () => {}) };
  }
}
