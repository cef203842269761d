import type { Provider } from "../../provider.ts";

/**
 * https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html,
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 *
 * For Bedrock's own API keys, which are sent as they are; requests signed with other credentials of AWS cannot change hands. A
 * host is a region's, and so are keys: give `https://bedrock-runtime.<region>.amazonaws.com` as `baseURL`. Short-lived keys come
 * from a function as `secret`. What lists models lives on another host, so there is no probe.
 */
export const awsBedrock: Provider = {
  name: "aws-bedrock",
  origins: [],
  credential: { header: "authorization", scheme: "Bearer" },
  sharedBy: "account",
  perModel: true,
  errors: [
    // A key of another region is told the same.
    { status: 403, words: "authentication failed", verdict: { kind: "invalid_key" } },
    {
      code: "ServiceQuotaExceededException",
      verdict: { kind: "rate_limit", scope: "account", sharedBy: "account" },
    },
    {
      status: 403,
      words: ["not authorized to perform", "access to the model"],
      verdict: { kind: "forbidden", scope: "model", sharedBy: "account" },
    },
    { code: "ModelErrorException", verdict: { kind: "server_error", scope: "model", sharedBy: "provider" } },
  ],
  request: { modelInPath: ["/model/", "/"] },
  usage: {
    input: ["usage.inputTokens|usage.prompt_tokens|usage.input_tokens"],
    output: ["usage.outputTokens|usage.completion_tokens|usage.output_tokens"],
    total: ["usage.totalTokens|usage.total_tokens"],
  },
};
