import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vitest/config";
import { fileNameOf, readSnippets } from "./snippets.ts";

const directory = fileURLToPath(new URL("../", import.meta.url));

/** Lets tests import the snippets of docs/clients.md as if each were a file beside them. */
export function snippetModules(): Plugin {
  return {
    name: "snippet-modules",
    enforce: "pre",
    resolveId: (id) => (/\.snippet\.ts/.test(id) ? join(directory, basename(id)) : undefined),
    load(id) {
      const [file = ""] = id.split("?");
      if (!file.endsWith(".snippet.ts")) return undefined;
      return readSnippets().find((snippet) => fileNameOf(snippet) === basename(file))?.code;
    },
  };
}
