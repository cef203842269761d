import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { maskSecret } from "rotating-fetch";
import { badRequest, rateLimited, serverError } from "rotating-fetch/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { Commands, type Outcome, requirePrograms } from "./commands.ts";
import { newSecret, newTokens, type Provider, serve, startProvider } from "./provider.ts";
import { buildExamples } from "./run-example.ts";
import type { RunningServer } from "./start-server.ts";

const server = "express-server.ts";
buildExamples(server);

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
const health = { status: "ok", timestamp: expect.stringMatching(isoTime), version: "1.0.0" };
const hostOf = ({ origin }: RunningServer): string => new URL(origin).host;

function expectCompletion({ status, json }: Outcome): void {
  expect(status).toBe(200);
  expect(json).toMatchObject({ object: "chat.completion", choices: [{ message: { role: "assistant" } }] });
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "rotating-fetch-server-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const sorted = (places: readonly number[]): readonly number[] => [...places].sort();

const chatRequest = (extra: object = {}): RequestInit & { readonly headers: Readonly<Record<string, string>> } => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "Hello" }], ...extra }),
});

describe("a balancing proxy with a config.json", () => {
  const heading = "A balancing proxy with a config.json";
  const chat = "/v1/chat/completions";

  /** The server with such a file, and without any other setting than the time between checks. */
  async function start(provider: Provider, healthIntervalMs: number): Promise<RunningServer> {
    const file = join(newDirectory(), "config.json");
    const config = {
      api_keys: provider.keys,
      server_port: "0",
      target_url: provider.emulator.url,
      health_check: true,
      health_path: "/v1/models",
    };
    writeFileSync(file, JSON.stringify(config));
    const environment = { ADMIN_TOKEN: newSecret(), HEALTH_INTERVAL_MS: String(healthIntervalMs) };
    return serve({ name: server, args: [file], environment }, [...provider.keys, environment.ADMIN_TOKEN]);
  }

  it("is used with the same commands", async (context) => {
    requirePrograms(context);
    const provider = await startProvider(3);
    const running = await start(provider, 30_000);
    const commands = new Commands(heading, { "localhost:8080": hostOf(running) });
    const unused = { healthy: true, last_used: null, requests: 0 };
    const names = provider.keys.map(maskSecret);

    const before = await commands.run("/stats");
    expect(before).toMatchObject({ status: 200 });
    expect(before.json).toEqual(Object.fromEntries(names.map((name) => [name, unused])));
    for (let round = 0; round < 4; round++) expectCompletion(await commands.run(chat));
    expect(provider.chatsSince(0)).toEqual([0, 1, 2, 0]);
    expect((await commands.run("/v1/models")).json).toMatchObject({ object: "list" });
    expect(provider.emulator.arrivals.at(-1)).toMatchObject({ method: "GET", path: "/v1/models" });
    const used = { healthy: true, last_used: expect.stringMatching(isoTime), requests: 1 };
    const [first, second, third] = names as [string, string, string];
    const wanted = { [first]: { ...used, requests: 2 }, [second]: { ...used, requests: 2 }, [third]: used };
    expect((await commands.run("/stats")).json).toEqual(wanted);
    expect(await commands.run("/health")).toMatchObject({ status: 200, json: health });
    expect(commands.left).toEqual([]);
  });

  it("forwards every path and method, and tries the next key until one works", async () => {
    const provider = await startProvider(3);
    const { emulator, keys } = provider;
    const running = await start(provider, 30_000);
    const changed = await fetch(`${running.origin}/any/path?with=query`, { method: "PATCH", body: "bytes" });
    expect(await changed.json()).toMatchObject({ method: "PATCH", path: "/any/path?with=query", bodyBytes: 5 });

    const from = provider.chats();
    emulator.key(keys[1] as string).script([serverError(500)]);
    emulator.key(keys[2] as string).script([serverError(503)]);
    expect((await fetch(running.origin + chat, chatRequest())).status).toBe(200);
    expect(provider.chatsSince(from)).toEqual([1, 2, 0]);

    // When each key met the provider's trouble, its last answer says most.
    for (const key of keys) emulator.key(key).script([serverError(500)]);
    expect((await fetch(running.origin + chat, chatRequest())).status).toBe(500);
    expect(sorted(provider.chatsSince(from + 3))).toEqual([0, 1, 2]);

    for (const key of keys) emulator.key(key).script([rateLimited({ retryAfterSeconds: 60 })]);
    const none = await fetch(running.origin + chat, chatRequest());
    expect(none.status).toBe(503);
    expect(await none.json()).toEqual({ error: "No healthy API key is left" });
    expect(Number(none.headers.get("retry-after"))).toBeGreaterThan(50);
    expect(sorted(provider.chatsSince(from + 6))).toEqual([0, 1, 2]);

    await running.until(/ info request .*"method":"PATCH","path":"\/any\/path","status":200/);
    await running.until(/ info request .*"method":"POST",.*"status":503/);
    await running.until(/ warn attempt-failed .*"status":500/);
  });

  it("leaves a key alone while its health check fails", async () => {
    const provider = await startProvider(3);
    const { emulator, keys } = provider;
    const running = await start(provider, 1_000);
    const sick = keys[1] as string;
    const isHealthy = async (): Promise<boolean> => {
      const stats = (await (await fetch(`${running.origin}/stats`)).json()) as Record<string, { healthy: boolean }>;
      return stats[maskSecret(sick)]?.healthy as boolean;
    };
    let tellOfCheck = (): void => {};
    const nextCheck = (): Promise<void> =>
      new Promise((resolve) => {
        tellOfCheck = resolve;
      });
    emulator.key(sick).script(({ path }) => {
      if (path !== "/v1/models") return undefined;
      tellOfCheck();
      return serverError();
    });
    await running.until(/ key-cooled .*"reason":"unhealthy"/);
    expect(await isHealthy()).toBe(false);
    // Over more rounds of checks it stays so.
    for (let round = 0; round < 2; round++) {
      const checked = nextCheck();
      for (let count = 0; count < 6; count++) {
        expect((await fetch(running.origin + chat, chatRequest())).status).toBe(200);
      }
      await checked;
      expect(await isHealthy()).toBe(false);
    }
    expect(provider.chatsSince(0)).not.toContain(1);
    emulator.key(sick).script([]);
    await running.until(/ key-recovered /);
    expect(await isHealthy()).toBe(true);
    const from = provider.chats();
    for (let round = 0; round < 3; round++) await fetch(running.origin + chat, chatRequest());
    expect(sorted(provider.chatsSince(from))).toEqual([0, 1, 2]);
  });
});

