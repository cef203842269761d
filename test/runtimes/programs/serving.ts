import type { RotatingFetch } from "rotating-fetch";

type Handler = (request: Request) => Promise<Response>;

/** A handler that sends `/through/<pool>?to=<url>` through a pool of module scope, and tells `/waiting/<pool>` how many wait there. */
export function serving(pools: Readonly<Record<string, RotatingFetch>>): Handler {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const [, what, name = ""] = pathname.split("/");
    const pool = pools[name];
    if (pool === undefined) return new Response("No such pool", { status: 404 });
    if (what === "waiting") return Response.json(pool.rotator.waiting);
    try {
      return await pool(searchParams.get("to") ?? "");
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
  };
}
