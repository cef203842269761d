import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const packageDirectory = inject("packageDirectory");
const manifest = JSON.parse(readFileSync(join(packageDirectory, "package.json"), "utf8")) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
};

/** A project of a user, far from this one's `node_modules`: what is not declared is not found. */
let project: string;
let packedFiles: string[];

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "rotating-fetch-user-"));
  const modules = join(project, "node_modules");
  mkdirSync(join(modules, "rotating-fetch"), { recursive: true });
  const packed = run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], packageDirectory);
  const [tarball] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
  packedFiles = tarball.files.map(({ path }) => path);
  run("tar", ["-xzf", tarball.filename, "-C", "node_modules/rotating-fetch", "--strip-components=1"], project);
  for (const name of [...Object.keys(manifest.dependencies), "@types/node", "undici-types"]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name), "junction");
  }
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
});

afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

function run(command: string, parameters: readonly string[], cwd: string): { stdout: string } {
  const { stdout, stderr, status, error } = spawnSync(command, parameters, { cwd, encoding: "utf8" });
  if (status !== 0)
    throw new Error(`${command} ${parameters[0]} failed: ${error?.message ?? ""}\n${stdout}\n${stderr}`);
  return { stdout };
}

function runProgram(name: string, text: string): string {
  writeFileSync(join(project, name), text);
  return run(process.execPath, [name], project).stdout.trim();
}

/** Type-checks the same program in each file, in a project with these options; returns what the compiler has to say. */
function compile(names: readonly string[], options: Readonly<Record<string, unknown>>): string {
  for (const name of names) writeFileSync(join(project, name), name.startsWith("node.") ? nodeProgram : typedProgram);
  const compilerOptions = { strict: true, noEmit: true, target: "es2022", skipLibCheck: false, ...options };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: names }));
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = spawnSync(process.execPath, [compiler], { cwd: project, encoding: "utf8" });
  return stdout.trim();
}

const callThrice = `
  const emulator = createProviderEmulator({ keys: { "test-a": { always: rateLimited() }, "test-b": {} } });
  const fetch = createRotatingFetch({
    keys: "test-a,test-b",
    baseURL: "https://api.example.test/v1",
    fetch: (url, init) => emulator.handle(new Request(url, init)),
  });
  const statuses = [];
  for (let call = 0; call < 3; call++) statuses.push((await fetch("https://api.example.test/v1/models")).status);
  console.log(statuses.join());
`;

const typedProgram = `
  import { createRotatingFetch, KeyRotator, type Lease, type RotatingFetchOptions } from "rotating-fetch";
  import { keyAdmin, rotatingProxy } from "rotating-fetch/hono";
  import { createProviderEmulator } from "rotating-fetch/testing";
  const options: RotatingFetchOptions = { keys: ["test-a", { secret: "test-b", weight: 2 }], provider: "openai" };
  const rotating = createRotatingFetch(options);
  const asFetch: typeof fetch = rotating;
  rotating.rotator.on("attempt-failed", ({ keyId, status }) => { const seen: [string, number | null] = [keyId, status]; void seen; });
  const emulator = createProviderEmulator({ keys: ["test-a"] });
  const lease: Lease | Promise<Lease> = new KeyRotator(options).acquire();
  const proxy = rotatingProxy({ ...options, authorize: "public" });
  void [asFetch, emulator.url, lease, proxy, keyAdmin({ rotators: proxy.rotator, tokens: "0123456789abcdef" })];
  // @ts-expect-error: a misspelled option is noticed
  createRotatingFetch({ key: "test-a" });
`;

/** What needs Node, in types too. */
const nodeProgram = `
  import { createServer } from "node:http";
  import type { RotatingFetchOptions } from "rotating-fetch";
  import { rotatingProxy } from "rotating-fetch/express";
  import { keyAdmin } from "rotating-fetch/koa";
  import { createNodeProxy, FileStore, KeyFile, StateFileError } from "rotating-fetch/node";
  const options: RotatingFetchOptions = { keys: ["test-a"], provider: "openai" };
  const kept = (): RotatingFetchOptions => ({ ...options, store: FileStore.open({ path: "state.json" }) });
  const operated = (): RotatingFetchOptions => ({ ...options, keyStore: KeyFile.open({ path: "keys.json" }) });
  const server = (): unknown => createServer(createNodeProxy({ ...options, authorize: "public", transport: "fetch" }));
  void [kept, operated, server, rotatingProxy, keyAdmin, StateFileError.isInstance(null)];
`;

describe("the packed tarball", () => {
  it("holds the build and the papers, nothing else", () => {
    const papers = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];
    expect(
      packedFiles.filter(
        (path) =>
          !papers.includes(path) && !/^(?:dist\/[\w-]+\.d?\.?c?[jt]s|docs\/(?:guides\/)?[\w-]+\.md)$/.test(path),
      ),
    ).toEqual([]);
    expect(packedFiles).toContain("LICENSE");
    const targets = JSON.stringify(manifest.exports).match(/(?<="\.\/)dist\/[^"]+/g) ?? [];
    expect(targets.length).toBeGreaterThan(0);
    expect(packedFiles).toEqual(expect.arrayContaining(targets));
  });

  it("works in an ES module", () => {
    const imports = `
      import { createRotatingFetch } from "rotating-fetch";
      import { createProviderEmulator, rateLimited } from "rotating-fetch/testing";
    `;
    expect(runProgram("program.mjs", imports + callThrice)).toBe("200,200,200");
  });

  it("works in a CommonJS module", () => {
    const requires = `
      const { createRotatingFetch } = require("rotating-fetch");
      const { createProviderEmulator, rateLimited } = require("rotating-fetch/testing");
    `;
    expect(runProgram("program.cjs", `${requires}(async () => {${callThrice}})();`)).toBe("200,200,200");
  });

  it("keeps state in a file, in ES and in CommonJS modules", () => {
    const text = 'FileStore.open({ path: "state.json" }).close().then(() => console.log("closed"));';
    expect(runProgram("state.mjs", `import { FileStore } from "rotating-fetch/node"; ${text}`)).toBe("closed");
    expect(runProgram("state.cjs", `const { FileStore } = require("rotating-fetch/node"); ${text}`)).toBe("closed");
  });

  it("tells its version to those who ask", () => {
    const text = 'console.log(require("rotating-fetch/package.json").version);';
    expect(runProgram("version.cjs", text)).toBe(manifest.version);
  });

  it("type-checks in ES and CommonJS modules under nodenext, with Node's types alone", () => {
    const options = { module: "nodenext", types: ["node"], lib: ["es2022"] };
    expect(compile(["module.mts", "common.cts", "node.mts", "node.cts"], options)).toBe("");
  }, 60_000);

  it("type-checks in a bundler's project, with a browser's types alone", () => {
    const lib = ["es2022", "dom"];
    expect(compile(["bundled.ts"], { module: "esnext", moduleResolution: "bundler", types: [], lib })).toBe("");
  }, 60_000);
});
