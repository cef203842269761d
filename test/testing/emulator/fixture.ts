import { randomBytes } from "node:crypto";
import { onTestFinished } from "vitest";
import {
  createProviderEmulator,
  type ProviderEmulator,
  type ProviderEmulatorOptions,
} from "../../../src/testing/index.ts";

export const newSecret = (): string => `test-${randomBytes(16).toString("hex")}`;

/** A listening emulator that stops with the test. */
export async function startEmulator(options: ProviderEmulatorOptions): Promise<ProviderEmulator> {
  const emulator = createProviderEmulator(options);
  await emulator.start();
  onTestFinished(() => emulator.stop());
  return emulator;
}

/** A chat completion request as `fetch` takes it. */
export function chat(secret: string, body: object = {}): RequestInit {
  return {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "Hi" }], ...body }),
  };
}

/** The `data` of every event of an SSE text. */
export function eventsOf(text: string): string[] {
  return text
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => event.replace(/^data: /, ""));
}
