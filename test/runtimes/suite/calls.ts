import { type Case, expectEqual, expectTrue, reasonOf } from "./case-context.ts";

const json = { "content-type": "application/json" };

export const calls: readonly Case[] = [
  {
    name: "a JSON call is answered as the provider answers",
    async run(context) {
      const url = context.url("echo");
      const body = JSON.stringify({ model: "small", input: "grüße" });
      const response = await context.rotating()(url, { method: "POST", headers: json, body });
      expectEqual([response.status, response.ok], [200, true], "the answer");
      expectEqual(response.headers.get("content-type"), "application/json", "the content type");
      expectEqual(await response.json(), { role: "good", method: "POST" }, "the body");
      const [arrival] = await context.arrivals(url);
      expectEqual(arrival?.credentials, [{ header: "authorization", role: "good" }], "the credential");
    },
  },
  {
    name: "response.url is the address that answered",
    async run(context) {
      const url = context.url("echo");
      const response = await context.rotating()(url);
      await response.text();
      expectEqual(response.url, url, "response.url");
    },
  },
  {
    name: "the platform's fetch is called detached, given as an option or found",
    async run(context) {
      const given = await context.rotating({ fetch: globalThis.fetch })(context.url("echo"));
      expectEqual(await given.json(), { role: "good", method: "GET" }, "the answer with the option");
      const found = await context.rotating()(context.url("echo"));
      expectEqual(await found.json(), { role: "good", method: "GET" }, "the answer without the option");
    },
  },
  {
    name: "a client may keep it as a method, and call it through `with`",
    async run(context) {
      const client = { fetch: context.rotating() };
      expectEqual((await client.fetch(context.url("echo"))).status, 200, "the status of a method call");
      const tagged = { fetch: client.fetch.with({ tags: { job: "chat" } }) };
      expectEqual((await tagged.fetch(context.url("echo"))).status, 200, "the status through `with`");
    },
  },
  {
    name: "it carries the platform's Response class",
    async run(context) {
      const { Response } = context.rotating() as unknown as { Response: unknown };
      expectTrue(Response === globalThis.Response, "the static `Response` to be the platform's");
    },
  },
  {
    name: "a data: URL passes through uncounted",
    async run(context) {
      const rotating = context.rotating();
      let selected = 0;
      rotating.rotator.on("key-selected", () => selected++);
      const response = await rotating("data:text/plain,hello");
      expectEqual(await response.text(), "hello", "the text");
      expectEqual(selected, 0, "the number of keys used");
    },
  },
  {
    name: "a foreign origin is refused with a credential, and served without a key when there is none",
    async run(context) {
      const rotating = context.rotating();
      const refused = context.foreignUrl("echo");
      const headers = { authorization: "Bearer rotating" };
      const reason = (await reasonOf(rotating(refused, { headers }))) as { code?: string };
      expectEqual(reason.code, "ERR_FOREIGN_ORIGIN", "the error's code");
      expectEqual(await context.arrivals(refused), [], "what arrived");
      const response = await rotating(refused);
      expectEqual(response.status, 200, "the status without a credential");
      const [arrival] = await context.arrivals(refused);
      expectEqual([arrival?.credentials, arrival?.isKeyElsewhere], [[], false], "the keys that arrived");
    },
  },
  {
    name: "events tell of a refusal, a cooldown and a success, and hold no secret",
    async run(context) {
      const rotating = context.rotating({ roles: ["limited", "good"] });
      const told: unknown[] = [];
      const names = ["key-selected", "attempt-failed", "key-cooled", "attempt-succeeded"] as const;
      for (const name of names) rotating.rotator.on(name, (event) => told.push([name, event]));
      await (await rotating(context.url("echo"))).text();
      const inOrder = (told as [string, { keyId?: string }][]).map(([name, { keyId }]) => `${name} ${keyId}`);
      const expected = [
        "key-selected limited",
        "key-cooled limited",
        "attempt-failed limited",
        "key-selected good",
        "attempt-succeeded good",
      ];
      expectEqual(inOrder.sort(), expected.sort(), "the events");
      const text = JSON.stringify([told, await rotating.rotator.snapshot()]);
      const { keys } = context.environment;
      expectTrue(!Object.values(keys).some((secret) => text.includes(secret)), "no secret in events and snapshot");
    },
  },
  {
    name: "a closed rotator ends who waits, and takes no further request",
    async run(context) {
      const rotating = context.rotating({ roles: ["limited"], maxWaitMs: 60_000 });
      const queued = new Promise<void>((resolve) => rotating.rotator.once("request-queued", () => resolve()));
      const waiting = reasonOf(rotating(context.url("echo")));
      await queued;
      await rotating.rotator.close();
      expectEqual(((await waiting) as { code?: string }).code, "ERR_ROTATOR_CLOSED", "the waiting call's error");
      const later = (await reasonOf(rotating(context.url("echo")))) as { code?: string };
      expectEqual(later.code, "ERR_ROTATOR_CLOSED", "the later call's error");
    },
  },
];
