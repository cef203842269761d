import type { RotatorEvents } from "../../../pool/events.ts";
import { isError } from "../../../realms.ts";

type EventName = keyof RotatorEvents;

/**
 * Which events are kept, and which are told only while somebody listens: those of every single request would crowd out the
 * others, and cost each request its share.
 */
const kinds: { readonly [name in EventName]: "kept" | "live" } = {
  "key-selected": "live",
  "attempt-succeeded": "live",
  "stream-ended": "live",
  "request-queued": "live",
  "attempt-failed": "kept",
  "client-retry": "kept",
  "body-not-replayable": "kept",
  "model-unknown": "kept",
  "key-cooled": "kept",
  "key-recovered": "kept",
  "accounts-merged": "kept",
  "accounts-split": "kept",
  "key-added": "kept",
  "key-removed": "kept",
  "key-enabled": "kept",
  "key-disabled": "kept",
  "key-replaced": "kept",
  "key-updated": "kept",
  "key-reverted": "kept",
  "keys-imported": "kept",
  "keys-reloaded": "kept",
  "keys-reload-failed": "kept",
  "pool-exhausted": "kept",
  "store-degraded": "kept",
  "store-shared": "kept",
  "store-data-lost": "kept",
  "store-unsubscribed": "kept",
  "refusal-learned": "kept",
  "probe-proves-nothing": "kept",
  "internal-error": "kept",
};

export const eventNames = Object.keys(kinds) as readonly EventName[];

export const keptEvents: readonly EventName[] = eventNames.filter((name) => kinds[name] === "kept");
export const liveEvents: readonly EventName[] = eventNames.filter((name) => kinds[name] === "live");

/** Longer texts are cut: one that somebody else wrote must not fill the memory. */
const longestText = 500;

/** Errors whose messages are made by the library, without what others said. */
const ownCodes: ReadonlySet<string> = new Set([
  "ERR_INVALID_OPTIONS",
  "ERR_KEY_SOURCE",
  "ERR_KEY_STORE",
  "ERR_ROTATOR_CLOSED",
  "ERR_STATE_FILE",
]);

/** An event's payload as JSON may have it: of errors that are not the library's own only the name, as their message may hold anything. */
export function plainPayload(payload: unknown): unknown {
  return JSON.parse(JSON.stringify(payload, (_name, value: unknown) => plain(value)) ?? "null") as unknown;
}

function plain(value: unknown): unknown {
  if (isError(value)) {
    const code = "code" in value && typeof value.code === "string" ? value.code : undefined;
    const isOwn = code !== undefined && ownCodes.has(code);
    return { name: value.name, code, message: isOwn ? value.message : undefined };
  }
  if (typeof value === "string" && value.length > longestText) return `${value.slice(0, longestText)}…`;
  return typeof value === "bigint" || typeof value === "function" ? undefined : value;
}
