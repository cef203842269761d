import { setTimeout as pause } from "node:timers/promises";
import OpenAI from "openai";
import { createRotatingFetch, type KeyRotator } from "rotating-fetch";
import type { ProviderSettings } from "../support/settings.ts";
import { errorText } from "./error-text.ts";
import { followEvents, type RequestRecord, tagsOf } from "./request-log.ts";
import { planRequests, runRequests } from "./requests.ts";
import { summaryOf } from "./summary.ts";
import { keyTable, requestHeading, requestRow } from "./tables.ts";
import type { Output } from "./terminal.ts";

const frameMs = 80;
const countdownMs = 3_000;

/** Runs the requests and shows them; returns whether all of them succeeded. */
export async function runDemo(settings: ProviderSettings, output: Output): Promise<boolean> {
  const { provider, keys, baseURL, model } = settings;
  const fetch = createRotatingFetch({ provider, keys, baseURL, cooldownMs: 5_000, totalTimeoutMs: 60_000 });
  const { rotator } = fetch;
  const openai = new OpenAI({ apiKey: "rotating", baseURL, maxRetries: 0, fetch });
  const records = planRequests();
  followEvents(rotator, records);
  const masks = await masksOf(rotator);
  const { colors } = output;
  const rowOf = (record: RequestRecord): string => requestRow(record, masks, colors);

  if (!output.isLive) output.print(requestHeading(colors));
  const startedAt = performance.now();
  const showProgress = (): void => output.show([requestHeading(colors), ...records.map(rowOf), progressOf(records)]);
  const frames = output.isLive ? setInterval(showProgress, frameMs) : undefined;
  try {
    await runRequests(records, {
      model,
      clientFor: (record) => openai.withOptions({ fetch: fetch.with({ tags: tagsOf(record) }) }),
      describeError: (error) => errorText(error, keys),
      ended: (record) => output.isLive || output.print(rowOf(record)),
    });
  } finally {
    clearInterval(frames);
  }
  showProgress();
  output.keep();
  output.print("", ...summaryOf(records, performance.now() - startedAt, colors), "");
  await showKeys(rotator, output);
  await rotator.close();
  return records.every(({ state }) => state === "succeeded");
}

function progressOf(records: readonly RequestRecord[]): string {
  const ended = records.filter(({ state }) => state === "succeeded" || state === "failed").length;
  return `${"#".repeat(ended)}${".".repeat(records.length - ended)} ${ended} of ${records.length} done`;
}

async function masksOf(rotator: KeyRotator): Promise<ReadonlyMap<string, string>> {
  const { keys } = await rotator.snapshot();
  return new Map(keys.map(({ id, masked }) => [id, masked ?? id]));
}

/** Each key's state; on a terminal with the cooldowns counting down for a moment. */
async function showKeys(rotator: KeyRotator, output: Output): Promise<void> {
  let { keys } = await rotator.snapshot();
  if (!output.isLive) return output.print(...keyTable(keys, output.colors));
  const until = performance.now() + countdownMs;
  output.show(keyTable(keys, output.colors));
  while (performance.now() < until && keys.some(({ cooldowns }) => cooldowns.length > 0)) {
    await pause(frameMs);
    ({ keys } = await rotator.snapshot());
    output.show(keyTable(keys, output.colors));
  }
  output.keep();
}
