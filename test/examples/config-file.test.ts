import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readConfig } from "../../examples/support/config-file.ts";
import { serverSettings } from "../../examples/support/server-settings.ts";
import { SettingsError } from "../../examples/support/settings.ts";
import { newSecret } from "../support/test-keys.ts";

function fileOf(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "rotating-fetch-config-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "config.json");
  writeFileSync(file, text);
  return file;
}

/** What reading fails with; everything of it that a trace prints. */
function failureOf(file: string): { readonly error: Error; readonly printed: string } {
  try {
    readConfig(file);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    const { message, stack, cause } = error as Error;
    return { error: error as Error, printed: `${message}${stack}${String(cause)}${JSON.stringify(error)}` };
  }
  throw new Error("It was read");
}

const keys = [newSecret(), newSecret(), newSecret()] as const;
const config = { api_keys: keys, server_port: "8080", target_url: "https://api.example.test", health_check: true };
const lines = JSON.stringify(config, null, 2);

/** No eight characters of a key in a row. */
function expectNoKeyIn(printed: string): void {
  for (const key of keys)
    for (let at = 0; at + 8 <= key.length; at++) expect(printed).not.toContain(key.slice(at, at + 8));
}

describe("readConfig", () => {
  it("reads a file, with a mark of its byte order too", () => {
    expect(readConfig(fileOf(lines))).toEqual(config);
    expect(readConfig(fileOf(`\ufeff${lines}`))).toEqual(config);
  });

  it.each([
    ["a comma", `"${keys[0]}",\n`, `"${keys[0]}"\n`, "line 4, column 5, in `api_keys[0]`"],
    ["a quote", `"${keys[1]}"`, `"${keys[1]}`, "line 4, column 5, in `api_keys[1]`"],
    ["both quotes", `"${keys[2]}"`, keys[2], "line 5, column 5, in `api_keys[2]`"],
    ["a colon", `"server_port": `, `"server_port" `, "line 7, column 17, in `server_port`"],
    ["the end", "\n}", "", "line 9, column 23, in `health_check`"],
  ])("says where %s is missing, and nothing of what stands there", (_what, from, to, place) => {
    const file = fileOf(lines.replace(from, to));
    const { error, printed } = failureOf(file);
    expect(error.message).toContain(place);
    expectNoKeyIn(printed);
  });

  it("quotes nothing, wherever a file breaks off or has a slip", () => {
    for (let at = 0; at < lines.length; at += 3) {
      for (const text of [
        lines.slice(0, at),
        lines.slice(0, at) + lines.slice(at + 1),
        `${lines.slice(0, at)}}${lines.slice(at)}`,
      ]) {
        let position: string | undefined;
        try {
          JSON.parse(text);
          continue;
        } catch (error) {
          position = /position (\d+)/.exec((error as Error).message)?.[1];
        }
        const { error, printed } = failureOf(fileOf(text));
        expectNoKeyIn(printed);
        const [, line, column] = /line (\d+), column (\d+)/.exec(error.message) ?? [];
        const before = text.split("\n").slice(0, Number(line) - 1);
        const told = before.join("\n").length + (before.length > 0 ? 1 : 0) + Number(column) - 1;
        // A string that does not end is told of where it begins.
        if (position !== undefined) expect(told).toBeLessThanOrEqual(Number(position));
      }
    }
  });

  it("names no field that is none of ours: it may be a key", () => {
    const { error, printed } = failureOf(fileOf(`{ "${keys[0]}": ["${keys[1]}" "${keys[2]}"] }`));
    expect(error.message).toMatch(/line 1, column \d+\./);
    expectNoKeyIn(printed);
  });

  it("says what else is wrong with a file", async () => {
    expect(failureOf(join(tmpdir(), "is-not-there.json")).error.message).toContain("cannot be read (ENOENT)");
    expect(failureOf(fileOf(`["${keys[0]}"]`)).error.message).toContain("holds no JSON object");
    expect(failureOf(fileOf("[".repeat(100_000))).error.message).toContain("line 1");
    const odd = serverSettings(fileOf(JSON.stringify({ ...config, api_keys: [keys[0], { key: keys[1] }] })));
    await expect(odd).rejects.toThrow("`api_keys[1]`");
    await expect(odd).rejects.not.toThrow(keys[1]);
  });
});
