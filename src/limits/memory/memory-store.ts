import { InvalidOptionsError } from "../../errors.ts";
import type { Dumpable, StoreDump } from "../store.ts";
import type { Instant } from "../windows/counter.ts";
import { ProcessStore } from "./memory.ts";
import { dumpContents, loadContents } from "./memory-dump.ts";

/**
 * Counters and cooldowns of one process, in memory. Every answer is synchronous. Give one instance to several rotators
 * of the process to let them share what they count.
 */
export class MemoryStore extends ProcessStore implements Dumpable {
  /**
   * Counters and cooldowns as plain data that JSON can hold, for `load` in another process. Names them by id, holds no
   * secret. Permits are not among it: what is under way ends with its process.
   */
  dump(): StoreDump {
    return dumpContents(this.contents, this.instant());
  }

  /**
   * Goes on where a dump left off: windows keep their start, cooldowns their end. What has expired since is dropped, and
   * what had no answer yet counts as long as it may. For a store that has counted nothing yet; call it before the first request.
   * @throws InvalidOptionsError when the dump is of another format, version or shape, or when this store is in use. Nothing
   * is loaded then.
   */
  load(dump: StoreDump): void {
    const at = this.instant();
    const loaded = loadContents(dump, at);
    this.#expectUnused(at);
    this.takeOver(loaded, at);
  }

  /** Sums of two processes, or of a dump that is loaded twice, would be of no use to anybody. */
  #expectUnused(at: Instant): void {
    const { cells, counters } = this.contents;
    const counting = [...counters.values()].filter((counter) => !counter.isIdle(at)).length;
    if (cells.size === 0 && counting === 0) return;
    const came = `one with ${cells.size} cooldowns and ${counting} counters in use`;
    throw new InvalidOptionsError(
      "dump",
      `Expected \`dump\` to be loaded into a store nobody has used yet, got ${came}`,
    );
  }
}
