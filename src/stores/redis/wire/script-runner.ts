import { scriptSha, scriptText } from "../scripts/script.ts";
import { parseAnswer, type ScriptAnswer } from "./answer.ts";
import type { Commander } from "./client.ts";
import type { ScriptRequest } from "./request.ts";

/** Calls the script by its name, and sends it along where a server does not know it (yet, or any more). */
export class ScriptRunner {
  readonly #commander: Commander;
  readonly #channel: string;

  constructor(commander: Commander, channel: string) {
    this.#commander = commander;
    this.#channel = channel;
  }

  async run(request: ScriptRequest): Promise<ScriptAnswer> {
    const { keys } = request;
    const [first] = keys as [string];
    const rest = [String(keys.length), ...keys, request.json, this.#channel];
    let reply: unknown;
    try {
      reply = await this.#commander.send(first, ["EVALSHA", scriptSha, ...rest]);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      reply = await this.#commander.send(first, ["EVAL", scriptText, ...rest]);
    }
    const answer = parseAnswer(reply);
    // All that is counted here meanwhile goes by it.
    if (!Number.isSafeInteger(answer.n) || answer.n <= 0) throw new TypeError("The server's time is none");
    return answer;
  }
}

function isUnknownScript(error: unknown): boolean {
  return String((error as Error | undefined)?.message).includes("NOSCRIPT");
}
