import {
  expectBoolean,
  expectKnown,
  expectMethods,
  expectNumber,
  expectString,
  expectStringRecord,
  unexpected,
} from "../../../checks.ts";
import type { OperatedRotator } from "../../../operate/operated-rotator.ts";
import { isPoolOwner } from "../../../pool/pool-port.ts";
import type { Clock } from "../../../types.ts";

/** What a token may do: look, or also change. */
export type Rights = "read" | "write";

/** A token with what it may do: `read` looks, `write` changes too. */
export interface AdminToken {
  /** At least 16 printable ASCII characters. */
  readonly token: string;
  readonly rights: Rights;
}

export interface AdminOptions {
  /** The pool to operate, as channel `1`; or several by the ids their channels go by. */
  readonly rotators: OperatedRotator | Readonly<Record<string, OperatedRotator>>;
  /** Who may call. A plain string may read and write. Without a token the handler is not made. */
  readonly tokens: string | AdminToken | readonly (string | AdminToken)[];
  /** Are `/stats` and `/api/v1/keys/status` open to everybody? They show masked keys. @default false */
  readonly publicStatus?: boolean | undefined;
  /** Where the handler is mounted, if its host does not take that off the path, such as `/admin`. @default "" */
  readonly basePath?: string | undefined;
  /** Names of channels for people, by id. @default their ids */
  readonly channelNames?: Readonly<Record<string, string>> | undefined;
  /** Longest body of a call, bytes. @default 1048576 */
  readonly maxBodyBytes?: number | undefined;
  /** What `/health` tells as `version`. @default "unknown" */
  readonly version?: string | undefined;
  /** How many recent events are kept for `/api/events`. @default 200 */
  readonly events?: number | undefined;
  /** @default the first rotator's */
  readonly clock?: Clock | undefined;
}

export interface ResolvedAdminOptions extends Pick<AdminOptions, "tokens" | "publicStatus"> {
  /** By channel id, at least one. */
  readonly rotators: ReadonlyMap<string, OperatedRotator>;
  readonly channelNames: ReadonlyMap<string, string>;
  readonly basePath: string;
  readonly maxBodyBytes: number;
  readonly version: string;
  readonly events: number;
  readonly clock: Clock;
}

const knownOptions: { readonly [name in keyof Required<AdminOptions>]: true } = {
  rotators: true,
  tokens: true,
  publicStatus: true,
  basePath: true,
  channelNames: true,
  maxBodyBytes: true,
  version: true,
  events: true,
  clock: true,
};

/** @throws InvalidOptionsError naming the option that cannot work. Tokens are looked at by `AccessControl`. */
export function resolveAdminOptions(options: AdminOptions): ResolvedAdminOptions {
  expectKnown("options", options, knownOptions);
  const rotators = resolveRotators(options.rotators);
  const [first] = rotators.values();
  const { publicStatus, maxBodyBytes = 1_048_576, events = 200, version = "unknown" } = options;
  if (publicStatus !== undefined) expectBoolean("publicStatus", publicStatus);
  return {
    rotators,
    tokens: options.tokens,
    publicStatus,
    channelNames: resolveNames(options.channelNames, rotators),
    basePath: resolveBasePath(options.basePath ?? ""),
    maxBodyBytes: expectNumber("maxBodyBytes", maxBodyBytes, { min: 1 }),
    version: expectString("version", version),
    events: expectNumber("events", events, { min: 0, integer: true, finite: true }),
    clock:
      options.clock === undefined
        ? (first as OperatedRotator).options.clock
        : expectMethods<Clock>("clock", ["wall", "monotonic", "timer"], options.clock),
  };
}

function resolveRotators(value: unknown): ReadonlyMap<string, OperatedRotator> {
  if (isPoolOwner(value)) return new Map([["1", value as OperatedRotator]]);
  if (typeof value !== "object" || value === null || Array.isArray(value) || Object.keys(value).length === 0) {
    throw unexpected("rotators", "a KeyRotator (`fetch.rotator`), or an object with at least one by channel id", value);
  }
  return new Map(
    Object.entries(value).map(([id, rotator]: [string, unknown], place) => {
      if (isPoolOwner(rotator)) return [id, rotator as OperatedRotator];
      throw unexpected(`rotators[${place}]`, "a KeyRotator (`fetch.rotator`)", rotator);
    }),
  );
}

function resolveNames(value: unknown, rotators: ReadonlyMap<string, OperatedRotator>): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  const names = new Map(Object.entries(expectStringRecord("channelNames", value)));
  const place = [...names.keys()].findIndex((id) => !rotators.has(id));
  if (place === -1) return names;
  throw unexpected(
    `channelNames[${place}]`,
    "the name of a channel that is one of `rotators`",
    [...names.keys()][place],
  );
}

function resolveBasePath(value: unknown): string {
  if (value === "" || value === "/") return "";
  if (typeof value === "string" && /^(\/[^/?#]+)+$/.test(value)) return value;
  throw unexpected("basePath", 'a path such as "/admin", with a slash before it and none behind', value);
}
