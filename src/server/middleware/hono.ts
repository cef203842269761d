import { type KeyRotator, makeKeyRotator } from "../../named/key-rotator.ts";
import { type ProxyOptions, withObjects } from "../../named/options.ts";
import type { AdminOptions } from "../admin/create-admin-handler.ts";
import { createAdminHandler } from "../admin/create-admin-handler.ts";
import { failedAnswer, WebProxy } from "../proxy/create-proxy-handler.ts";
import { proxyErrorOf } from "../proxy/proxy-error.ts";
import { resolveProxyOptions } from "../proxy/proxy-options.ts";

/** What is used of Hono's context. */
interface HonoContext {
  readonly req: { readonly raw: Request; arrayBuffer(): Promise<ArrayBuffer>; formData(): Promise<FormData> };
}

export type HonoHandler = (context: HonoContext) => Promise<Response>;

/**
 * A proxy in front of a provider, for Hono on every runtime. `app.mount("/llm", ...)` takes its mount off the path; under
 * `route()`, `basePath()` or a pattern say so with the option `basePath`. What fails is thrown and has a `getResponse()`, as Hono's
 * own exceptions do.
 * @throws InvalidOptionsError naming the option that cannot work.
 * @example
 * app.all("/llm/*", rotatingProxy({ provider: "openai", keys, basePath: "/llm", authorize: [env.CLIENT_TOKEN] }));
 */
export function rotatingProxy(options: ProxyOptions): HonoHandler & { readonly rotator: KeyRotator } {
  const proxy = new WebProxy(resolveProxyOptions(withObjects(options), makeKeyRotator));
  const handle: HonoHandler = async (context) => {
    try {
      return await proxy.handle(await unread(context));
    } catch (error) {
      throw Object.assign(proxyErrorOf(error), { getResponse: () => failedAnswer(error) });
    }
  };
  return Object.assign(handle, { rotator: proxy.rotator as KeyRotator });
}

/**
 * The admin API, for Hono on every runtime.
 * @throws InvalidOptionsError naming the option that cannot work; without a token there is no handler.
 */
export function keyAdmin(options: AdminOptions): HonoHandler {
  const handle = createAdminHandler(options);
  return async (context) => handle(await unread(context));
}

/** Hono keeps what somebody read of a body before. */
async function unread({ req }: HonoContext): Promise<Request> {
  const { raw } = req;
  if (!raw.bodyUsed) return raw;
  const { method, signal, url } = raw;
  const headers = new Headers(raw.headers);
  const isMultipart = /^\s*multipart\/form-data/i.test(headers.get("content-type") ?? "");
  if (!isMultipart) return new Request(url, { method, headers, signal, body: await req.arrayBuffer() });
  // Written anew it has another boundary, which the platform tells.
  headers.delete("content-type");
  return new Request(url, { method, headers, signal, body: await req.formData() });
}
