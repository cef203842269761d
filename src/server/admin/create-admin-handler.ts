import { plainHeaders } from "../json-answers.ts";
import { AccessControl } from "./calls/access.ts";
import { AdminCall, type AdminParts } from "./calls/admin-call.ts";
import { AdminError, errorAnswer } from "./calls/admin-error.ts";
import { type AdminOptions, resolveAdminOptions } from "./calls/admin-options.ts";
import { Channels } from "./calls/channels.ts";
import { FailureCounts } from "./calls/failure-counts.ts";
import { allowedAt, type FoundRoute, RouteTable } from "./calls/route-table.ts";
import { EventLog } from "./events/event-log.ts";
import { channelRoutes } from "./routes/channel-routes.ts";
import { eventRoutes } from "./routes/event-routes.ts";
import { insightRoutes } from "./routes/insight-routes.ts";
import { keyRoutes } from "./routes/key-routes.ts";
import { metricsRoutes } from "./routes/metrics-route.ts";
import { statusRoutes } from "./routes/status-routes.ts";

export type { AdminOptions, AdminToken } from "./calls/admin-options.ts";

/** Every call there is. Of two that fit a path the first one answers. */
const table = new RouteTable([
  ...statusRoutes,
  ...channelRoutes,
  ...keyRoutes,
  ...insightRoutes,
  ...eventRoutes,
  ...metricsRoutes,
]);

/** Answers calls of operators. Never rejects. */
export type AdminHandler = (request: Request) => Promise<Response>;

/**
 * Makes the HTTP API by which operators look at pools and change them; docs/admin.md has every call.
 *
 * @example
 * const admin = createAdminHandler({ rotators: fetch.rotator, tokens: process.env.ADMIN_TOKEN! });
 * @throws InvalidOptionsError naming the option that cannot work; without a token there is no handler.
 */
export function createAdminHandler(options: AdminOptions): AdminHandler {
  const resolved = resolveAdminOptions(options);
  const access = new AccessControl(resolved);
  const channels = new Channels(resolved);
  const events = new EventLog({ channels, clock: resolved.clock, size: resolved.events });
  const parts: AdminParts = { options: resolved, channels, events, counts: new FailureCounts(channels) };
  return async (request) => {
    try {
      return forMethod(request, await answer(request, parts, access));
    } catch (error) {
      return forMethod(request, errorAnswer(error));
    }
  };
}

/**
 * Is a path one of the admin API's? For hosts that serve others below the same mount.
 * @param basePath the option of the same name; @default ""
 */
export function isAdminPath(pathname: string, basePath = ""): boolean {
  const path = pathBelow(pathname, basePath);
  return path !== undefined && table.at(path).length > 0;
}

async function answer(request: Request, parts: AdminParts, access: AccessControl): Promise<Response> {
  const url = new URL(request.url);
  const path = pathBelow(url.pathname, parts.options.basePath);
  const found = path === undefined ? [] : table.at(path);
  if (found.length === 0) throw new AdminError("not_found", "There is no such call");
  if (request.method === "OPTIONS") {
    return new Response(null, { status: 204, headers: { ...plainHeaders, allow: allowedAt(found) } });
  }
  const chosen = withMethod(found, request.method);
  access.check(chosen.route.access, request.headers);
  return chosen.route.answer(new AdminCall(parts, request, url, chosen.params));
}

function pathBelow(pathname: string, basePath: string): string | undefined {
  return pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : undefined;
}

function withMethod(found: readonly FoundRoute[], method: string): FoundRoute {
  const wanted = method === "HEAD" ? "GET" : method;
  const chosen = found.find(({ route }) => route.method === wanted);
  if (chosen !== undefined) return chosen;
  const allow = allowedAt(found);
  throw new AdminError("method_not_allowed", `Expected one of the methods ${allow}`, { headers: { allow } });
}

/** An answer to HEAD has the headers only. A body that would go on for ever is ended here. */
function forMethod({ method }: Request, response: Response): Response {
  if (method !== "HEAD") return response;
  response.body?.cancel().catch(() => {});
  return new Response(null, { status: response.status, headers: response.headers });
}
