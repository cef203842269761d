import type { StoreSharing } from "../../../limits/sharing.ts";
import type { Forecast } from "../../../operate/forecast.ts";
import type { KeySnapshot, PoolSnapshot } from "../../../operate/snapshot.ts";
import { plainHeaders } from "../../json-answers.ts";
import type { AdminCall } from "../calls/admin-call.ts";
import type { Channel } from "../calls/channel.ts";
import type { FailureCounts } from "../calls/failure-counts.ts";
import type { Route } from "../calls/route-table.ts";
import { restOf } from "./key-views.ts";
import { type Labels, MetricText } from "./metric-text.ts";

/** So many keys of a channel have series of their own; of the others only the totals tell. */
const mostKeySeries = 1000;
/** So many limits have. Their models come from outside, so that limits which count each model apart have none. */
const mostLimitSeries = 100;

const states: readonly KeySnapshot["state"][] = ["ready", "cooling", "limited", "refused", "disabled"];
const standings = ["ready", "limited", "refused", "disabled"] as const;

interface Reading {
  readonly channel: Channel;
  readonly pool: PoolSnapshot;
  readonly forecast: Forecast;
  readonly counts: ReturnType<FailureCounts["of"]>;
}

type Sample = readonly [Labels, number];

export const metricsRoutes: readonly Route[] = [{ method: "GET", path: "/metrics", access: "read", answer: metrics }];

