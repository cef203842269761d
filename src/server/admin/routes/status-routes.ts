import type { KeySnapshot } from "../../../operate/snapshot.ts";
import { jsonAnswer } from "../../json-answers.ts";
import type { AdminCall } from "../calls/admin-call.ts";
import type { Route } from "../calls/route-table.ts";
import { healthOf, quotaOf } from "./key-views.ts";

/** What systems B and C told of their keys, in their own shapes: no envelope. */
export const statusRoutes: readonly Route[] = [
  { method: "GET", path: "/health", access: "open", answer: health },
  { method: "GET", path: "/stats", access: "status", answer: stats },
  { method: "GET", path: "/api/v1/keys/status", access: "status", answer: keysStatus },
];

/** The process answers: whether keys work is for the others to tell, or a full pool would get the process restarted. */
function health({ parts: { options } }: AdminCall): Response {
  const timestamp = new Date(options.clock.wall()).toISOString();
  return jsonAnswer(200, { status: "ok", timestamp, version: options.version });
}

async function stats(call: AdminCall): Promise<Response> {
  const entries = new Map<string, object>();
  for (const key of await keysOf(call)) entries.set(nameIn(entries, key), healthOf(key));
  return jsonAnswer(200, Object.fromEntries(entries));
}

async function keysStatus(call: AdminCall): Promise<Response> {
  const keys = await keysOf(call);
  return jsonAnswer(200, { keys: keys.map(quotaOf) });
}

async function keysOf(call: AdminCall): Promise<readonly KeySnapshot[]> {
  call.expectOnlyQuery(["channel"]);
  const channels = call.parts.channels.namedOrAll(call.query("channel"), "channel");
  return (await Promise.all(channels.map((channel) => channel.keys()))).flat();
}

/** Masks of two keys may be the same: the later one gets a number. */
function nameIn(entries: ReadonlyMap<string, object>, { masked, id }: KeySnapshot): string {
  const name = masked ?? id;
  if (!entries.has(name)) return name;
  let count = 2;
  while (entries.has(`${name} #${count}`)) count++;
  return `${name} #${count}`;
}
