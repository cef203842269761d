import { randomBytes } from "node:crypto";
import {
  badRequest,
  createProviderEmulator,
  expectNoSecrets,
  type KeyBehaviour,
  type ProviderEmulator,
  rateLimited,
} from "rotating-fetch/testing";
import { afterEach, describe, expect, it } from "vitest";
import { buildExamples, type Ended, runExample } from "./run-example.ts";

const keys = ["first", "second", "third"].map(() => `test-${randomBytes(16).toString("hex")}`);
const escapeCode = "\u001b";
let emulator: ProviderEmulator | undefined;

afterEach(async () => {
  await emulator?.stop();
  emulator = undefined;
});

/** A provider outside of the program under test, and the environment that leads there. */
async function startProvider(...behaviours: readonly KeyBehaviour[]): Promise<Readonly<Record<string, string>>> {
  emulator = createProviderEmulator({
    keys: behaviours.map((behaviour, place) => ({ secret: keys[place] as string, ...behaviour })),
  });
  await emulator.start();
  const secrets = keys.slice(0, behaviours.length);
  return { API_KEYS: secrets.join(), BASE_URL: emulator.baseURL, MODEL: "test-model" };
}

/** The keys of an emulated run are not known here, but their form is. */
function expectNoKeyOf({ stdout, stderr }: Ended): void {
  expect(stdout + stderr).not.toMatch(/[0-9a-f]{12}/);
  expectNoSecrets([stdout, stderr], keys);
}

const examples: readonly (readonly [name: string, shown: readonly string[]])[] = [
  ["fetch.ts", ["a key answered 429 (rate_limit), trying another", "call 4: 200", "tried 1 times, cooling"]],
  ["openai-sdk.ts", ["answer: ", "streamed: "]],
  [
    "several-providers.ts",
    [
      "call 1: 200 from mistral-large-latest\n  key-1;provider=groq;outcome=rate_limit",
      "mistral: tried 2 times, ready",
    ],
  ],
  ["custom-strategy.ts", ["chosen: key-1\nkey-1 answered 429\nchosen: key-2\ncall 1: 200", "call 3: 200"]],
];

async function showsWithoutSettings(name: string, expected: readonly string[]): Promise<void> {
  const ended = await runExample(name);
  expect(ended.stderr).toBe("");
  for (const text of expected) expect(ended.stdout).toContain(text);
  expect(ended.exitCode).toBe(0);
  expectNoKeyOf(ended);
}

describe("an example from the sources, as its head says", () => {
  it.each(examples.slice(0, 1))("%s runs without any settings and shows what happens", showsWithoutSettings);
});

describe("examples with a provider in the environment", () => {
  const names = ["fetch.ts", "openai-sdk.ts", "custom-strategy.ts"];
  buildExamples(...names, "several-providers.ts");

  it.each(examples.slice(1))("%s runs without any settings and shows what happens", showsWithoutSettings);

  it.each(names)("%s talks to it", async (name) => {
    const environment = await startProvider({ always: rateLimited() }, {});
    const ended = await runExample(name, environment);
    expect(ended.stderr).toBe("");
    expect(ended.exitCode).toBe(0);
    expect(emulator?.arrivalsOf(keys[1] as string).length).toBeGreaterThan(1);
    expectNoKeyOf(ended);
  });
});

describe("the demo", () => {
  const demo = "demo/main.ts";
  buildExamples(demo);

  it("shows a dozen requests that succeed around a key at its limit", async () => {
    const ended = await runExample(demo);
    const { stdout } = ended;
    expect(ended.stderr).toBe("");
    expect(stdout).toMatch(/^12 of 12 requests succeeded in \d+\.\d s, 4 of them streamed$/m);
    expect(stdout).toMatch(/^[1-9] failovers?, \d+ ms lost to failover$/m);
    expect(stdout.match(/^ *\d+ {2}Name an? .* 200 .*$/gm)).toHaveLength(12);
    expect(stdout).toMatch(/cooling, ready in \d+\.\d s \(rate_limit\)$/m);
    expect(stdout.match(/^demo-.* ready$/gm)).toHaveLength(2);
    expect(ended.exitCode).toBe(0);
    expect(stdout, "plain lines where nobody watches").not.toMatch(new RegExp(`[${escapeCode}\\r]`));
    expect(ended.elapsedMs).toBeLessThan(15_000);
    expectNoKeyOf(ended);
  });

  it("talks to the provider of the environment", async () => {
    const ended = await runExample(demo, await startProvider({}, { always: rateLimited() }, {}));
    expect(ended.stdout).toContain("12 of 12 requests succeeded");
    expect(ended.exitCode).toBe(0);
    expect(emulator?.arrivals.length).toBeGreaterThanOrEqual(13);
    expectNoKeyOf(ended);
  });

  it("exits with a failure when a request failed, and names it without the key", async () => {
    const echo = badRequest(`Not for ${keys[0]}, not for ${keys[1]}.`);
    const failsOnce: KeyBehaviour = { script: [{}, {}, echo] };
    const ended = await runExample(demo, await startProvider(failsOnce, {}));
    expect(ended.stdout).toContain("11 of 12 requests succeeded");
    expect(ended.stdout).toMatch(/^request \d+ failed: 400 Not for \[key\], not for \[key\]\.$/m);
    expect(ended.exitCode).toBe(1);
    expectNoKeyOf(ended);
  });

  it("says which settings are missing and does nothing", async () => {
    const ended = await runExample(demo, { API_KEYS: "a,b" });
    expect(ended.stderr).toContain("API_KEYS is set, but BASE_URL and MODEL are not.");
    expect(ended.stdout).toBe("");
    expect(ended.exitCode).toBe(2);
  });
});
