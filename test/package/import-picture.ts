/** What one room of `src` may import. A folder is a wall: its subrooms are rooms of their own. */
export interface Room {
  /** Rooms whose files it may import; a file is named with its ending. Its own files are always allowed. */
  readonly may: readonly string[];
  /** The same for `import type`, which leaves nothing behind in the build. */
  readonly mayTypes?: readonly string[];
  /** May it import from `node:`? */
  readonly onNode?: true;
}

/** The words, and how input is checked: every room speaks them, none of them knows a room. */
const words = [
  "types.ts",
  "ports.ts",
  "errors.ts",
  "clock.ts",
  "checks.ts",
  "closest-name.ts",
  "mask.ts",
  "realms.ts",
  "recent-map.ts",
];
const limits = [...words, "limits"];
const readings = [...limits, "judgement/reading", "judgement/waits", "judgement/lexicon"];
const judgement = [...readings, "judgement"];
const poolParts = [
  "pool/keys",
  "pool/observing",
  "pool/ready",
  "pool/strategies",
  "pool/waiting",
  "pool/shared",
  "pool/asking",
];
const pool = [...judgement, "pool", ...poolParts];
const operate = [...pool, "operate", "operate/keys"];
const attempt = [...pool, "attempt", "attempt/reading", "attempt/telling"];
const fetch = [...attempt, "fetch", "fetch/bodies"];
const server = [...fetch, ...operate, "server"];
/** What a store is held to: counters and key records. */
const seams = ["limits", "pool/keys/key-store.ts"];

/**
 * The direction of imports: cli → server → fetch → attempt, operate → pool → judgement → limits → words; stores import the
 * seams only. A folder that is not here is an error.
 */
