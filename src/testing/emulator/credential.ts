/** A header in which the provider takes the key. */
export interface CredentialHeader {
  /** Name of the header, in any case. */
  readonly header: string;
  /** The word before the key, in any case: `Bearer`, `Token`. @default "" (the value is the key) */
  readonly scheme?: string | undefined;
}

/** A query parameter in which the provider takes the key. */
export interface CredentialQuery {
  readonly query: string;
}

/** A place in which the provider takes the key. */
export type CredentialPlace = CredentialHeader | CredentialQuery;

/** Where providers take keys. */
const usualPlaces: readonly CredentialPlace[] = [
  { header: "authorization", scheme: "Bearer" },
  { header: "x-api-key" },
  { header: "api-key" },
  { header: "x-goog-api-key" },
  { query: "key" },
];

const placeholder = "<credential>";

/** Finds the secret of a request, and takes it out of what is shown. */
export class CredentialReader {
  readonly #places: readonly CredentialPlace[];
  /** Where a secret may have been put by mistake, too. Whether a scheme stands before it. */
  readonly #headers = new Map<string, boolean>();
  readonly #parameters = new Set<string>();

  /** The first place that holds something counts. */
  constructor(credential: CredentialPlace | readonly CredentialPlace[] = usualPlaces) {
    this.#places = isList(credential) ? credential : [credential];
    for (const place of [...usualPlaces, ...this.#places]) {
      if ("query" in place) this.#parameters.add(place.query);
      else this.#addHeader(place);
    }
  }

  /** The secret a request carries; `headers` have names in lower case. */
  secretOf(headers: Readonly<Record<string, string>>, url: URL): string | undefined {
    for (const place of this.#places) {
      const secret = "query" in place ? url.searchParams.get(place.query) : secretInHeader(headers, place);
      if (secret) return secret;
    }
    return undefined;
  }

  /** The headers with `<credential>` in place of the secret. */
  withoutSecret(headers: Readonly<Record<string, string>>): Record<string, string> {
    const copy: Record<string, string> = { ...headers };
    for (const [name, hasScheme] of this.#headers) {
      const value = copy[name];
      if (value === undefined) continue;
      const scheme = hasScheme ? /^(\S+)\s/.exec(value)?.[1] : undefined;
      copy[name] = scheme === undefined ? placeholder : `${scheme} ${placeholder}`;
    }
    return copy;
  }

  /** Path and query with `<credential>` in place of the secret. */
  pathWithoutSecret(url: URL): string {
    if (url.search === "") return url.pathname;
    const parts = url.search
      .slice(1)
      .split("&")
      .map((part) => {
        const [name] = [...new URLSearchParams(part).keys()];
        return name !== undefined && this.#parameters.has(name) ? `${part.split("=")[0]}=${placeholder}` : part;
      });
    return `${url.pathname}?${parts.join("&")}`;
  }

  #addHeader({ header, scheme = "" }: CredentialHeader): void {
    const name = header.toLowerCase();
    this.#headers.set(name, scheme !== "" && this.#headers.get(name) !== false);
  }
}

function secretInHeader(headers: Readonly<Record<string, string>>, place: CredentialHeader): string | undefined {
  const { header, scheme = "" } = place;
  const value = headers[header.toLowerCase()]?.trim() ?? "";
  if (scheme === "") return value;
  const [first = ""] = value.split(/\s/, 1);
  return first.toLowerCase() === scheme.toLowerCase() ? value.slice(first.length).trim() : undefined;
}

/** `Array.isArray` does not narrow a read-only array. */
function isList<Item extends object>(value: Item | readonly Item[]): value is readonly Item[] {
  return Array.isArray(value);
}
