import type { AcquireRequest } from "../../../pool/rotator-options.ts";
import type { AdminCall } from "../calls/admin-call.ts";
import { badField } from "../calls/admin-error.ts";
import { done } from "../calls/answers.ts";
import type { Route } from "../calls/route-table.ts";
import { selectionOf } from "./selection.ts";

/** Why and when: what a pool would do, and how long it lasts. */
export const insightRoutes: readonly Route[] = [
  { method: "GET", path: "/api/channels", access: "read", answer: channels },
  { method: "GET", path: "/api/explain", access: "read", answer: explain },
  { method: "GET", path: "/api/forecast", access: "read", answer: forecast },
];

async function channels(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery([]);
  const all = [...call.parts.channels].map(async (channel) => {
    const { keys, models: _models, inferredAccounts: _inferred, ...standing } = await channel.rotator.snapshot();
    const about = { channel_id: channel.idForClients, channel_name: channel.name, ...selectionOf(channel) };
    return { ...about, provider: channel.rotator.provider.name, total_keys: keys.length, ...standing };
  });
  return done({ channels: await Promise.all(all) });
}

async function explain(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel", "model", "account", "affinity", "prefer", "inputTokens", "outputTokens"]);
  const request: AcquireRequest = {
    model: call.query("model"),
    account: call.query("account"),
    affinity: call.query("affinity"),
    prefer: call.query("prefer"),
    tokens: tokensOf(call),
  };
  return done(await call.channel.rotator.explain(request));
}

function tokensOf(call: AdminCall): AcquireRequest["tokens"] {
  const input = amount(call, "inputTokens");
  const output = amount(call, "outputTokens");
  return input === undefined && output === undefined ? undefined : { input, output };
}

function amount(call: AdminCall, name: string): number | undefined {
  const text = call.query(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badField(name, "an integer >= 0");
  return Number(text);
}

async function forecast(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  return done(await call.channel.rotator.forecast());
}
