/** What most requests ask for: nothing that has to be decoded, and nothing that could lead elsewhere. */
const plain = /^(?:\/[\w\-.~:@!$&'()*+,;=]+)+\/?$/;
/** How often a path is decoded to see where it leads: servers and gateways behind this one may do it again. */
const mostDecodings = 3;

/** Path and query of a request line; `undefined` for what is none. Of an absolute form the host is not looked at. */
export function pathIn(requested: string): { readonly path: string; readonly query: string } | undefined {
  let rest = requested;
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(requested);
  if (absolute !== null) rest = requested.slice(absolute[0].length) || "/";
  const fragment = rest.indexOf("#");
  if (fragment !== -1) rest = rest.slice(0, fragment);
  const mark = rest.indexOf("?");
  const path = mark === -1 ? rest : rest.slice(0, mark);
  const query = mark === -1 ? "" : rest.slice(mark);
  // A mount that is asked for without a slash behind it.
  if (path === "") return { path: "/", query };
  return path.startsWith("/") ? { path, query } : undefined;
}

/**
 * A path that stays where it is put: leading slashes are one. `undefined` for one that could lead out of the place it is put
 * under, however it is written.
 */
export function confinedPath(path: string): string | undefined {
  const single = path.replace(/^[/\\]+/, "/");
  if (plain.test(single) && !/\/\.\.?(?:\/|;|$)/.test(single)) return single;
  if (!isDecodable(single)) return undefined;
  let decoded = single;
  for (let round = 0; round <= mostDecodings; round++) {
    if (leadsAway(decoded)) return undefined;
    const before = decoded;
    decoded = bytesOf(decoded);
    if (decoded === before) return single;
  }
  return undefined;
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Decodes what can be, as lenient servers do: a percent sign that was meant hides nothing beside it. */
function bytesOf(path: string): string {
  return path.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function leadsAway(path: string): boolean {
  // The last two are bytes that begin the longer ways to write a dot or a slash, and nothing else.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\\\u0000-\u001f\u007f\u00c0\u00c1]/.test(path)) return true;
  return path.split("/").some((segment) => /^\s*\.\.?\s*(?:;.*)?$/.test(segment));
}

/** The part of a path below a prefix; `undefined` where it does not lie there. */
export function below(path: string, prefix: string): string | undefined {
  if (prefix === "") return path;
  if (path === prefix) return "/";
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined;
}