export const importPicture: Readonly<Record<string, Room>> = {
  "types.ts": { may: [] },
  "ports.ts": { may: [], mayTypes: ["types.ts"] },
  "errors.ts": { may: ["realms.ts"], mayTypes: ["types.ts"] },
  "clock.ts": { may: ["types.ts"] },
  "closest-name.ts": { may: [] },
  "mask.ts": { may: [] },
  "realms.ts": { may: [] },
  "recent-map.ts": { may: [] },
  "checks.ts": { may: ["errors.ts", "closest-name.ts", "realms.ts"] },

  limits: { may: words },
  "limits/windows": { may: limits },
  "limits/memory": { may: [...limits, "limits/windows"] },

  "judgement/reading": { may: limits },
  // What an answer says of limits and of waiting, in a provider's own grammar too: how that is written down is data.
  "judgement/waits": { may: [...limits, "judgement/reading"], mayTypes: ["judgement/provider.ts"] },
  "judgement/lexicon": {
    may: [...limits, "judgement/reading", "judgement/waits"],
    mayTypes: ["judgement/provider.ts"],
  },
  // One preset stands where none is named: it knows no provider.
  judgement: { may: [...readings, "judgement/providers/generic.ts"] },
  // Stands alone, so that it brings a store to count in.
  "judgement/rate-limit-tracker.ts": { may: [...judgement, "limits/memory"] },
  // Data: one file a provider.
  "judgement/providers": { may: words, mayTypes: ["judgement/provider.ts"] },
  // Those that no name finds, so that nobody carries them along unasked.
  "judgement/providers/services": { may: words, mayTypes: ["judgement/provider.ts"] },
  "judgement/learning": { may: judgement },
  "judgement/evidence": { may: judgement },

  "pool/strategies": { may: words },
  "pool/observing": { may: words },
  "pool/keys": { may: judgement },
  "pool/ready": { may: [...judgement, "pool/keys"], mayTypes: ["pool/strategies"] },
  "pool/waiting": { may: [...judgement, "pool/keys", "pool/ready"] },
  "pool/shared": { may: [...judgement, "pool/keys", "pool/ready"] },
  // How a store is asked for a key: it makes the pool's leases of the pool's requests.
  "pool/asking": {
    may: [...judgement, "pool/keys", "pool/ready", "pool/waiting", "pool/lease.ts"],
    mayTypes: ["pool/shared", "pool/rotator-options.ts", "pool/events.ts"],
  },
  pool: { may: [...judgement, ...poolParts] },
  // The list where what a pool learns is made.
  "pool/features.ts": { may: [...pool, "judgement/learning", "judgement/evidence"] },

  "attempt/reading": { may: judgement },
  "attempt/telling": { may: [...pool, "attempt/reading"] },
  // Advisors see refusals as evidence compares them.
  attempt: { may: [...pool, "judgement/evidence", "attempt/reading", "attempt/telling"] },
  "operate/keys": { may: pool },
  // Counts in memory where no store is given.
  operate: { may: [...pool, "operate/keys", "limits/memory/memory.ts"] },

  "fetch/bodies": { may: attempt },
  "fetch/cache": { may: fetch },
  fetch: { may: [...attempt, "fetch/bodies"] },

  server: { may: fetch },
  "server/proxy": { may: server },
  "server/admin/events": { may: [...server, "server/admin/calls/admin-error.ts"] },
  "server/admin/calls": { may: [...server, "server/admin/events"] },
  "server/admin/routes": { may: [...server, "server/admin/calls", "server/admin/events"] },
  "server/admin": { may: [...server, "server/admin/calls", "server/admin/events", "server/admin/routes"] },
  "server/node": { may: [...server, "server/proxy", "server/admin"], onNode: true },
  "server/middleware": { may: [...server, "named", "server/proxy", "server/admin", "server/node"], onNode: true },
  "server/middleware/hono.ts": { may: [...server, "named", "server/proxy", "server/admin"] },

  stores: { may: [...words, ...seams] },
  "stores/file": { may: [...words, ...seams, "limits/memory", "stores"], onNode: true },
  "stores/redis": { may: [...words, ...seams, "stores/redis/wire", "stores/redis/outage", "stores/redis/keys"] },
  "stores/redis/scripts": { may: [] },
  "stores/redis/wire": { may: [...words, ...seams, "limits/memory", "stores/redis/scripts"] },
  // Counts on by itself while the server is away.
  "stores/redis/outage": { may: [...words, ...seams, "limits/memory", "stores/redis/wire"] },
  "stores/redis/keys": { may: [...words, ...seams, "stores/redis/wire"] },

  testing: {
    may: [...words, ...seams, "limits/memory", "testing/contract", "testing/emulator", "testing/limits"],
    onNode: true,
  },
  // What users import of the kit.
  "testing/index.ts": {
    may: ["testing", "testing/contract", "testing/emulator", "testing/emulator/answers", "testing/limits"],
  },
  "testing/contract": { may: [...words, ...seams, "testing"], onNode: true },
  "testing/emulator": { may: [...words, "testing", "testing/emulator/answers", "testing/limits"], onNode: true },
  "testing/emulator/answers": { may: words, mayTypes: ["testing/emulator", "testing/limits"] },
  "testing/limits": { may: [...words, "testing"] },

  // The one place that knows what is called how: presets and strategies by name, and what takes names in place of objects.
  named: { may: [...fetch, ...operate, "fetch/cache", "judgement/providers", "server/proxy"] },
  "named/create-node-proxy.ts": { may: ["named", "server/node"] },

  // What users import: everything by name, the same over objects, and what can be passed in.
  "index.ts": {
    may: [...fetch, ...operate, "fetch/cache", "limits/memory", "named", "server/proxy", "server/admin", "stores"],
  },
  "node.ts": { may: [...words, "named/create-node-proxy.ts", "server/node", "stores/file"], onNode: true },
  "core.ts": { may: [...fetch, "limits/memory", "operate/pool-rotator.ts"] },
  "entries/providers.ts": { may: ["judgement", "judgement/providers", "judgement/providers/services"] },
  "entries/strategies.ts": { may: ["pool/strategies"] },
  "entries/cache.ts": { may: ["fetch", "fetch/cache"] },
  "entries/operate.ts": { may: operate },
};
