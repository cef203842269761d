import { expectFunction, expectKnown, expectMethods, expectNumber, expectString } from "../../checks.ts";
import { systemClock } from "../../clock.ts";
import type { StateFileError } from "../../errors.ts";
import type { Clock, Logger, Random } from "../../types.ts";

export interface FileStoreOptions {
  /**
   * The file that keeps the state. It and its directory are made when they are not there, for this user alone (modes 0600 and
   * 0700). Beside it stand `<path>.lock` and, while saving, `<path>.tmp`.
   */
  readonly path: string;
  /**
   * How long a change may wait to be saved, milliseconds, at least 10; what a process that is killed (by a signal that nobody
   * handles, too) did since its last save is forgotten. With many keys saves are rarer, so that making them takes no more than a tenth of the time.
   * @default 1000
   */
  readonly saveEveryMs?: number | undefined;
  /** Told of every save that failed. Requests go on, and the next save is tried after another `saveEveryMs`. @default nobody */
  readonly onError?: ((error: StateFileError) => void) | undefined;
  /** Told when saving begins to fail, and when it works again. @default silent */
  readonly logger?: Logger | undefined;
  /** @default the platform's clock */
  readonly clock?: Clock | undefined;
  /** Jitters backoff schedules. @default Math.random */
  readonly random?: Random | undefined;
}

const known: { readonly [name in keyof Required<FileStoreOptions>]: true } = {
  path: true,
  saveEveryMs: true,
  onError: true,
  logger: true,
  clock: true,
  random: true,
};

export interface ResolvedFileStoreOptions {
  readonly path: string;
  readonly saveEveryMs: number;
  readonly onError: ((error: StateFileError) => void) | undefined;
  readonly logger: Logger | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** @throws InvalidOptionsError naming the option. */
export function resolveFileStoreOptions(options: FileStoreOptions): ResolvedFileStoreOptions {
  expectKnown("options", options, known);
  const { saveEveryMs = 1000, onError, logger, clock = systemClock, random = Math.random } = options;
  return {
    path: expectString("path", options.path),
    saveEveryMs: expectNumber("saveEveryMs", saveEveryMs, { min: 10 }),
    onError: onError === undefined ? undefined : expectFunction("onError", onError),
    logger:
      logger === undefined ? undefined : expectMethods<Logger>("logger", ["debug", "info", "warn", "error"], logger),
    clock: expectMethods<Clock>("clock", ["wall", "monotonic", "timer"], clock),
    random: expectFunction("random", random),
  };
}
