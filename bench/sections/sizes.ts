import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import { figure, printGoal, printTable, printTitle } from "../table.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly import: { readonly default: string } }>>;
}

/** What somebody takes of the package; the entry is named as in `exports`. */
interface Part {
  readonly take: string;
  readonly entry: string;
  readonly mostKB?: number;
}

const parts: readonly Part[] = [
  { take: "{ createRotatingFetch }", entry: ".", mostKB: 80 },
  { take: "{ KeyRotator }", entry: "." },
  { take: "{ createAdminHandler }", entry: ".", mostKB: 15 },
  { take: "{ maskSecret }", entry: ".", mostKB: 1 },
];

/** Bytes that users of the published build take on. */
export async function sizes(): Promise<void> {
  printTitle("(l) sizes: esbuild, minified, all dependencies in, and gzip -9; kB of 1,000 bytes");
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as Manifest;
  const fileOf = (entry: string): string => {
    const target = exports[entry];
    if (typeof target !== "object") throw new Error(`No entry ${entry}`);
    return target.import.default;
  };
  const entries = Object.keys(exports).filter((entry) => typeof exports[entry] === "object");
  const rows = [...entries.map((entry): Part => ({ take: "*", entry })), ...parts].map((part) => ({
    name: `${part.take} from "${part.entry.replace(".", "rotating-fetch")}"`,
    mostKB: part.mostKB,
    ...sizeOf(part.take, fileOf(part.entry)),
  }));
  printTable(
    ["import", "minified, kB", "gzip, kB"],
    rows.map(({ name, minified, gzip }) => [name, figure(minified), figure(gzip)]),
  );
  const { packed, unpacked } = tarball();
  printTable(
    ["tarball", "kB"],
    [
      ["packed", figure(packed)],
      ["unpacked", figure(unpacked)],
    ],
  );
  for (const { name, gzip, mostKB } of rows) if (mostKB !== undefined) printGoal(`${name}, gzip`, gzip, mostKB, " kB");
  printGoal("tarball, packed", packed, 900, " kB");
  printGoal("tarball, unpacked", unpacked, 3500, " kB");
}

function sizeOf(take: string, file: string): { minified: number; gzip: number } {
  const { outputFiles } = buildSync({
    stdin: { contents: `export ${take} from "${file}";`, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "node",
    external: ["undici"],
  });
  const text = outputFiles[0]?.contents ?? new Uint8Array();
  return { minified: text.length / 1000, gzip: gzipSync(text, { level: 9 }).length / 1000 };
}

function tarball(): { packed: number; unpacked: number } {
  const { stdout } = spawnSync("npm", ["pack", "--json", "--dry-run", "--ignore-scripts"], {
    cwd: root,
    encoding: "utf8",
  });
  const [{ size, unpackedSize }] = JSON.parse(stdout) as [{ size: number; unpackedSize: number }];
  return { packed: size / 1000, unpacked: unpackedSize / 1000 };
}
