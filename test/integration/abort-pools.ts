import { setTimeout as pause } from "node:timers/promises";
import {
  createRotatingFetch,
  KeyRotator,
  type RotatingFetch,
  type RotatorEvents,
  type RotatorOptions,
} from "../../src/index.ts";
import { NastyStore } from "../../src/testing/index.ts";
import type { Random } from "../../src/types.ts";
import { newSecret } from "../testing/emulator/fixture.ts";
import { CountingClock } from "./abort-clock.ts";
import type { AbortProvider, Play } from "./abort-provider.ts";

/** What goes wrong at the provider before it answers well, beside which calls are aborted. */
export type Trouble = "none" | "refuse" | "overloaded" | "long-pause" | "short-bounds";

interface Family {
  readonly name: string;
  readonly trouble: Trouble;
  /** How many of a hundred calls are made with it. */
  readonly share: number;
  readonly options: (random: Random) => Omit<RotatorOptions, "keys"> & { readonly keys?: RotatorOptions["keys"] };
  readonly keyCount?: number | undefined;
}

/** A secret that takes its time, and is asked for again every few milliseconds. */
function slowKeys(random: Random): RotatorOptions["keys"] {
  return Array.from({ length: 3 }, (_, place) => ({
    id: `slow-${place}`,
    async secret() {
      await pause(random() * 20);
      return { secret: newSecret(), expiresAt: Date.now() + 10 };
    },
  }));
}

const families: readonly Family[] = [
  { name: "plain", trouble: "none", share: 16, options: () => ({ provider: "generic" }) },
  { name: "busy", trouble: "none", share: 16, options: () => ({ provider: "openai", strategy: "least_busy" }) },
  {
    name: "concurrency",
    trouble: "none",
    share: 14,
    options: () => ({ provider: "openai", limits: [{ concurrency: 3 }, { tokens: 1e9 }], guardMs: 1 }),
  },
  {
    name: "requests",
    trouble: "none",
    share: 10,
    options: () => ({ provider: "generic", limits: [{ requests: 8, per: 300 }], guardMs: 1 }),
  },
  {
    name: "secrets",
    trouble: "none",
    share: 12,
    options: (random) => ({ provider: "openai", keys: slowKeys(random), limits: [{ concurrency: 3 }], guardMs: 1 }),
  },
  {
    name: "late-store",
    trouble: "none",
    share: 10,
    options: (random) => ({
      provider: "openai",
      store: new NastyStore({ random }),
      limits: [{ concurrency: 3 }],
      guardMs: 1,
    }),
  },
  { name: "refusing", trouble: "refuse", share: 10, keyCount: 6, options: () => ({ provider: "openai" }) },
  { name: "refusing-generic", trouble: "refuse", share: 6, keyCount: 6, options: () => ({ provider: "generic" }) },
  { name: "overloaded", trouble: "overloaded", share: 8, options: () => ({ provider: "openai", random: () => 0 }) },
  { name: "long-pause", trouble: "long-pause", share: 6, options: () => ({ provider: "openai", maxWaitMs: 60_000 }) },
  { name: "short-bounds", trouble: "short-bounds", share: 8, options: () => ({ provider: "openai" }) },
];

/** A way to call a pool. */
export interface Face {
  readonly fetch: RotatingFetch;
  readonly isCached: boolean;
  /** Is it sent by a function that knows nothing of signals? */
  readonly isDeaf: boolean;
}

export interface Pool {
  readonly name: string;
  readonly trouble: Trouble;
  readonly share: number;
  readonly url: string;
  readonly rotator: KeyRotator;
  readonly clock: CountingClock;
  readonly faces: readonly Face[];
  /** Failures it told of, each as `status kind`. */
  readonly failures: string[];
  /** Rests it told of. */
  readonly rests: RotatorEvents["key-cooled"][];
}

/** Answers that garbage collection must not clear away before it was seen what they hold. */
export const keptAnswers: Response[] = [];

/** Sends as a user's function may that was written before there were signals. */
async function deafFetch(url: string, init?: RequestInit): Promise<Response> {
  const response = await globalThis.fetch(url, { ...init, signal: null });
  keptAnswers.push(response);
  return response;
}

function facesOf(rotator: KeyRotator, provider: AbortProvider, trouble: Trouble): Face[] {
  const isShort = trouble === "short-bounds";
  const bounds = isShort
    ? { attemptTimeoutMs: 25, totalTimeoutMs: 60, idleTimeoutMs: 15 }
    : { attemptTimeoutMs: 60_000, totalTimeoutMs: 90_000, idleTimeoutMs: 30_000 };
  const faces: Face[] = [];
  for (const isBounded of isShort ? [true] : [true, false]) {
    for (const isCached of [true, false]) {
      for (const isDeaf of [true, false]) {
        const fetch = createRotatingFetch({
          rotator,
          baseURL: provider.url,
          maxReplayBytes: 50_000,
          ...(isBounded ? bounds : undefined),
          ...(isDeaf ? { fetch: deafFetch } : undefined),
          ...(isCached ? { cache: { ttlMs: 20, key: (request) => sharedName(request.body) } } : undefined),
        });
        faces.push({ fetch, isCached, isDeaf });
      }
    }
  }
  return faces;
}

/** Requests with the same prompt may share an answer. */
function sharedName(body: string | undefined): string | undefined {
  return body?.startsWith("{") ? (JSON.parse(body) as { share?: string }).share : undefined;
}

/** One pool for each family, all at one provider. */
export function makePools(provider: AbortProvider, random: Random): readonly Pool[] {
  return families.map(({ name, trouble, share, keyCount = 4, options }) => {
    const clock = new CountingClock();
    const keys = Array.from({ length: keyCount }, newSecret);
    const rotator = new KeyRotator({ keys, clock, random, ...options(random) });
    const failures: string[] = [];
    const rests: RotatorEvents["key-cooled"][] = [];
    rotator.on("attempt-failed", ({ status, kind }) => failures.push(`${status} ${kind}`));
    rotator.on("key-cooled", (rest) => rests.push(rest));
    if (random() < 0.5) rotator.on("stream-ended", () => undefined);
    const faces = facesOf(rotator, provider, trouble);
    return {
      name,
      trouble,
      share,
      url: `${provider.url}/${name}/v1/chat/completions`,
      rotator,
      clock,
      faces,
      failures,
      rests,
    };
  });
}

/** What comes before the good answer, by what goes wrong in a pool. */
export function troubleFor(trouble: Trouble, provider: string, random: Random): readonly Play[] {
  if (trouble === "refuse") {
    const drip: Play = { kind: "refuse", restMs: 15, pieces: 8, pieceMs: 6 };
    const choices: Play[] = [
      { kind: "refuse", restMs: 15 },
      drip,
      provider === "openai" ? { kind: "stream-error", pieceMs: 5 } : drip,
    ];
    return [choices[Math.floor(random() * choices.length)] as Play];
  }
  if (trouble === "long-pause") return [{ kind: "overloaded", restMs: 30_000 }];
  if (trouble === "overloaded")
    return random() < 0.5 ? [{ kind: "overloaded" }] : [{ kind: "overloaded" }, { kind: "overloaded" }];
  return [];
}