describe("a free-pool proxy with OPENROUTER_API_KEYS", () => {
  const heading = "A free-pool proxy with OPENROUTER_API_KEYS";
  const chat = "/v1/chat/completions";
  const limited = { error: "All API keys are rate limited" };
  const untilMidnight = (): number => 86_400 - Math.floor((Date.now() % 86_400_000) / 1_000);

  interface Window {
    readonly used: number;
    readonly remaining: number;
    readonly resetIn: number | null;
  }
  interface Quota {
    readonly key: string;
    readonly minute: Window;
    readonly day: Window;
    readonly available: boolean;
  }

  async function start(provider: Provider): Promise<RunningServer> {
    const environment = {
      OPENROUTER_API_KEYS: provider.keys.join(),
      TARGET_URL: `${provider.emulator.url}/api`,
      ADMIN_TOKEN: newSecret(),
      REDIS_URL: "redis://localhost:6379",
      NODE_ENV: "production",
      LOG_LEVEL: "info",
    };
    return serve({ name: server, environment }, [...provider.keys, environment.ADMIN_TOKEN]);
  }

  const quotaOf = async ({ origin }: RunningServer): Promise<[Quota, Quota, Quota]> => {
    const { keys } = (await (await fetch(`${origin}/api/v1/keys/status`)).json()) as { keys: [Quota, Quota, Quota] };
    return keys;
  };

  it("sends no key to any other path", async () => {
    const provider = await startProvider(1);
    const { origin } = await start(provider);
    for (const [method, path] of [
      ["GET", "/v1/credits"],
      ["POST", "/v1/keys"],
      ["GET", "/v1/models"],
      ["GET", "/favicon.ico"],
      ["POST", "/v1/chat/completions/x"],
      ["POST", "/v1/chat/../keys"],
    ] as const) {
      const { status } = await fetch(`${origin}${path}`, { method });
      expect([path, status]).toEqual([path, 404]);
    }
    expect(provider.emulator.arrivals).toEqual([]);
    expect((await fetch(`${origin}${chat}?x=1`, chatRequest())).status).toBe(200);
  });

  it("is used with the same commands", async (context) => {
    requirePrograms(context);
    const provider = await startProvider(3);
    const running = await start(provider);
    const commands = new Commands(heading, { "localhost:3000": hostOf(running) });
    const untouched = {
      minute: { used: 0, remaining: 20, resetIn: null },
      day: { used: 0, remaining: 200, resetIn: null },
      available: true,
    };
    const all = provider.keys.map((key) => ({ key: maskSecret(key), ...untouched }));
    expect((await commands.run("/keys/status")).json).toEqual({ keys: all });

    for (let round = 0; round < 3; round++) expectCompletion(await commands.run(chat));
    expect(provider.chatsSince(0)).toEqual([0, 0, 0]);
    const sent = provider.emulator.arrivals.at(-1);
    expect(sent).toMatchObject({ method: "POST", path: "/api/v1/chat/completions" });
    expect(sent?.headers).toMatchObject({ "http-referer": expect.any(String), "x-title": expect.any(String) });
    const { json } = await commands.run("/keys/status");
    expect(json.keys.slice(1)).toEqual(all.slice(1));
    const [first] = json.keys as [Quota];
    expect(first).toMatchObject({
      minute: { used: 3, remaining: 17 },
      day: { used: 3, remaining: 197 },
      available: true,
    });
    expect(first.minute.resetIn).toBeGreaterThan(50);
    expect(first.minute.resetIn).toBeLessThanOrEqual(62);
    expect(Math.abs((first.day.resetIn as number) - untilMidnight())).toBeLessThanOrEqual(5);
    expect((await commands.run("/health")).json).toEqual(health);
    expect(commands.left).toEqual([]);
  });

  it("uses up one key's 20 requests a minute after the other's, and then says that all are limited", async () => {
    const provider = await startProvider(3);
    const running = await start(provider);
    for (let count = 0; count < 60; count++) {
      const answer = await fetch(running.origin + chat, chatRequest());
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
    expect(provider.chatsSince(0)).toEqual([0, 1, 2].flatMap((place) => new Array<number>(20).fill(place)));
    const refused = await fetch(running.origin + chat, chatRequest());
    expect(refused.status).toBe(429);
    expect(await refused.json()).toEqual(limited);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(30);
    expect(provider.chats()).toBe(60);
    for (const { minute, day, available } of await quotaOf(running)) {
      expect({ minute, day, available }).toMatchObject({ minute: { used: 20, remaining: 0 }, available: false });
      expect(day).toMatchObject({ used: 20, remaining: 180 });
    }
  });

  it("reads in a 429 what is used up, goes on with the next key at once, and passes other errors on", async () => {
    const provider = await startProvider(3);
    const { emulator, keys } = provider;
    const running = await start(provider);
    const wrong = badRequest("No such field.");
    // What no words explain, another key is asked about once; both say the same.
    for (const place of [0, 1]) emulator.key(keys[place] as string).script([wrong]);
    const passed = await fetch(running.origin + chat, chatRequest());
    expect(passed.status).toBe(400);
    expect(await passed.json()).toEqual(wrong.body);

    const room = JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "" }] }).length;
    const longest = { messages: [{ role: "user", content: "x".repeat(10 * 1024 * 1024 - room) }] };
    expect((await fetch(running.origin + chat, chatRequest(longest))).status).toBe(200);
    expect(emulator.arrivals.at(-1)?.bodyBytes).toBe(10 * 1024 * 1024);

    const from = provider.chats();
    const refusals = [
      // OpenRouter says when its minute ends; by the words alone it might be over in a moment.
      { words: "free-models-per-minute", headers: { "x-ratelimit-reset": String(Date.now() + 40_000) } },
      { words: "free-models-per-day", headers: {} },
      { words: "reset-after: 7", headers: {} },
    ];
    for (const [place, { words, headers }] of refusals.entries()) {
      const message = `Rate limit exceeded: ${words}`;
      emulator.key(keys[place] as string).script([rateLimited({ message, headers })]);
    }
    const refused = await fetch(running.origin + chat, chatRequest());
    expect(refused.status).toBe(429);
    expect(await refused.json()).toEqual(limited);
    expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(8);
    expect(sorted(provider.chatsSince(from))).toEqual([0, 1, 2]);
    const [minute, day, stated] = await quotaOf(running);
    expect(minute).toMatchObject({ minute: { remaining: 0 }, available: false });
    expect(Math.abs((minute.minute.resetIn as number) - 40)).toBeLessThanOrEqual(6);
    expect(day).toMatchObject({ day: { remaining: 0 }, available: false });
    expect(Math.abs((day.day.resetIn as number) - untilMidnight())).toBeLessThanOrEqual(120);
    expect(stated).toMatchObject({ minute: { remaining: 0 }, available: false });
    expect(stated.minute.resetIn).toBeLessThanOrEqual(8);
    expect(running.printed().match(/ warn attempt-failed .*"status":429/g)).toHaveLength(3);
  });
});

