import type { KeyFacts, KeySnapshot, LimitSnapshot } from "../../../operate/snapshot.ts";
import { indexOf } from "../calls/channel.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** A key as System D shows it, and what that lacks. */
export function detailsOf(key: KeySnapshot): object {
  return {
    index: indexOf(key),
    id: key.id,
    key: key.masked,
    ...switchOf(key),
    disabled_reason: key.disabledReason,
    state: key.state,
    balance: null,
    usage: key.used,
    failures: key.failures,
    last_used: key.lastUsedAt === null ? 0 : Math.floor(key.lastUsedAt / 1000),
    import_batch: key.batch ?? "",
    note: key.note ?? "",
    account: key.account,
    weight: key.weight,
    priority: key.priority,
  };
}

/** Is a key switched on, in System D's words? Cooldowns and limits are told by its state. */
export function switchOf({ enabled }: Pick<KeyFacts, "enabled">): { status: 1 | 2; status_text: string } {
  return enabled ? { status: 1, status_text: "enabled" } : { status: 2, status_text: "disabled" };
}

/** A key as this API shows it: all that is known, and the index it can be named by. */
export function viewOf(key: KeySnapshot): object {
  return { index: indexOf(key), ...key };
}

/** A key as System B shows it: healthy is what is used now. */
export function healthOf({ state, lastUsedAt, used }: KeySnapshot): object {
  return {
    healthy: state === "ready",
    last_used: lastUsedAt === null ? null : new Date(lastUsedAt).toISOString(),
    requests: used,
  };
}

interface WindowView {
  readonly used: number;
  readonly remaining: number | null;
  readonly resetIn: number | null;
}

/** A key as System C shows it. */
export function quotaOf(key: KeySnapshot): object {
  const restMs = restOf(key);
  return {
    key: key.masked,
    minute: windowOf(key, "minute", restMs !== null && restMs <= minuteMs ? restMs : null),
    day: windowOf(key, "day", restMs !== null && restMs > minuteMs ? restMs : null),
    available: key.state === "ready",
  };
}

/** Milliseconds until the last cooldown ends that is not of a model alone; `null` when there is none. */
export function restOf({ cooldowns }: Pick<KeySnapshot, "cooldowns">): number | null {
  const ends = cooldowns.filter(({ scope }) => !scope.startsWith("model:")).map(({ endsInMs }) => endsInMs);
  return ends.length === 0 ? null : Math.max(...ends);
}

/** A cooldown the provider asked for uses up what it counts: the minute where it is short, else the day. */
function windowOf({ limits }: KeySnapshot, name: "minute" | "day", restMs: number | null): WindowView {
  const limit = limitOf(limits, name);
  const used = limit?.used ?? 0;
  if (restMs !== null) {
    return { used, remaining: 0, resetIn: inSeconds(Math.max(restMs, limit?.left === 0 ? (limit.resetInMs ?? 0) : 0)) };
  }
  if (limit === undefined) return { used, remaining: null, resetIn: null };
  return { used, remaining: limit.left, resetIn: limit.resetInMs === null ? null : inSeconds(limit.resetInMs) };
}

/** The limit on requests of such a window: best one that counts all models, and of several the one with least left. */
function limitOf(limits: readonly LimitSnapshot[], name: "minute" | "day"): LimitSnapshot | undefined {
  const lengthMs = name === "minute" ? minuteMs : dayMs;
  const ofWindow = limits.filter(
    ({ dimension, windowMs, model }) => dimension === "requests" && windowMs === lengthMs && model === null,
  );
  const general = ofWindow.filter(({ models }) => models === null);
  const candidates = general.length > 0 ? general : ofWindow;
  return [...candidates].sort((one, other) => one.left - other.left)[0];
}

function inSeconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
