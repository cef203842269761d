import { expectBoolean, expectKnown, expectNumber, expectString } from "../../checks.ts";
import { expectPriority, expectWeight, resolveModels } from "../../pool/keys/key-source.ts";
import type { KeySettings } from "../../pool/keys/key-store.ts";

/** What may be changed of a key in use. A setting that is left out stays. */
export interface KeyUpdate {
  readonly enabled?: boolean | undefined;
  /** A finite number > 0. */
  readonly weight?: number | undefined;
  /** A finite number; keys of the lowest are used before the next. */
  readonly priority?: number | undefined;
  /** Moves the key to another quota group; `null`: one of its own. */
  readonly account?: string | null | undefined;
  /** `null` takes it away. */
  readonly note?: string | null | undefined;
  /** Models it may serve; `null`: all. */
  readonly models?: string | readonly string[] | null | undefined;
}

export interface ReplaceOptions {
  /**
   * For how long the old secret is kept, milliseconds: when the provider refuses the new one meanwhile, the old one is used
   * again until the new one works or this time is over. It is kept in this process only. @default 0
   */
  readonly overlapMs?: number | undefined;
}

const known: { readonly [name in keyof Required<KeyUpdate>]: true } = {
  enabled: true,
  weight: true,
  priority: true,
  account: true,
  note: true,
  models: true,
};

/** @throws InvalidOptionsError naming the setting that cannot be one. */
export function expectUpdate(update: KeyUpdate): KeySettings {
  expectKnown("options", update, known);
  const { enabled, weight, priority, account, note, models } = update;
  const settings: Record<keyof KeyUpdate, unknown> = {
    enabled: enabled === undefined ? undefined : expectBoolean("enabled", enabled),
    weight: weight === undefined ? undefined : expectWeight("weight", weight),
    priority: priority === undefined ? undefined : expectPriority("priority", priority),
    account: orNull(account, (text) => expectString("account", text)),
    note: orNull(note, (text) => expectString("note", text)),
    models: orNull(models, (list) => resolveModels("models", list)),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function orNull(value: unknown, expect: (value: unknown) => unknown): unknown {
  return value === undefined || value === null ? value : expect(value);
}

/** @throws InvalidOptionsError for what cannot be a time. */
export function expectOverlap(options: ReplaceOptions): number {
  expectKnown("options", options, { overlapMs: true });
  const { overlapMs = 0 } = options;
  return expectNumber("overlapMs", overlapMs, { min: 0, finite: true });
}
