import { unexpectedSecret } from "../checks.ts";
import type { Protocol, Provider } from "./provider.ts";

/**
 * The provider known to live at a base URL: by its host and, where a provider shares its hosts, by the path. The most
 * specific wins: a whole host before an ending, a longer ending before a shorter, then a longer path.
 */
export function detectProvider(baseURL: URL, providers: readonly Provider[]): Provider | undefined {
  let best: Provider | undefined;
  let bestRank: Rank = [0, 0];
  for (const provider of providers) {
    const rank = rankOf(baseURL, provider);
    if (rank === undefined || !isAbove(rank, bestRank)) continue;
    best = provider;
    bestRank = rank;
  }
  return best;
}

/** How specific a match is: the host's share, then the path's. */
type Rank = readonly [host: number, path: number];

function isAbove(one: Rank, other: Rank): boolean {
  return one[0] === other[0] ? one[1] > other[1] : one[0] > other[0];
}

function rankOf({ host, pathname }: URL, provider: Provider): Rank | undefined {
  const hosts = provider.hosts ?? provider.origins.map((origin) => new URL(origin).host);
  const hostRank = Math.max(0, ...hosts.map((known) => hostRankOf(host, known.toLowerCase())));
  if (hostRank === 0) return undefined;
  if (provider.paths === undefined) return [hostRank, 1];
  const pathRank = Math.max(0, ...provider.paths.map((path) => pathRankOf(pathname, path)));
  return pathRank === 0 ? undefined : [hostRank, pathRank];
}

/** The port belongs to the host: another one is another server. 0: no match. */
function hostRankOf(host: string, known: string): number {
  const isEnding = known.startsWith(".") || known.startsWith("-");
  if (!isEnding) return host === known ? Number.POSITIVE_INFINITY : 0;
  return host.length > known.length && host.endsWith(known) ? known.length : 0;
}

/** Above 1, which any path has where none is asked for. 0: no match. */
function pathRankOf(path: string, known: string): number {
  const start = known.endsWith("/") ? known.slice(0, -1) : known;
  return path === start || path.startsWith(`${start}/`) ? start.length + 2 : 0;
}

/** What a provider speaks at a base URL; empty: nobody knows. */
function protocolsAt({ protocols = [] }: Provider, baseURL: URL | undefined): readonly Protocol[] {
  const path = `${baseURL?.pathname ?? ""}/`;
  const here = protocols.filter((place) => place.path !== undefined && path.includes(`${place.path}/`));
  const found = here.length > 0 ? here : protocols.filter((place) => place.path === undefined);
  return found.map(({ protocol }) => protocol);
}

/** Holds keys of one pool to what all of them speak: the same request may go to any of them. */
export class CommonProtocol {
  #common: readonly Protocol[] = [];

  /** @throws InvalidOptionsError for what speaks nothing that those before it do. */
  expect(field: string, provider: Provider, baseURL: URL | undefined): void {
    const spoken = protocolsAt(provider, baseURL);
    if (spoken.length === 0) return;
    const common = this.#common.length === 0 ? spoken : this.#common.filter((one) => spoken.includes(one));
    if (common.length === 0) {
      const wanted = `one that speaks what the other keys' speak (${this.#common.join(", ")}), or \`protocol\` to be "any"`;
      throw unexpectedSecret(field, wanted, `"${provider.name}", which speaks ${spoken.join(", ")} there`);
    }
    this.#common = common;
  }
}
