import type { CallOptions } from "../../attempt/call.ts";
import { ofSession } from "../../attempt/repeat-rules.ts";
import type { ProxyRequest } from "./proxy-authorize.ts";

/**
 * Where coding agents name the session that a request belongs to: Claude Code; Codex, in two spellings; opencode. What a provider
 * cached of a session's prompt, and reasoning that only its account can read, is of use on one account alone.
 */
const sessionHeaders = ["x-claude-code-session-id", "session-id", "session_id", "x-session-affinity"] as const;

/** Longer than any that agents make. */
const longestSession = 200;

/** A call's options with the client's session, where it names one and nobody said what the call belongs to. */
export function withSession(options: CallOptions | undefined, request: ProxyRequest): CallOptions | undefined {
  if (options?.affinity !== undefined) return options;
  for (const name of sessionHeaders) {
    const session = request.header(name);
    if (session !== null && session !== "" && session.length <= longestSession)
      return { ...options, affinity: ofSession(session) };
  }
  return options;
}
