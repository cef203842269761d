import type { KeyUpdate } from "../../../pool/keys/key-source.ts";
import type { ProbeRequest } from "../../../pool/pool-port.ts";
import type { AdminCall } from "../calls/admin-call.ts";
import { badField } from "../calls/admin-error.ts";
import { done } from "../calls/answers.ts";
import { type Channel, indexOf } from "../calls/channel.ts";
import type { RequestFields } from "../calls/request-fields.ts";
import type { Route } from "../calls/route-table.ts";
import { importKeys } from "./key-import.ts";
import { viewOf } from "./key-views.ts";
import { selectionOf } from "./selection.ts";

/** Keys as things of their own: what system D lacks. `?channel=` names the pool, where there are several. */
export const keyRoutes: readonly Route[] = [
  { method: "GET", path: "/api/keys", access: "read", answer: list },
  { method: "POST", path: "/api/keys", access: "write", answer: importMany },
  { method: "POST", path: "/api/keys/check", access: "write", answer: checkMany },
  { method: "GET", path: "/api/keys/:key", access: "read", answer: show },
  { method: "PATCH", path: "/api/keys/:key", access: "write", answer: edit },
  { method: "DELETE", path: "/api/keys/:key", access: "write", answer: remove },
  { method: "PUT", path: "/api/keys/:key/secret", access: "write", answer: replaceSecret },
  { method: "POST", path: "/api/keys/:key/check", access: "write", answer: checkOne },
];

const editable = ["weight", "priority", "account", "note", "models", "enabled"];

async function list(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  const { channel } = call;
  const { keys, ...pool } = await channel.rotator.snapshot();
  const about = { channel_id: channel.idForClients, channel_name: channel.name, ...selectionOf(channel) };
  return done({ ...about, ...pool, keys: keys.map(viewOf) });
}

async function show(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  const { channel } = call;
  const { id } = await channel.keyInPath(call.param("key"));
  return done(viewOf(await channel.snapshotOf(id)));
}

async function importMany(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  const { channel } = call;
  const fields = await call.body();
  fields.expectOnly(["keys", "mode", "batch"]);
  const mode = fields.has("mode") ? fields.oneOf("mode", ["append", "replace"]) : "append";
  const batch = fields.optionalText("batch");
  const report = await importKeys(channel, fields, { mode, batch });
  return done(report, `${report.created} created, ${report.existed} existed, ${report.removed} removed`);
}

async function edit(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  const { channel } = call;
  const fields = await call.body();
  fields.expectOnly(editable);
  const changes = Object.fromEntries(
    editable.filter((name) => fields.has(name)).map((name) => [name, fields.get(name)]),
  );
  if (Object.keys(changes).length === 0)
    throw badField("body", `an object with at least one of ${editable.join(", ")}`);
  const { id } = await channel.keyInPath(call.param("key"));
  // The rotator checks what came like any key's settings, and names the field.
  channel.rotator.update(id, changes as KeyUpdate);
  return changed(channel, id, "Key changed");
}

async function replaceSecret(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  const { channel } = call;
  const fields = await call.body();
  fields.expectOnly(["secret", "overlapMs"]);
  const secret = fields.text("secret");
  const overlapMs = fields.get("overlapMs");
  if (overlapMs !== undefined && (typeof overlapMs !== "number" || overlapMs < 0)) {
    throw badField("overlapMs", "a number of milliseconds >= 0");
  }
  const { id } = await channel.keyInPath(call.param("key"));
  channel.rotator.replace(id, secret, { overlapMs });
  return changed(channel, id, "Secret replaced");
}

async function remove(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  const { channel } = call;
  const key = await channel.keyInPath(call.param("key"));
  channel.rotator.remove(key.id);
  await channel.stored();
  return done({ id: key.id, index: indexOf(key) }, "Key deleted");
}

async function checkMany(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  const { channel } = call;
  const fields = await call.body({ mayBeEmpty: true });
  fields.expectOnly(["key_indices", "key_ids", "probe"]);
  const some = fields.has("key_indices") || fields.has("key_ids");
  const ids = some ? (await channel.keysIn(fields)).map(({ id }) => id) : undefined;
  return checked(channel, fields, ids);
}

async function checkOne(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  const { channel } = call;
  const fields = await call.body({ mayBeEmpty: true });
  fields.expectOnly(["probe"]);
  const { id } = await channel.keyInPath(call.param("key"));
  return checked(channel, fields, [id]);
}

async function checked(
  { rotator }: Channel,
  fields: RequestFields,
  ids: readonly string[] | undefined,
): Promise<Response> {
  const probe = fields.get("probe") as ProbeRequest | undefined;
  const report = await (ids === undefined ? rotator.check(probe) : rotator.check(probe, { ids }));
  return done(report, `${report.good} of ${report.total} ${report.total === 1 ? "key works" : "keys work"}`);
}

async function changed(channel: Channel, id: string, message: string): Promise<Response> {
  await channel.stored();
  return done(viewOf(await channel.snapshotOf(id)), message);
}
