import { type Answer, type Api, events, json, pieces, text } from "./answer.ts";

const host = "https://generativelanguage.googleapis.com";

export const geminiApi: Api = ({ path, headers, body }) => {
  if (path.includes("upload_id=")) return finished(body);
  if (path.includes("/upload/v1beta/files")) return started(headers["x-goog-upload-command"]);
  if (path.includes(":streamGenerateContent")) return events(pieces.map(generated));
  if (path.includes(":generateContent")) return json(generated(text));
  if (path.includes("/interactions")) return json(interaction());
  return undefined;
};

function generated(part: string): object {
  return {
    candidates: [{ index: 0, content: { role: "model", parts: [{ text: part }] }, finishReason: "STOP" }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 3, totalTokenCount: 4 },
    modelVersion: "m1",
  };
}

function interaction(): object {
  return {
    id: "interaction-1",
    model: "m1",
    status: "completed",
    role: "model",
    steps: [{ type: "model_output", content: [{ type: "text", text }] }],
    outputs: [{ type: "text", text }],
    created: "2026-01-01T00:00:00Z",
    updated: "2026-01-01T00:00:00Z",
  };
}

/** The first step of an upload tells where the second one goes. */
function started(command: string | undefined): Answer {
  if (command !== "start") return json({ error: { message: "unexpected step" } }, { status: 400 });
  const url = `${host}/upload/v1beta/files?upload_id=upload-0001&upload_protocol=resumable`;
  return json({}, { headers: { "x-goog-upload-url": url, "x-goog-upload-status": "active" } });
}

function finished(body: Buffer): Answer {
  const file = { name: "files/f0001", displayName: text, mimeType: "text/plain", sizeBytes: String(body.length) };
  return json(
    { file: { ...file, uri: `${host}/v1beta/files/f0001` } },
    { headers: { "x-goog-upload-status": "final" } },
  );
}
