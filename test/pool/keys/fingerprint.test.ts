import { afterEach, describe, expect, it, vi } from "vitest";
import { createFingerprint } from "../../../src/pool/keys/fingerprint.ts";
import { newSecrets } from "../../support/test-keys.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("createFingerprint", () => {
  it.each([[undefined], ["a secret of the host's"]])("names a key the same on every platform, with %s", (idSecret) => {
    const secrets = [...newSecrets(20), "schlüssel", "ключ", "\ud800"];
    const here = secrets.map(createFingerprint(idSecret));
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    const elsewhere = secrets.map(createFingerprint(idSecret));
    expect(elsewhere).toEqual(here);
    expect(new Set(here).size).toBe(secrets.length);
    for (const name of here) expect(name).toMatch(/^[0-9a-f]{16}$/);
  });
});
