/** What the emulator needs of a chat completion request. */
export interface CompletionRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Length of the messages, characters. */
  readonly promptLength: number;
}

/** What a completion is made of. */
export interface CompletionParts {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  readonly reply: string;
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
    promptLength: JSON.stringify(body.messages).length,
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
    usage: usageOf(request, parts.reply),
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
    ...(request.includeUsage ? [chunk([], usageOf(request, parts.reply))] : []),
    "data: [DONE]\n\n",
  ];
}

/** One SSE event with `data` as JSON. */
export function sseEvent(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** Every word with the white space before it, so that the pieces add up to the reply. */
function wordsOf(reply: string): string[] {
  return reply.match(/\s*\S+|\s+$/g) ?? [];
}

function usageOf(request: CompletionRequest, reply: string): object {
  const promptTokens = Math.ceil(request.promptLength / 4);
  const completionTokens = wordsOf(reply).length;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
