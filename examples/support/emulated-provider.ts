import { randomBytes } from "node:crypto";
import { createProviderEmulator, type KeyBehaviour, type Step } from "rotating-fetch/testing";
import type { ProviderSettings } from "./settings.ts";

/** A provider on this machine, and how to end it. */
export interface EmulatedProvider {
  readonly settings: ProviderSettings;
  stop(): Promise<void>;
}

export interface EmulatedProviderOptions {
  /** Shortest time to an answer, milliseconds; up to twice as long. @default 0 */
  readonly delayMs?: number | undefined;
}

/** What an account at its limit is told, without a word on when to come back. */
const atItsLimit: Step = { status: 429, body: { errors: { message: "Request limit exceeded." } } };

const replies = [
  "Rotating keys keeps the work going when one needs a rest.",
  "A refused key rests; the request moves on to another one.",
  "With one key of three at rest, the other two do the work.",
];

/** Starts a provider that knows three keys: one at its limit, two that work. The keys exist for this run only. */
export async function startEmulatedProvider({ delayMs = 0 }: EmulatedProviderOptions = {}): Promise<EmulatedProvider> {
  const keys = ["limited", "first-good", "second-good"].map(() => `demo-${randomBytes(16).toString("hex")}`);
  const [limited, firstGood, secondGood] = keys as [string, string, string];
  let answers = 0;
  const good: KeyBehaviour = {
    script: (_request, arrivalNumber) => ({ delayMs: delayMs * (1 + ((arrivalNumber * 7) % 10) / 10) }),
  };
  const emulator = createProviderEmulator({
    keys: {
      [limited]: { always: { ...atItsLimit, delayMs: delayMs / 2 } },
      [firstGood]: good,
      [secondGood]: good,
    },
    reply: () => replies[answers++ % replies.length] as string,
    chunkDelayMs: delayMs / 5,
  });
  await emulator.start();
  const settings: ProviderSettings = { provider: "generic", keys, baseURL: emulator.baseURL, model: "test-model" };
  return { settings, stop: () => emulator.stop() };
}
