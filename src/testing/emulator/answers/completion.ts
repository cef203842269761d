/** What the emulator needs of a chat completion request. */
export interface CompletionRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** A quarter of the messages' characters, rounded up. */
  readonly promptTokens: number;
}

/** What a completion is made of. */
export interface CompletionParts {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  readonly reply: string;
  readonly usage: CompletionUsage;
}

/** What a completion costs. */
export interface CompletionUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Reads a parsed body; `undefined` when it is no chat completion request. */
export function completionRequest(json: unknown): CompletionRequest | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const body = json as { model?: unknown; messages?: unknown; stream?: unknown; stream_options?: unknown };
  if (typeof body.model !== "string" || !Array.isArray(body.messages)) return undefined;
  const streamOptions = body.stream_options as { include_usage?: unknown } | null | undefined;
  return {
    model: body.model,
    stream: body.stream === true,
    includeUsage: streamOptions?.include_usage === true,
    promptTokens: Math.ceil(JSON.stringify(body.messages).length / 4),
  };
}

/** A chat completion as one JSON object. */
export function completionBody(request: CompletionRequest, parts: CompletionParts): object {
  return {
    id: parts.id,
    object: "chat.completion",
    created: parts.created,
    model: request.model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: parts.reply, refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: usageBody(parts.usage),
  };
}

/** A chat completion as SSE events: role, word by word, finish reason, usage if asked for, `[DONE]`. */
export function completionEvents(request: CompletionRequest, parts: CompletionParts): string[] {
  const chunk = (choices: readonly object[], usage: object | null): string =>
    sseEvent({
      id: parts.id,
      object: "chat.completion.chunk",
      created: parts.created,
      model: request.model,
      choices,
      ...(request.includeUsage ? { usage } : {}),
    });
  const delta = (content: object, finishReason: string | null): string =>
    chunk([{ index: 0, delta: content, logprobs: null, finish_reason: finishReason }], null);
  return [
    delta({ role: "assistant", content: "" }, null),
    ...wordsOf(parts.reply).map((word) => delta({ content: word }, null)),
    delta({}, "stop"),
    ...(request.includeUsage ? [chunk([], usageBody(parts.usage))] : []),
    "data: [DONE]\n\n",
  ];
}

/** One SSE event with `data` as JSON. */
export function sseEvent(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** Every word with the white space before it, so that the pieces add up to the reply. */
export function wordsOf(reply: string): string[] {
  return reply.match(/\s*\S+|\s+$/g) ?? [];
}

function usageBody({ inputTokens, outputTokens }: CompletionUsage): object {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}
