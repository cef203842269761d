import { defineProvider, type ErrorRule } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { chatUrl, post, rig } from "./fixture.ts";

const note: ErrorRule = { status: 200, field: "Note", words: "call frequency", verdict: { kind: "rate_limit" } };
const refused = JSON.stringify({ Note: "Our standard call frequency is 5 calls per minute." });
const withLength = (text: string): Record<string, string> => ({ "content-length": String(text.length) });

/** The first key refuses inside a 200 of this type, the second one serves. */
function pool(errors: readonly ErrorRule[], type: string | null, text: string, headers: Record<string, string> = {}) {
  const provider = defineProvider({ name: "stocks", errors });
  const answer = (body: string): Response => {
    const response = new Response(body, { headers: { ...headers, "content-type": type ?? "" } });
    if (type === null) response.headers.delete("content-type");
    return response;
  };
  return rig(({ key }) => answer(key === 0 ? text : '{"fine":true}'), { provider, strategy: "fill_first" });
}

describe("a rule for a status of success, and nothing else", () => {
  it.each<[string, string | null]>([
    ["JSON", "application/json; charset=utf-8"],
    ["JSON of its own kind", "application/vnd.stocks+json"],
    ["JSON that is called HTML", "text/html; charset=UTF-8"],
    ["JSON that is called nothing", null],
  ])("has the refusal found in %s: the other key serves, and the refused one cools down", async (_name, type) => {
    const { fetch, keysUsed, rotator } = pool([note], type, refused);
    for (let call = 0; call < 3; call++) expect(await (await fetch(chatUrl)).text()).toBe('{"fine":true}');
    expect(keysUsed()).toEqual([0, 1, 1, 1]);
    expect((await rotator.snapshot()).keys[0]?.cooldowns).not.toEqual([]);
  });

  it("finds words in a plain text whose length is stated", async () => {
    const rule: ErrorRule = { status: 200, words: "calls per minute", verdict: { kind: "rate_limit" } };
    const text = "Only 5 calls per minute.";
    const { fetch, keysUsed } = pool([rule], "text/plain", text, withLength(text));
    expect(await (await fetch(chatUrl)).text()).toBe('{"fine":true}');
    expect(keysUsed()).toEqual([0, 1]);
  });

  it.each<[string, string, string]>([
    ["text that comes in pieces", "text/plain", "Only 5 calls per minute."],
    ["lines of JSON", "application/x-ndjson", refused],
    ["bytes", "application/octet-stream", refused],
  ])("leaves alone %s: it is handed over as it comes", async (_name, type, text) => {
    const rule: ErrorRule = { status: 200, words: "calls per minute", verdict: { kind: "rate_limit" } };
    const { fetch, keysUsed } = pool([note, rule], type, text);
    expect(await (await fetch(chatUrl)).text()).toBe(text);
    expect(keysUsed()).toEqual([0]);
  });

  it("takes a page of HTML for what was asked for, and hands it over whole", async () => {
    const page = `<!doctype html>${"<p>call frequency, 5 calls per minute</p>".repeat(50)}`;
    const { fetch, keysUsed, rotator } = pool([note], "text/html", page);
    expect(await (await fetch(chatUrl)).text()).toBe(page);
    expect(keysUsed()).toEqual([0]);
    expect((await rotator.snapshot()).keys[0]).toMatchObject({ failures: 0 });
  });

  it("has an empty completion sent again with another key", async () => {
    const rule: ErrorRule = { empty: true, verdict: { kind: "server_error", failover: true } };
    const empty = JSON.stringify({ choices: [], usage: { completion_tokens: 0 } });
    const { fetch, keysUsed } = pool([rule], "application/json", empty);
    expect(await (await fetch(chatUrl, post("{}"))).text()).toBe('{"fine":true}');
    expect(keysUsed()).toEqual([0, 1]);
  });
});
