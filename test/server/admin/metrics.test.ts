import { describe, expect, it } from "vitest";
import { KeyRotator, MemoryStore, type Store } from "../../../src/index.ts";
import { portOf } from "../../../src/pool/pool-port.ts";
import { newSecret } from "../../support/test-keys.ts";
import { type Rig, readToken, rig, use } from "./fixture.ts";

interface Metric {
  readonly type: string;
  readonly help: string;
  readonly samples: Map<string, number>;
}

/** Reads Prometheus' text format as strictly as it is written. */
function parse(text: string): ReadonlyMap<string, Metric> {
  const metrics = new Map<string, Metric>();
  let help = "";
  let name = "";
  for (const line of text.trimEnd().split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, about = "", rest = ""] = comment;
      if (kind === "HELP") help = rest;
      else {
        expect(metrics.has(about)).toBe(false);
        metrics.set(about, { type: rest, help, samples: new Map() });
        name = about;
      }
      continue;
    }
    const sample = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[\d.e+]+|\+Inf)$/.exec(line);
    if (sample === null) throw new Error(`No sample: ${line}`);
    expect(sample[1]).toBe(name);
    const { samples } = metrics.get(name) as Metric;
    expect(samples.has(sample[2] ?? "")).toBe(false);
    samples.set(sample[2] ?? "", Number(sample[3]));
  }
  return metrics;
}

async function metricsOf({ call }: Pick<Rig, "call">): Promise<ReadonlyMap<string, Metric>> {
  const response = await call("/metrics", { token: readToken });
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return parse(await response.text());
}

const samplesOf = (metrics: ReadonlyMap<string, Metric>, name: string): Record<string, number> =>
  Object.fromEntries(metrics.get(name)?.samples ?? []);

describe("GET /metrics", () => {
  it("counts keys by state, and what each has done", async () => {
    const made = rig({ keys: 2, settings: { account: "org" } });
    const [first = "", second = ""] = made.ids;
    await use(made.rotator, 3);
    made.rotator.disable(second);
    await made.rotator.cooldown(first, 30_000);
    const metrics = await metricsOf(made);
    expect(samplesOf(metrics, "rotating_fetch_keys")).toMatchObject({
      '{channel="1",state="ready"}': 0,
      '{channel="1",state="cooling"}': 1,
      '{channel="1",state="disabled"}': 1,
    });
    const labels = `{channel="1",key="${first}",account="org"}`;
    expect(samplesOf(metrics, "rotating_fetch_key_requests_total")[labels]).toBe(2);
    expect(samplesOf(metrics, "rotating_fetch_key_rest_seconds")[labels]).toBe(30);
    expect(samplesOf(metrics, "rotating_fetch_key_enabled")[labels]).toBe(1);
    expect(samplesOf(metrics, "rotating_fetch_key_last_used_timestamp_seconds")[labels]).toBe(made.clock.wall() / 1000);
  });

  it("counts failures by kind, cooldowns by source and requests without a key", async () => {
    const made = rig();
    const failed = {
      requestId: "r",
      attempt: 1,
      keyId: "k",
      provider: "generic",
      model: "m",
      realModel: "m",
      status: 429,
      scope: "key",
      retryAfterMs: null,
    } as const;
    for (const kind of ["rate_limit", "rate_limit", "timeout"] as const) {
      portOf(made.rotator).emit("attempt-failed", { ...failed, kind, failover: true, elapsedMs: 1, tags: undefined });
    }
    await made.rotator.cooldown(made.ids[0] as string, 1000);
    const metrics = await metricsOf(made);
    expect(samplesOf(metrics, "rotating_fetch_attempts_failed_total")).toEqual({
      '{channel="1",kind="rate_limit"}': 2,
      '{channel="1",kind="timeout"}': 1,
    });
    expect(samplesOf(metrics, "rotating_fetch_rests_total")).toEqual({ '{channel="1",source="operator"}': 1 });
    expect(samplesOf(metrics, "rotating_fetch_exhausted_total")).toEqual({ '{channel="1"}': 0 });
  });

  it("tells what is left of limits", async () => {
    const made = rig({ keys: 2, pool: { limits: [{ requests: 10 }, { tokens: 100, perModel: true }] } });
    await use(made.rotator, 4);
    const metrics = await metricsOf(made);
    const labels = '{channel="1",limit="requests-minute-rolling",dimension="requests"}';
    expect(samplesOf(metrics, "rotating_fetch_limit")).toEqual({ [labels]: 20 });
    expect(samplesOf(metrics, "rotating_fetch_limit_left")).toEqual({ [labels]: 16 });
  });

  it("escapes what people wrote", async () => {
    const account = 'a "b"\\c\nd} 5';
    const metrics = await metricsOf(rig({ keys: 1, settings: { account, id: "k" } }));
    expect(samplesOf(metrics, "rotating_fetch_key_ready")).toEqual({
      '{channel="1",key="k",account="a \\"b\\"\\\\c\\nd} 5"}': 1,
    });
  });

  it("gives each metric help, a type and a unit that its name tells", async () => {
    const metrics = await metricsOf(rig({ pool: { limits: [{ requests: 10 }] } }));
    for (const [name, { type, help }] of metrics) {
      expect(help).toMatch(/\.$/);
      expect(type).toBe(name.endsWith("_total") ? "counter" : "gauge");
    }
    expect(metrics.size).toBeGreaterThan(10);
  });

  it("has series for a bounded number of keys, and tells how many have none", async () => {
    const secrets = Array.from({ length: 1005 }, newSecret);
    const rotators = { big: new KeyRotator({ keys: secrets }) };
    const metrics = await metricsOf(rig({ admin: { rotators } }));
    expect(metrics.get("rotating_fetch_key_ready")?.samples.size).toBe(1000);
    expect(samplesOf(metrics, "rotating_fetch_keys_without_series")).toEqual({ '{channel="big"}': 5 });
    expect(samplesOf(metrics, "rotating_fetch_keys")['{channel="big",state="ready"}']).toBe(1005);
  });

  it("tells of a store of several processes whether it is shared, and of none without others", async () => {
    const sharing = { state: "alone", since: 1, instances: 3, rank: 0, listening: false, cause: "gone" } as const;
    const store: Store = Object.assign(new MemoryStore(), {
      renew: () => {},
      sharing: () => sharing,
      onSharing: () => () => {},
    });
    const made = rig({ pool: { store } });
    const metrics = await metricsOf(made);
    expect(samplesOf(metrics, "rotating_fetch_store_shared")).toEqual({ '{channel="1"}': 0 });
    expect(samplesOf(metrics, "rotating_fetch_store_instances")).toEqual({ '{channel="1"}': 3 });
    expect((await made.ask("/api/channels")).data.channels[0].store).toEqual(sharing);
    expect(samplesOf(await metricsOf(rig()), "rotating_fetch_store_shared")).toEqual({});
  });
});
