import { clearScreenDown, moveCursor } from "node:readline";
import pc from "picocolors";

export type Colors = ReturnType<typeof pc.createColors>;

/** The terminal, or whatever stands in its place when output goes to a file or another program. */
export interface Output {
  /** Can lines be replaced by others? */
  readonly isLive: boolean;
  readonly colors: Colors;
  /** Prints lines that stay. */
  print(...lines: readonly string[]): void;
  /** Shows lines until the next ones take their place; without a terminal, nothing. */
  show(lines: readonly string[]): void;
  /** Ends showing: what is there stays. */
  keep(): void;
}

/** What the demo's tables need. */
const liveSize = { columns: 80, rows: 16 };

export function openOutput(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): Output {
  const isTerminal = stream.isTTY === true && environment["TERM"] !== "dumb";
  const noColor = environment["NO_COLOR"];
  const colors = pc.createColors(isTerminal && (noColor === undefined || noColor === ""));
  // In a smaller one lines would wrap or scroll away, and the cursor could not find back to them.
  const isLive = isTerminal && (stream.columns ?? 0) >= liveSize.columns && (stream.rows ?? 0) >= liveSize.rows;
  let shown = 0;
  const print = (...lines: readonly string[]): void => {
    for (const line of lines) stream.write(`${line}\n`);
  };
  const show = (lines: readonly string[]): void => {
    if (!isLive) return;
    if (shown > 0) moveCursor(stream, 0, -shown);
    clearScreenDown(stream);
    print(...lines);
    shown = lines.length;
  };
  const keep = (): void => {
    shown = 0;
  };
  return { isLive, colors, print, show, keep };
}