async function metrics(call: AdminCall): Promise<Response> {
  call.expectOnlyQuery(["channel"]);
  const { channels, counts } = call.parts;
  const readings = await Promise.all(
    channels.namedOrAll(call.query("channel"), "channel").map(async (channel) => {
      const [pool, forecast] = await Promise.all([channel.rotator.snapshot(), channel.rotator.forecast()]);
      return { channel, pool, forecast, counts: counts.of(channel) };
    }),
  );
  const text = new MetricText();
  addPool(text, readings);
  addKeys(text, readings);
  addLimits(text, readings);
  addCounts(text, readings);
  const headers = { ...plainHeaders, "content-type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(text.toString(), { headers });
}

function of<T>(readings: readonly Reading[], samples: (reading: Reading) => readonly T[]): readonly T[] {
  return readings.flatMap(samples);
}

function addPool(text: MetricText, readings: readonly Reading[]): void {
  const one = (value: (reading: Reading) => number): readonly Sample[] =>
    readings.map((reading) => [{ channel: reading.channel.id }, value(reading)]);
  const keysByState = ({ channel, pool }: Reading): readonly Sample[] =>
    states.map((state) => [{ channel: channel.id, state }, pool.keys.filter((key) => key.state === state).length]);
  const accountsByState = ({ channel, pool }: Reading): readonly Sample[] =>
    standings.map((state) => [{ channel: channel.id, state }, pool[state]]);
  const ofStore = (value: (store: StoreSharing) => number): readonly Sample[] =>
    of(readings, ({ channel, pool: { store } }) => (store ? [[{ channel: channel.id }, value(store)] as const] : []));
  text
    .add("rotating_fetch_keys", "gauge", "Keys by state.", of(readings, keysByState))
    .add("rotating_fetch_accounts", "gauge", "Accounts by how their best key stands.", of(readings, accountsByState))
    .add(
      "rotating_fetch_requests_in_flight",
      "gauge",
      "Requests that hold a key.",
      one(({ pool }) => pool.inFlight),
    )
    .add(
      "rotating_fetch_requests_waiting",
      "gauge",
      "Requests that wait for a key.",
      one(({ pool }) => pool.waiting),
    )
    .add(
      "rotating_fetch_store_shared",
      "gauge",
      "1: counters are shared with the other processes; 0: not, or not asked for yet.",
      ofStore(({ state }) => Number(state === "shared")),
    )
    .add(
      "rotating_fetch_store_instances",
      "gauge",
      "Processes that share the store, as last heard.",
      ofStore(({ instances }) => instances),
    )
    .add(
      "rotating_fetch_keys_without_series",
      "gauge",
      `Keys beyond the first ${mostKeySeries}, which have no series of their own.`,
      one(({ pool }) => Math.max(0, pool.keys.length - mostKeySeries)),
    );
}

function addKeys(text: MetricText, readings: readonly Reading[]): void {
  const shown = readings.flatMap(({ channel, pool }) => {
    // Where keys are of several providers, accounts of one name are told apart.
    const isMixed = new Set(pool.keys.map(({ provider }) => provider)).size > 1;
    const labelsOf = ({ id, provider, account }: KeySnapshot) =>
      isMixed ? { channel: channel.id, key: id, provider, account } : { channel: channel.id, key: id, account };
    return pool.keys.slice(0, mostKeySeries).map((key) => ({ key, labels: labelsOf(key) }));
  });
  const each = (value: (key: KeySnapshot) => number): readonly Sample[] =>
    shown.map(({ key, labels }) => [labels, value(key)]);
  text
    .add(
      "rotating_fetch_key_ready",
      "gauge",
      "1: the key can be used now.",
      each(({ state }) => Number(state === "ready")),
    )
    .add(
      "rotating_fetch_key_enabled",
      "gauge",
      "1: the key is switched on.",
      each(({ enabled }) => Number(enabled)),
    )
    .add(
      "rotating_fetch_key_requests_total",
      "counter",
      "Requests given to the key.",
      each(({ used }) => used),
    )
    .add(
      "rotating_fetch_key_failures_total",
      "counter",
      "Attempts of the key that failed.",
      each((key) => key.failures),
    )
    .add(
      "rotating_fetch_key_rest_seconds",
      "gauge",
      "Seconds the key still cools down.",
      each((key) => (restOf(key) ?? 0) / 1000),
    )
    .add(
      "rotating_fetch_key_last_used_timestamp_seconds",
      "gauge",
      "When the key was used last, seconds since the epoch; 0: never.",
      each(({ lastUsedAt }) => (lastUsedAt ?? 0) / 1000),
    );
}

function addLimits(text: MetricText, readings: readonly Reading[]): void {
  const shown = readings.flatMap(({ channel, forecast }) =>
    forecast.limits
      .filter(({ model }) => model === null)
      .slice(0, mostLimitSeries)
      .map((limit) => ({ limit, labels: { channel: channel.id, limit: limit.id, dimension: limit.dimension } })),
  );
  const dry = shown.flatMap(({ limit: { dryInMs }, labels }): readonly Sample[] =>
    dryInMs === null ? [] : [[labels, dryInMs / 1000]],
  );
  text
    .add(
      "rotating_fetch_limit",
      "gauge",
      "What a limit allows, over all accounts.",
      shown.map(({ limit, labels }) => [labels, limit.limit]),
    )
    .add(
      "rotating_fetch_limit_left",
      "gauge",
      "What is left of it.",
      shown.map(({ limit, labels }) => [labels, limit.left]),
    )
    .add(
      "rotating_fetch_limit_dry_seconds",
      "gauge",
      "Seconds until nothing is left at the present rate; none while it suffices.",
      dry,
    );
}

function addCounts(text: MetricText, readings: readonly Reading[]): void {
  const named = (label: string, counts: (reading: Reading) => ReadonlyMap<string, number>): readonly Sample[] =>
    of(readings, (reading) =>
      [...counts(reading)].map(([name, count]) => [{ channel: reading.channel.id, [label]: name }, count] as const),
    );
  text
    .add(
      "rotating_fetch_attempts_failed_total",
      "counter",
      "Failed attempts by kind.",
      named("kind", ({ counts }) => counts.failed),
    )
    .add(
      "rotating_fetch_rests_total",
      "counter",
      "Cooldowns by where their time came from.",
      named("source", ({ counts }) => counts.cooldowns),
    )
    .add(
      "rotating_fetch_exhausted_total",
      "counter",
      "Requests for which there was no key in time.",
      readings.map(({ channel, counts }) => [{ channel: channel.id }, counts.exhausted]),
    );
}
