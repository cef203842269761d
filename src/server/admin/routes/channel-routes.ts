import type { KeyFacts } from "../../../operate/snapshot.ts";
import type { AdminCall } from "../calls/admin-call.ts";
import { AdminError } from "../calls/admin-error.ts";
import { done } from "../calls/answers.ts";
import { type Channel, indexOf } from "../calls/channel.ts";
import type { RequestFields } from "../calls/request-fields.ts";
import type { Route } from "../calls/route-table.ts";
import { importKeys } from "./key-import.ts";
import { detailsOf, switchOf } from "./key-views.ts";
import { applyMode, selectionOf } from "./selection.ts";

/** System D's calls, with its paths, bodies and words. Fields that these do not know are let be, as there. */
export const channelRoutes: readonly Route[] = [
  { method: "PUT", path: "/api/channel/multi-key/settings", access: "write", answer: settings },
  { method: "POST", path: "/api/channel/keys/import", access: "write", answer: importIntoChannel },
  { method: "POST", path: "/api/channel/keys/toggle", access: "write", answer: toggle },
  { method: "POST", path: "/api/channel/keys/batch-toggle", access: "write", answer: toggleSeveral },
  { method: "POST", path: "/api/channel/keys/batch-toggle-by-batch", access: "write", answer: toggleBatch },
  { method: "GET", path: "/api/channel/:channel_id/keys/details", access: "read", answer: details },
  { method: "GET", path: "/api/channel/:channel_id/keys/stats", access: "read", answer: stats },
];

function channelIn(call: AdminCall, fields: RequestFields): Channel {
  return call.parts.channels.named(fields.get("channel_id"), "channel_id");
}

function channelAt(call: AdminCall): Channel {
  return call.parts.channels.named(call.param("channel_id"), "channel_id");
}

async function settings(call: AdminCall): Promise<Response> {
  const fields = await call.body();
  const channel = channelIn(call, fields);
  applyMode(channel, {
    isMultiKey: fields.has("is_multi_key") ? fields.flag("is_multi_key") : undefined,
    mode: fields.has("key_selection_mode") ? fields.oneOf("key_selection_mode", [0, 1]) : undefined,
  });
  return done({ channel_id: channel.idForClients, ...selectionOf(channel) }, "Settings updated");
}

async function importIntoChannel(call: AdminCall): Promise<Response> {
  const fields = await call.body();
  const channel = channelIn(call, fields);
  const mode = fields.oneOf("mode", [0, 1]);
  const batch = fields.optionalText("batch_id");
  const report = await importKeys(channel, fields, { mode: mode === 0 ? "replace" : "append", batch });
  const count = report.created + report.existed;
  const { batch: batchId, created, existed, invalid, duplicates, removed, results } = report;
  const data = {
    imported_count: count,
    mode,
    batch_id: batchId,
    created,
    existed,
    invalid,
    duplicates,
    removed,
    results,
  };
  return done(data, `Successfully imported ${count} ${count === 1 ? "key" : "keys"}`);
}

async function toggle(call: AdminCall): Promise<Response> {
  const fields = await call.body();
  const channel = channelIn(call, fields);
  const enabled = fields.flag("enabled");
  const { id } = await channel.keyIn(fields);
  const [key] = await switched(channel, [id], enabled);
  if (key === undefined) throw new AdminError("conflict", "The key left the channel meanwhile");
  const index = indexOf(key);
  if (key.enabled !== enabled) {
    const reason = key.disabledReason ?? "it cannot be used";
    throw new AdminError("conflict", `Key ${index} stays off: ${reason}`, { data: standingOf(key) });
  }
  const data = { channel_id: channel.idForClients, ...standingOf(key) };
  return done(data, `Key ${index} ${enabled ? "enabled" : "disabled"}`);
}

async function toggleSeveral(call: AdminCall): Promise<Response> {
  const fields = await call.body();
  const channel = channelIn(call, fields);
  const enabled = fields.flag("enabled");
  return toggled(channel, await channel.keysIn(fields), enabled);
}

async function toggleBatch(call: AdminCall): Promise<Response> {
  const fields = await call.body();
  const channel = channelIn(call, fields);
  const enabled = fields.flag("enabled");
  const batch = fields.text("batch_id");
  const keys = (await channel.list()).filter((key) => key.batch === batch);
  if (keys.length > 0) return toggled(channel, keys, enabled);
  throw new AdminError("not_found", `Channel ${channel.id} has no key of this batch`, { field: "batch_id" });
}

async function toggled(channel: Channel, keys: readonly KeyFacts[], enabled: boolean): Promise<Response> {
  const present = await switched(
    channel,
    keys.map(({ id }) => id),
    enabled,
  );
  const count = present.filter((key) => key.enabled === enabled).length;
  const data = { channel_id: channel.idForClients, updated_count: count, enabled, keys: present.map(standingOf) };
  return done(data, `Successfully ${enabled ? "enabled" : "disabled"} ${count} ${count === 1 ? "key" : "keys"}`);
}

/** How the keys stand then: one whose secret nobody kept stays off. */
async function switched(channel: Channel, ids: readonly string[], enabled: boolean): Promise<readonly KeyFacts[]> {
  for (const id of ids) {
    if (enabled) channel.rotator.enable(id);
    else channel.rotator.disable(id);
  }
  await channel.stored();
  const wanted = new Set(ids);
  return (await channel.list()).filter(({ id }) => wanted.has(id));
}

function standingOf(key: KeyFacts): object {
  return {
    index: indexOf(key),
    id: key.id,
    enabled: key.enabled,
    ...switchOf(key),
    disabled_reason: key.disabledReason,
  };
}

async function details(call: AdminCall): Promise<Response> {
  const channel = channelAt(call);
  const keys = await channel.keys();
  return done({
    channel_id: channel.idForClients,
    channel_name: channel.name,
    ...selectionOf(channel),
    total_keys: keys.length,
    keys: keys.map(detailsOf),
  });
}

async function stats(call: AdminCall): Promise<Response> {
  const channel = channelAt(call);
  const keys = await channel.list();
  const enabled = keys.filter((key) => key.enabled).length;
  return done({
    total_keys: keys.length,
    enabled_keys: enabled,
    disabled_keys: keys.length - enabled,
    ...selectionOf(channel),
  });
}
