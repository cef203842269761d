import type { Access } from "./access.ts";
import type { AdminCall } from "./admin-call.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One call of the API. */
export interface Route {
  readonly method: Method;
  /** Its path; a segment that begins with a colon stands for any one. */
  readonly path: string;
  readonly access: Access;
  answer(call: AdminCall): Response | Promise<Response>;
}

export interface FoundRoute {
  readonly route: Route;
  readonly params: ReadonlyMap<string, string>;
}

interface Pattern {
  readonly segments: readonly string[];
  readonly route: Route;
}

/** Finds the call a request makes. */
export class RouteTable {
  readonly #patterns: readonly Pattern[];

  constructor(routes: readonly Route[]) {
    this.#patterns = routes.map((route) => ({ segments: route.path.split("/"), route }));
  }

  /** Calls at a path, literal segments first; none where there is nothing. */
  at(path: string): readonly FoundRoute[] {
    const segments = path.split("/");
    return this.#patterns.flatMap(({ segments: wanted, route }) => {
      const params = paramsOf(wanted, segments);
      return params === undefined ? [] : [{ route, params }];
    });
  }
}

/** Methods that a path takes, for people and for `Allow`. */
export function allowedAt(found: readonly FoundRoute[]): string {
  const methods = new Set<string>(["OPTIONS"]);
  for (const { route } of found) {
    methods.add(route.method);
    if (route.method === "GET") methods.add("HEAD");
  }
  return [...methods].sort().join(", ");
}

function paramsOf(wanted: readonly string[], segments: readonly string[]): ReadonlyMap<string, string> | undefined {
  if (wanted.length !== segments.length) return undefined;
  const params = new Map<string, string>();
  for (const [place, name] of wanted.entries()) {
    const segment = segments[place] as string;
    if (!name.startsWith(":")) {
      if (name !== segment) return undefined;
    } else if (segment === "") return undefined;
    else params.set(name.slice(1), segment);
  }
  return params;
}
