import { createHash } from "node:crypto";
import type { CredentialReader } from "./credential.ts";
import type { EmulatedRequest } from "./step.ts";

/** A request that has arrived in full, from whichever wire. */
export interface IncomingRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A request with what was read out of it. */
export interface Facts {
  readonly incoming: IncomingRequest;
  readonly request: EmulatedRequest;
  readonly bodySha256: string;
}

export function factsOf(incoming: IncomingRequest, credentials: CredentialReader): Facts {
  const json = parsedBody(incoming);
  const model = typeof json === "object" && json !== null ? (json as { model?: unknown }).model : undefined;
  return {
    incoming,
    request: {
      method: incoming.method,
      path: credentials.pathWithoutSecret(incoming.url),
      headers: incoming.headers,
      model: typeof model === "string" ? model : undefined,
      json,
    },
    bodySha256: createHash("sha256").update(incoming.body).digest("hex"),
  };
}

function parsedBody({ headers, body }: IncomingRequest): unknown {
  if (body.byteLength === 0 || !(headers["content-type"] ?? "").includes("json")) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown;
  } catch {
    return undefined;
  }
}
