import { InvalidOptionsError } from "../../../errors.ts";
import { bearerToken, digestOf, type TokenDigest, whoHas } from "../../constant-time.ts";
import { AdminError } from "./admin-error.ts";
import type { AdminOptions, AdminToken, Rights } from "./admin-options.ts";

/** What a call asks for; `status` is open where the operator made it so. */
export type Access = "open" | "status" | Rights;

const shortestToken = 16;
const challenge = { "www-authenticate": 'Bearer realm="rotating-fetch admin"' };
const refusal = { "www-authenticate": 'Bearer realm="rotating-fetch admin", error="invalid_token"' };

/** Decides who may make a call. */
export class AccessControl {
  readonly #tokens: readonly (readonly [TokenDigest, Rights])[];
  readonly #publicStatus: boolean;

  /** @throws InvalidOptionsError without a token, or for one that is too short or cannot stand in a header. */
  constructor({ tokens, publicStatus = false }: Pick<AdminOptions, "tokens" | "publicStatus">) {
    this.#tokens = resolveTokens(tokens);
    this.#publicStatus = publicStatus;
  }

  /** @throws AdminError 401 without a known token, 403 where it may not do this. */
  check(access: Access, headers: Headers): void {
    if (access === "open" || (access === "status" && this.#publicStatus)) return;
    const token = bearerToken(headers);
    if (token === undefined) {
      const message = "Expected a token: send `Authorization: Bearer <admin token>`";
      throw new AdminError("unauthorized", message, { headers: challenge });
    }
    const rights = whoHas(token, this.#tokens);
    if (rights === undefined) {
      throw new AdminError("unauthorized", "The token is not one of this server's", { headers: refusal });
    }
    if (access === "write" && rights !== "write") {
      throw new AdminError("forbidden", "The token may read, and change nothing");
    }
  }
}

function resolveTokens(given: unknown): readonly (readonly [TokenDigest, Rights])[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : given === undefined || given === null ? [] : [given];
  if (list.length === 0) {
    throw new InvalidOptionsError(
      "tokens",
      "Expected `tokens` to hold at least one token: whoever reaches the admin API without one could change your keys. " +
        "Make one with `openssl rand -hex 32` and hand it over from an environment variable",
    );
  }
  const seen = new Set<string>();
  return list.map((entry, place) => {
    const field = Array.isArray(given) ? `tokens[${place}]` : "tokens";
    const { token, rights } = resolveToken(field, entry);
    if (seen.has(token))
      throw new InvalidOptionsError(field, `Expected \`${field}\` to be another token than those before it`);
    seen.add(token);
    return [digestOf(token), rights] as const;
  });
}

function resolveToken(field: string, entry: unknown): AdminToken & { readonly rights: Rights } {
  const { token, rights } = (
    typeof entry === "object" && entry !== null ? entry : { token: entry, rights: "write" }
  ) as { readonly token?: unknown; readonly rights?: unknown };
  if (typeof token !== "string" || token.trim() === "") {
    const empty = "; if it comes from an environment variable, that variable is empty or not set";
    throw new InvalidOptionsError(field, `Expected \`${field}\` to be a token, got none${empty}`);
  }
  // A token is a secret: its length is all that is told of it.
  if (token.length < shortestToken) {
    const came = `one of ${token.length}`;
    throw new InvalidOptionsError(
      field,
      `Expected \`${field}\` to be a token of at least ${shortestToken} characters, got ${came}`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new InvalidOptionsError(
      field,
      `Expected \`${field}\` to be a token of printable ASCII characters without spaces`,
    );
  }
  if (rights !== "read" && rights !== "write") {
    throw new InvalidOptionsError(`${field}.rights`, `Expected \`${field}.rights\` to be "read" or "write"`);
  }
  return { token, rights };
}
