import { type Answer, type Api, type Asked, bodyOf, events, isMultipart, json, pieces, text } from "./answer.ts";

const usage = { prompt_tokens: 1, completion_tokens: 3, total_tokens: 4 };

/** The API of OpenAI, and what others took over from it. */
export const openaiApi: Api = (asked) => {
  const path = asked.path.split("?")[0] ?? "";
  if (path.endsWith("/chat/completions")) return bodyOf(asked)["stream"] === true ? chatEvents() : chat();
  if (path.endsWith("/responses")) return bodyOf(asked)["stream"] === true ? responseEvents() : json(response());
  if (path.endsWith("/embeddings")) return json({ object: "list", data: [], model: "m1", usage });
  if (path.endsWith("/audio/transcriptions")) return uploaded(asked, { text });
  if (path.endsWith("/files")) return uploaded(asked, file());
  return undefined;
};

function uploaded(asked: Asked, body: object): Answer {
  return isMultipart(asked) ? json(body) : json({ error: { message: "not a complete form" } }, { status: 400 });
}

function file(): object {
  return {
    id: "file-0001",
    object: "file",
    bytes: 3,
    created_at: 1,
    filename: text,
    purpose: "batch",
    status: "processed",
    sample_type: "batch_request",
    source: "upload",
  };
}

function chat(): Answer {
  const message = { role: "assistant", content: text, refusal: null };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
  return json({ id: "chatcmpl-1", object: "chat.completion", created: 1, model: "m1", choices, usage });
}

function chatEvents(): Answer {
  const chunk = (delta: object, finish_reason: string | null, extra = {}): object => ({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "m1",
    choices: [{ index: 0, delta, finish_reason }],
    ...extra,
  });
  const parts = pieces.map((content) => chunk({ role: "assistant", content }, null));
  return events([...parts, chunk({ content: "" }, "stop", { usage })], { end: "[DONE]" });
}

function outputItem(status: string, content: readonly object[]): object {
  return { id: "msg_1", type: "message", role: "assistant", status, content };
}

function response(): object {
  return {
    id: "resp_0001",
    object: "response",
    created_at: 1,
    status: "completed",
    model: "m1",
    output: [outputItem("completed", [{ type: "output_text", text, annotations: [] }])],
    incomplete_details: null,
    usage: {
      input_tokens: 1,
      output_tokens: 3,
      total_tokens: 4,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    },
  };
}

function responseEvents(): Answer {
  const place = { item_id: "msg_1", output_index: 0, content_index: 0 };
  const part = { type: "output_text", text: "", annotations: [] };
  const list = [
    { type: "response.created", response: { ...response(), status: "in_progress", output: [], usage: null } },
    { type: "response.output_item.added", output_index: 0, item: outputItem("in_progress", []) },
    { type: "response.content_part.added", ...place, part },
    ...pieces.map((delta) => ({ type: "response.output_text.delta", ...place, delta })),
    { type: "response.output_text.done", ...place, text },
    { type: "response.output_item.done", output_index: 0, item: outputItem("completed", [{ ...part, text }]) },
    { type: "response.completed", response: response() },
  ];
  const numbered = list.map((event, sequence_number) => ({ ...event, sequence_number }));
  return events(numbered, { named: true });
}
