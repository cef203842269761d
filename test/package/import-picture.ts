/** What one part of `src` may import. */
export interface Part {
  /** Folders and files of `src`, a folder with a slash at its end. Its own folder is always allowed. */
  readonly may: readonly string[];
  /** The same for `import type`, which leaves nothing behind in the build. */
  readonly mayTypes?: readonly string[];
  /** May it import from `node:`? */
  readonly onNode?: true;
}

const vocabulary = ["types.ts", "errors.ts", "clock.ts"];
const plugins = ["strategies/", "providers/", "stores/"];
const pluginTypes = ["strategies/strategy.ts", "providers/provider.ts", "stores/store.ts", "stores/key-store.ts"];
const loop = [...vocabulary, "core/", "attempt/"];

/**
 * The direction of imports: cli, middleware → fetch, http, node → attempt → core → types.
 * The longest name that fits a file decides; a file that fits none is an error.
 */
export const importPicture: Readonly<Record<string, Part>> = {
  "types.ts": { may: [] },
  "errors.ts": { may: [], mayTypes: ["types.ts"] },
  "clock.ts": { may: ["types.ts"] },

  // What can be added to without touching anything else: knows the vocabulary, never the core, never each other.
  "strategies/": { may: ["types.ts", "clock.ts"] },
  "providers/": { may: ["types.ts", "clock.ts"] },
  "stores/": { may: vocabulary },
  // Option checks are pure helpers, and their words the same everywhere.
  "stores/redis/": { may: [...vocabulary, "core/expectations.ts"] },

  "core/": { may: vocabulary, mayTypes: pluginTypes },
  // The one place where names become objects.
  "core/registry.ts": { may: [...vocabulary, "core/", ...plugins] },

  "attempt/": { may: [...vocabulary, "core/"], mayTypes: pluginTypes },

  "fetch/": { may: loop, mayTypes: pluginTypes },
  "http/": { may: [...loop, "fetch/"], mayTypes: pluginTypes },
  "node/": { may: [...loop, "stores/", "fetch/", "http/"], mayTypes: pluginTypes, onNode: true },

  "middleware/": { may: [...vocabulary, "fetch/", "http/"], mayTypes: ["core/"] },
  "middleware/express.ts": { may: [...vocabulary, "http/", "node/"], mayTypes: ["core/"], onNode: true },
  "middleware/koa.ts": { may: [...vocabulary, "http/", "node/"], mayTypes: ["core/"], onNode: true },
  "cli/": { may: [...vocabulary, "fetch/", "http/", "node/"], onNode: true },

  // Stores are tested by what wraps one.
  "testing/": { may: [...vocabulary, "stores/"], mayTypes: pluginTypes, onNode: true },

  "index.ts": { may: [...loop, ...plugins, "fetch/", "http/"] },
};
