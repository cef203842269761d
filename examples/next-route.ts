/** A proxy in a Next.js app: this is `app/llm/[...path]/route.ts`, and clients ask for `/llm/chat/completions`. */
import { createProxyHandler } from "rotating-fetch";

/** Nothing of it is made ahead or kept. */
export const dynamic = "force-dynamic";
/** Models may think for a while, seconds. */
export const maxDuration = 300;

const proxy = createProxyHandler({
  provider: "openai",
  keys: process.env["OPENAI_API_KEYS"],
  target: process.env["OPENAI_BASE_URL"],
  basePath: "/llm",
  authorize: [process.env["CLIENT_TOKEN"] ?? ""],
});

export { proxy as DELETE, proxy as GET, proxy as HEAD, proxy as OPTIONS, proxy as PATCH, proxy as POST, proxy as PUT };
