import { defineProvider, ErrorClassifier, type ErrorRule, InvalidOptionsError } from "rotating-fetch";
import { describe, expect, it } from "vitest";

type Rule = ErrorRule;

function kindOf(rule: Rule, body: unknown, headers?: Record<string, string>): string {
  const provider = defineProvider({ name: "explorer", errors: [rule] });
  return new ErrorClassifier({ provider }).classify({ status: 200, headers, body, now: 0 }).kind;
}

const limited = { kind: "rate_limit" } as const;
const notok = { status: "0", message: "NOTOK", result: "Max calls per sec rate limit reached (3/sec)" };

describe("a rule for answers that say success", () => {
  it.each<[string, Rule, unknown]>([
    [
      "a member beside a message that says nothing",
      { status: 200, field: "result", words: "RATE LIMIT reached", verdict: limited },
      notok,
    ],
    [
      "a member with one of several words",
      { status: 200, field: "Note", words: ["per minute", "per day"], verdict: limited },
      { Note: "5 calls per minute." },
    ],
    [
      "a nested member",
      { status: 200, field: "meta.state.text", words: "slow", verdict: limited },
      { data: [1], meta: { state: { text: "Slow down" } } },
    ],
    [
      "a member with its value",
      { status: 200, field: ["status", "OVER_QUERY_LIMIT"], verdict: limited },
      { status: "OVER_QUERY_LIMIT", results: [] },
    ],
    ["a number", { status: 200, field: "info.code", words: "88", verdict: limited }, { info: { code: 88 }, data: {} }],
    [
      "members of an object",
      { status: 200, field: "info", words: "too many", verdict: limited },
      { data: 1, info: { id: 7, text: "Too many calls" } },
    ],
    [
      "a list of texts",
      { status: 200, field: "warnings", words: "quota", verdict: limited },
      { rows: [], warnings: ["late", "Over quota"] },
    ],
    ["the only element of a list", { status: 200, field: "status", words: "0", verdict: limited }, [{ status: "0" }]],
    [
      "a later element of a list",
      { status: 200, field: "error.text", words: "limit", verdict: limited },
      [{ result: 1 }, { error: { text: "limit" } }],
    ],
    [
      "the second of two rules' statuses",
      { status: [403, 200], field: "result", words: "limit", verdict: limited },
      notok,
    ],
    ["words anywhere in what looks refused", { status: 200, words: "rate limit reached", verdict: limited }, notok],
    [
      "words in the message beside a value",
      { status: 200, field: ["status", "REQUEST_DENIED"], words: "expired", verdict: limited },
      { status: "REQUEST_DENIED", error_message: "The provided API key is expired.", results: [] },
    ],
    ["a bare text", { status: 200, words: "come back", verdict: limited }, "Enough. Come back tomorrow."],
    ["a JSON string", { status: 200, words: "come back", verdict: limited }, '"Come back tomorrow"'],
  ])("finds %s", (_name, rule, body) => {
    expect(kindOf(rule, body)).toBe("rate_limit");
    expect(kindOf(rule, typeof body === "string" ? body : JSON.stringify(body))).toBe("rate_limit");
  });

  it.each<[string, Rule, unknown]>([
    [
      "words in another member",
      { status: 200, field: "result", words: "rate limit", verdict: limited },
      { result: "fine", text: "rate limit" },
    ],
    [
      "the same words in a good answer, where no member is named",
      { status: 200, words: "rate limit", verdict: limited },
      { status: "1", text: "rate limit reached" },
    ],
    [
      "unwanted words in the member",
      { status: 200, field: "result", words: "limit", unless: "no limit", verdict: limited },
      { result: "no limit" },
    ],
    ["a member that is missing", { status: 200, field: "result", words: "limit", verdict: limited }, { data: "limit" }],
    ["the other status", { status: 201, field: "result", words: "limit", verdict: limited }, { result: "limit" }],
    ["another text", { status: 200, words: "come back", verdict: limited }, "Good morning."],
  ])("leaves alone %s", (_name, rule, body) => {
    expect(kindOf(rule, body)).toBe("none");
  });

  it("says what it says under its status only", () => {
    const provider = defineProvider({
      name: "explorer",
      errors: [{ status: 200, field: "result", words: "limit", verdict: { kind: "forbidden" } }],
    });
    const classifier = new ErrorClassifier({ provider });
    expect(classifier.classify({ status: 429, body: { result: "limit" }, now: 0 }).kind).toBe("rate_limit");
  });
});