describe("multi-key channels of an API gateway", () => {
  const heading = "Multi-key channels of an API gateway";
  const chat = "/v1/chat/completions";

  it("are operated with the same commands and the same monitor", async (context) => {
    requirePrograms(context);
    const provider = await startProvider(8);
    const { keys } = provider;
    const [seed, ...listed] = [keys[7] as string, ...keys.slice(0, 7)];
    const { tokens, environment: given } = newTokens();
    const environment = {
      ...given,
      API_KEYS: seed as string,
      TARGET_URL: provider.emulator.url,
      KEY_FILE: join(newDirectory(), "keys.json"),
    };
    const secrets = [...keys, tokens.admin, tokens.client];
    const running = await serve({ name: server, environment }, secrets);
    const places = {
      "localhost:3000": hostOf(running),
      "<admin token>": tokens.admin,
      "<user token>": tokens.client,
      ...Object.fromEntries(listed.map((key, index) => [`<key ${index}>`, key])),
    };
    const commands = new Commands(heading, places);
    const done = async (
      distinguishing: string,
      more: Readonly<Record<string, string>> = {},
    ): Promise<Outcome["json"]> => {
      const { status, json } = await commands.run(distinguishing, more);
      expect(status).toBe(200);
      expect(json).toEqual({ success: true, message: expect.any(String), data: expect.anything() });
      return json;
    };
    const roundOf = async (count: number): Promise<readonly number[]> => {
      const from = provider.chats();
      expectCompletion(await commands.run(chat));
      const { headers, ...request } = chatRequest();
      const init = { ...request, headers: { ...headers, authorization: `Bearer ${tokens.client}` } };
      for (let number = 1; number < count; number++)
        expect((await fetch(running.origin + chat, init)).status).toBe(200);
      return provider.chatsSince(from);
    };
    const selection = { is_multi_key: true, selection_mode: 0 };

    await done('"key_selection_mode": 0');
    expect(await done('"mode": 0}')).toMatchObject({
      message: "Successfully imported 5 keys",
      data: { imported_count: 5, mode: 0 },
    });
    expect((await done("keys/stats \\")).data).toMatchObject({
      ...{ total_keys: 5, enabled_keys: 5, disabled_keys: 0 },
      ...selection,
    });
    expect(await roundOf(6)).toEqual([0, 1, 2, 3, 4, 0]);
    expect(await done('"mode": 1}')).toMatchObject({
      message: "Successfully imported 2 keys",
      data: { imported_count: 2, mode: 1 },
    });
    const { data } = await done("keys/details");
    expect(data).toMatchObject({ channel_id: 1, channel_name: expect.any(String), ...selection, total_keys: 7 });
    expect(data.keys).toHaveLength(7);
    for (const [index, key] of (data.keys as Record<string, unknown>[]).entries()) {
      expect(key).toMatchObject({
        index,
        key: maskSecret(listed[index] as string),
        status: 1,
        status_text: "enabled",
        balance: null,
        usage: [2, 1, 1, 1, 1, 0, 0][index],
        import_batch: expect.stringMatching(/^batch_\d{10}$/),
        note: "",
      });
      const lastUsed = key["last_used"] as number;
      if (index < 5) expect(Math.abs(lastUsed - Date.now() / 1000)).toBeLessThan(60);
      else expect(lastUsed).toBe(0);
    }
    const monitored = await commands.run("import urllib.request");
    expect(monitored).toMatchObject({ exitCode: 0, stdout: "7 of 7 keys are enabled\n", stderr: "" });

    const isOff = async (): Promise<readonly number[]> => {
      const details = await done("keys/details");
      const off = (details.data.keys as { index: number; status: number }[]).filter(({ status }) => status === 2);
      return off.map(({ index }) => index);
    };
    await done('"key_index": 2');
    expect(await isOff()).toEqual([2]);
    expect(sorted(await roundOf(6))).toEqual([0, 1, 3, 4, 5, 6]);
    await done('"key_indices": [3, 4, 5]');
    expect(await isOff()).toEqual([2, 3, 4, 5]);
    expect((await done("keys/stats \\")).data).toMatchObject({ total_keys: 7, enabled_keys: 3, disabled_keys: 4 });
    expect(sorted(await roundOf(6))).toEqual([0, 0, 1, 1, 6, 6]);
    const warned = await commands.run("import urllib.request");
    expect(warned).toMatchObject({ exitCode: 1, stdout: "", stderr: "WARNING: only 3 of 7 keys are enabled\n" });

    const batch = data.keys[0].import_batch as string;
    await done("batch-toggle-by-batch", { batch_1703515200: batch });
    const others = (data.keys as { index: number; import_batch: string }[]).filter(
      ({ import_batch: of }) => of !== batch,
    );
    expect(await isOff()).toEqual(others.map(({ index }) => index).filter((index) => index === 5));
    expect((await commands.run("import urllib.request")).exitCode).toBe(0);
    expect(commands.left).toEqual([]);

    // What was imported and switched outlives the process.
    const off = await isOff();
    expect((await running.stop()).exitCode).toBe(0);
    const again = await serve({ name: server, environment }, secrets);
    const later = await done("keys/details", { "localhost:3000": hostOf(again) });
    const standing = later.data.keys as { index: number; key: string; status: number }[];
    expect(standing.map(({ key }) => key)).toEqual(listed.map(maskSecret));
    expect(standing.filter(({ status }) => status === 2).map(({ index }) => index)).toEqual(off);
  });

  it("let nobody change or use keys without the token for it", async () => {
    const provider = await startProvider(1);
    const { tokens, environment } = newTokens();
    const secrets = [...provider.keys, tokens.admin, tokens.client];
    const running = await serve(
      {
        name: server,
        environment: { ...environment, API_KEYS: provider.keys.join(), TARGET_URL: provider.emulator.url },
      },
      secrets,
    );
    const stats = `${running.origin}/api/channel/1/keys/stats`;
    for (const authorization of ["", `Bearer ${tokens.client}`]) {
      expect((await fetch(stats, { headers: { authorization } })).status).toBe(401);
    }
    for (const authorization of ["", `Bearer ${tokens.admin}`]) {
      const { headers, ...request } = chatRequest();
      const answer = await fetch(running.origin + chat, {
        ...request,
        headers: { ...headers, authorization },
      });
      expect(answer.status).toBe(401);
    }
    expect(provider.chats()).toBe(0);
  });
});
