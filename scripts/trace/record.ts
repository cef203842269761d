import type * as Library from "../../src/index.ts";
import { Coverage, type Trace } from "./coverage.ts";
import { type PathName, tracedPaths } from "./paths.ts";
import { printSource } from "./printed-source.ts";

/** Traces calls of these kinds, each the second of its kind. A kind that this machine cannot make is left out. */
export async function record(names: readonly PathName[]): Promise<ReadonlyMap<PathName, Trace>> {
  const source = printSource();
  const coverage = await Coverage.start(source.pathOf);
  const load = (path: string): Promise<unknown> => import(source.addressOf(path));
  const traces = new Map<PathName, Trace>();
  try {
    const library = (await load("index.ts")) as typeof Library;
    for (const name of names) {
      const prepared = await tracedPaths[name].prepare(library, load);
      if (prepared === undefined) continue;
      const call = async (): Promise<void> => {
        await prepared.call();
        await settled();
      };
      await call();
      traces.set(name, await coverage.of(call));
      await prepared.close?.();
    }
  } finally {
    coverage.stop();
    source.remove();
  }
  return traces;
}

/** Work that a call leaves to later turns belongs to it. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
