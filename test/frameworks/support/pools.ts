import type { KeyConfig, ProxyOptions } from "../../../src/index.ts";

/** One proxy of a server under test, in words that can be handed to another process. */
export interface PoolSetup {
  readonly target: string;
  readonly keys: readonly KeyConfig[];
  /** Who may use it: clients with this token. */
  readonly token: string;
  /** Those with this one may set options of a call, too. */
  readonly choosingToken?: string | undefined;
  readonly options?: Partial<ProxyOptions> | undefined;
}

/** Proxies by the name below which they are mounted: `/<name>`. */
export type Pools = Readonly<Record<string, PoolSetup>>;

export function optionsOf({ target, keys, token, choosingToken, options }: PoolSetup): ProxyOptions {
  const authorize: ProxyOptions["authorize"] =
    choosingToken === undefined
      ? [token]
      : async ({ header }) => {
          const shown = header("authorization");
          return shown === `Bearer ${choosingToken}` ? { mayChoose: true } : shown === `Bearer ${token}`;
        };
  const common = { provider: "generic", strategy: "fill_first", maxWaitMs: 0, retries: 0, cooldownMs: 1 };
  return { ...common, keys, target, authorize, ...options } as ProxyOptions;
}
