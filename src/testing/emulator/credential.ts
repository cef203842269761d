const placeholder = "<credential>";

const headerNames = ["x-api-key", "api-key", "x-goog-api-key"] as const;

/** The secret a request carries: `Authorization: Bearer`, `x-api-key`, `api-key`, `x-goog-api-key` or `?key=`. */
export function credentialOf(headers: Readonly<Record<string, string>>, url: URL): string | undefined {
  const { authorization = "" } = headers;
  const bearer = /^bearer\s+(.+)$/i.exec(authorization)?.[1];
  if (bearer !== undefined) return bearer.trim();
  for (const name of headerNames) {
    const value = headers[name];
    if (value !== undefined && value !== "") return value;
  }
  return url.searchParams.get("key") ?? undefined;
}

/** The headers with `<credential>` in place of the secret. */
export function withoutCredential(headers: Readonly<Record<string, string>>): Record<string, string> {
  const copy: Record<string, string> = { ...headers };
  for (const name of headerNames) if (copy[name] !== undefined) copy[name] = placeholder;
  const { authorization } = headers;
  if (authorization === undefined) return copy;
  const scheme = /^(\S+)\s/.exec(authorization)?.[1];
  return { ...copy, authorization: scheme === undefined ? placeholder : `${scheme} ${placeholder}` };
}

/** Path and query with `<credential>` in place of the value of `key`. */
export function pathWithoutCredential(url: URL): string {
  return url.pathname + url.search.replace(/([?&]key=)[^&]*/g, `$1${placeholder}`);
}
