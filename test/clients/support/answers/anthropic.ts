import { type Answer, type Api, bodyOf, events, isMultipart, json, pieces, text } from "./answer.ts";

export const anthropicApi: Api = (asked) => {
  const path = asked.path.split("?")[0] ?? "";
  if (path.endsWith("/messages")) return bodyOf(asked)["stream"] === true ? messageEvents() : json(message([text]));
  if (path.endsWith("/files")) {
    const file = { id: "file_0001", type: "file", filename: text, mime_type: "text/plain", size_bytes: 3 };
    return isMultipart(asked) ? json({ ...file, created_at: "2026-01-01T00:00:00Z" }) : json({}, { status: 400 });
  }
  return undefined;
};

function message(texts: readonly string[]): object {
  return {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m1",
    content: texts.map((part) => ({ type: "text", text: part })),
    stop_reason: texts.length === 0 ? null : "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 3 },
  };
}

function messageEvents(): Answer {
  return events(
    [
      { type: "message_start", message: message([]) },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      ...pieces.map((part) => ({
        type: "content_block_delta",
        index: 0,
        delta: { type: "text_delta", text: part },
      })),
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 3 } },
      { type: "message_stop" },
    ],
    { named: true },
  );
}
