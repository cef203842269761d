import type { Provider } from "../provider.ts";

/** Any HTTP API: nothing is assumed but a bearer token. Give `baseURL` or `origins`. */
export const generic: Provider = {
  name: "generic",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  // Read only where a limit counts tokens; most APIs of models say it so.
  usage: {
    input: ["usage.prompt_tokens|usage.input_tokens|response.usage.input_tokens"],
    output: ["usage.completion_tokens|usage.output_tokens|response.usage.output_tokens"],
    total: ["usage.total_tokens|response.usage.total_tokens"],
    cumulative: true,
  },
};
