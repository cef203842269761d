import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport, StreamableHTTPError } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { RotatingFetch } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { describeClient } from "./support/describe-client.ts";
import { setUp } from "./support/world.ts";

async function open(fetch: RotatingFetch): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL("https://mcp.example.com/mcp"), { fetch });
  await client.connect(transport);
  return client;
}

describeClient({
  name: "@modelcontextprotocol/sdk",
  options: { baseURL: "https://mcp.example.com" },
  keyIn: "authorization",
  operations: {
    async "a tool call"(fetch) {
      const client = await open(fetch);
      const { content } = await client.callTool({ name: "hello" });
      await client.close();
      return (content as { text: string }[])[0]?.text ?? "";
    },
  },
  exhausted: {
    documented: open,
    byDefault: open,
    defaultCalls: 1,
    read(error) {
      if (!(error instanceof StreamableHTTPError)) throw error;
      return { status: error.code, retryAfterSeconds: undefined };
    },
  },
});

describe("@modelcontextprotocol/sdk", () => {
  it("stays on the key that opened its session when its calls have one `affinity`", async () => {
    const { fetch, server, secrets } = await setUp([undefined, undefined], { baseURL: "https://mcp.example.com" });
    for (const affinity of ["one", "other"]) {
      const client = await open(fetch.with({ affinity }));
      await client.callTool({ name: "hello" });
      await client.close();
    }
    const opened = server.arrivals.map(({ body }) => body.includes('"initialize"'));
    const keys = server.arrivals.map(({ credentials: [secret = ""] }) => secrets.indexOf(secret));
    const second = opened.lastIndexOf(true);
    expect([new Set(keys.slice(0, second)).size, new Set(keys.slice(second)).size]).toEqual([1, 1]);
  });
});