describe("empty completions", () => {
  const rule: Rule = { empty: true, verdict: { kind: "server_error" } };

  it.each<[string, object]>([
    ["no choices", { object: "chat.completion", choices: [] }],
    ["choices that are null", { choices: null }],
    ["a choice without content", { choices: [{ message: { role: "assistant", content: "" }, finish_reason: "stop" }] }],
    [
      "blanks",
      { choices: [{ message: { content: " \n", tool_calls: [] } }], usage: { prompt_tokens: 4, completion_tokens: 0 } },
    ],
    ["an empty text", { choices: [{ text: "", finish_reason: null }] }],
    [
      "a message without blocks",
      { type: "message", content: [], stop_reason: "end_turn", usage: { output_tokens: 0 } },
    ],
    ["no candidates", { candidates: [], usageMetadata: { promptTokenCount: 3 } }],
    ["a candidate without parts", { candidates: [{ content: { role: "model" }, finishReason: "STOP" }] }],
    ["a response without output", { object: "response", status: "completed", output: [] }],
    [
      "a response with an empty text",
      {
        object: "response",
        status: "completed",
        output: [{ type: "message", content: [{ type: "output_text", text: "" }] }],
      },
    ],
  ])("are refusals by choice: %s", (_name, body) => {
    expect(kindOf(rule, body)).toBe("server_error");
    expect(new ErrorClassifier().classify({ status: 200, body, now: 0 }).kind).toBe("none");
  });

  it.each<[string, object]>([
    ["content", { choices: [{ message: { content: "." } }] }],
    ["one choice of two with content", { choices: [{ message: { content: "" } }, { message: { content: "x" } }] }],
    [
      "a tool call",
      { choices: [{ message: { content: null, tool_calls: [{ id: "1" }] }, finish_reason: "tool_calls" }] },
    ],
    ["thinking", { choices: [{ message: { content: "", reasoning_content: "Well" } }] }],
    ["tokens that were used", { choices: [{ message: { content: "" } }], usage: { completion_tokens: 12 } }],
    ["a filter", { choices: [{ message: { content: "" }, finish_reason: "content_filter" }] }],
    ["a length", { choices: [{ message: { content: "" }, finish_reason: "length" }] }],
    ["a blocked prompt", { candidates: [], promptFeedback: { blockReason: "SAFETY" } }],
    [
      "a call of a function",
      { candidates: [{ content: { parts: [{ functionCall: { name: "f" } }] }, finishReason: "STOP" }] },
    ],
    ["a tool of a message", { type: "message", content: [{ type: "tool_use", id: "1" }], stop_reason: "tool_use" }],
    ["a response that goes on", { object: "response", status: "in_progress", output: [] }],
    ["what is no completion", { data: [], object: "list" }],
  ])("are none with %s", (_name, body) => {
    expect(kindOf(rule, body)).toBe("none");
  });

  it("are not looked for in the events of a stream", () => {
    const body = { object: "chat.completion.chunk", choices: [], usage: null };
    expect(kindOf(rule, body, { "content-type": "text/event-stream; charset=utf-8" })).toBe("none");
  });
});

describe("rules that can never hold, or would always", () => {
  it.each<[unknown, string, string]>([
    [
      { status: 200, verdict: limited },
      "provider.errors[0]",
      "a rule that names `field`, `words`, `code` or `empty`, since every good answer has status 200",
    ],
    [
      { status: [429, 201], header: "x-error", verdict: limited },
      "provider.errors[0]",
      "every good answer has status 201",
    ],
    [
      { status: 200, words: "no", embedded: false, verdict: limited },
      "provider.errors[0].embedded",
      "left out in a rule for answers that say success, got `false`",
    ],
    [{ status: 200, field: "", words: "no", verdict: limited }, "provider.errors[0].field", "a non-empty string"],
    [
      { status: 200, field: "note", words: [], verdict: limited },
      "provider.errors[0].words",
      "at least one of strings",
    ],
    [
      { status: 429, empty: true, verdict: limited },
      "provider.errors[0].status",
      "left out, or one of success, beside `empty`, got `429`",
    ],
    [{ empty: false, verdict: limited }, "provider.errors[0].empty", "true, or left out, got `false`"],
    [{ status: 200, word: "no", verdict: limited }, "provider.errors[0].word", "did you mean `words`?"],
    [{ status: 20, words: "no", verdict: limited }, "provider.errors[0].status", ">= 100"],
  ])("are refused when they are given: %j", (rule, field, message) => {
    let refused: unknown;
    try {
      defineProvider({ errors: [rule as ErrorRule] });
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(InvalidOptionsError);
    expect((refused as InvalidOptionsError).field).toBe(field);
    expect((refused as InvalidOptionsError).message).toContain(message);
  });

  it("are told of where looking inside is switched off beside them", () => {
    const errors = [{ status: 200, field: "note", words: "limit", verdict: limited }];
    expect(() => defineProvider({ errors, errorsInside200: false })).toThrow(
      "Expected `provider.errorsInside200` to be left out, or true, beside a rule for answers that say success (`errors[0]`), got `false`",
    );
    const inherited = defineProvider({ extends: defineProvider({ errors }), errorsInside200: false });
    expect(inherited.errorsInside200).toBe(false);
  });
});
