import { closestName } from "../../../closest-name.ts";
import { plainHeaders } from "../../json-answers.ts";
import type { AdminCall } from "../calls/admin-call.ts";
import { badField } from "../calls/admin-error.ts";
import { done } from "../calls/answers.ts";
import type { Route } from "../calls/route-table.ts";
import { createFeed } from "../events/event-feed.ts";
import { eventNames } from "../events/event-kinds.ts";
import type { LoggedEvent } from "../events/event-log.ts";

/** What happened, and what happens. */
export const eventRoutes: readonly Route[] = [
  { method: "GET", path: "/api/events", access: "read", answer: recent },
  { method: "GET", path: "/api/events/stream", access: "read", answer: feed },
];

function recent(call: AdminCall): Response {
  call.expectOnlyQuery(["channel", "after", "event", "limit"]);
  const limit = limitOf(call.query("limit"));
  const matching = call.parts.events.since(call.query("after")).filter(filterOf(call));
  // The last ones count: who wants all of them asks on with `after`.
  return done({ events: limit === undefined ? matching : matching.slice(-limit) });
}

function filterOf(call: AdminCall): (event: LoggedEvent) => boolean {
  const id = call.query("channel");
  const channel = id === undefined ? undefined : call.parts.channels.named(id, "channel").idForClients;
  const name = eventNameOf(call.query("event"));
  return (event) =>
    (channel === undefined || event.channel === channel) && (name === undefined || event.event === name);
}

/** An event nobody knows never comes: who waits for it would never hear of the mistake. */
function eventNameOf(text: string | undefined): string | undefined {
  if (text === undefined || (eventNames as readonly string[]).includes(text)) return text;
  const closest = closestName(text, eventNames);
  const hint = closest === undefined ? "" : `; did you mean \`${closest}\`?`;
  throw badField("event", `one of ${eventNames.join(", ")}${hint}`);
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw badField("limit", "an integer >= 1");
  return Number(text);
}

function feed(call: AdminCall): Response {
  call.expectOnlyQuery(["channel", "event", "details", "lastEventId"]);
  const details = call.query("details") ?? "false";
  if (details !== "true" && details !== "false") throw badField("details", "true or false");
  const lastId = call.request.headers.get("last-event-id") ?? call.query("lastEventId");
  const { options, events } = call.parts;
  const { signal } = call.request;
  const body = createFeed(events, options.clock, {
    lastId,
    details: details === "true",
    accepts: filterOf(call),
    signal,
  });
  return new Response(body, {
    headers: {
      ...plainHeaders,
      "content-type": "text/event-stream; charset=utf-8",
      // Compression and buffering proxies would hold events back.
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    },
  });
}
