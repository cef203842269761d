import { type Answer, type Api, bodyOf, events, json, pieces, text } from "./answer.ts";

export const cohereApi: Api = (asked) => {
  if (!asked.path.endsWith("/v2/chat")) return undefined;
  const usage = { billed_units: { input_tokens: 1, output_tokens: 3 }, tokens: { input_tokens: 1, output_tokens: 3 } };
  if (bodyOf(asked)["stream"] !== true) {
    const message = { role: "assistant", content: [{ type: "text", text }] };
    return json({ id: "c1", finish_reason: "COMPLETE", message, usage });
  }
  const part = (said: string): object => ({ message: { content: { text: said } } });
  return events([
    { type: "message-start", id: "c1", delta: { message: { role: "assistant", content: [] } } },
    { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
    ...pieces.map((piece) => ({ type: "content-delta", index: 0, delta: part(piece) })),
    { type: "content-end", index: 0 },
    { type: "message-end", delta: { finish_reason: "COMPLETE", usage } },
  ]);
};

export const githubApi: Api = ({ method, path }) => {
  if (!/^\/repos\/[^/]+\/[^/]+\/issues/.test(path)) return undefined;
  const issue = { number: 1, title: text };
  return method === "POST" ? json(issue, { status: 201 }) : json([issue]);
};

/** An API of nobody's, for clients that speak to any. */
export const plainApi: Api = ({ method, path, headers, body }) => {
  if (path.endsWith("/stream")) return { status: 200, headers: { "content-type": "text/plain" }, pieces };
  if (path.endsWith("/items")) return json({ text, method, type: headers["content-type"] ?? null, bytes: body.length });
  return undefined;
};

/** A server of the Model Context Protocol with one tool, over Streamable HTTP. */
export const mcpApi: Api = (asked) => {
  const { method, path } = asked;
  if (!path.endsWith("/mcp")) return undefined;
  if (method === "GET") return json({}, { status: 405 });
  if (method === "DELETE") return { status: 200, headers: {}, pieces: [] };
  const { id, method: called, params } = bodyOf(asked) as { id?: number; method?: string; params?: object };
  if (id === undefined) return { status: 202, headers: {}, pieces: [] };
  return rpc(id, called ?? "", params as { protocolVersion?: string });
};

function rpc(id: number, called: string, { protocolVersion }: { readonly protocolVersion?: string } = {}): Answer {
  const answered = (result: object): object => ({ jsonrpc: "2.0", id, result });
  if (called === "initialize") {
    const serverInfo = { name: "test", version: "1" };
    const result = { protocolVersion, capabilities: { tools: {} }, serverInfo };
    return json(answered(result), { headers: { "mcp-session-id": "session-1" } });
  }
  return events([answered({ content: [{ type: "text", text }] })]);
}
