import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { systemClock } from "../../clock.ts";

/** A process, told from an earlier one that had the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** When it started, epoch milliseconds. */
  readonly startedAt: number;
  /** Where the kernel tells it: which boot, and at which tick of it the process began. */
  readonly birth?: string | undefined;
}

/** Reckoned from the wall clock, so two looks at one process may differ by as much. */
const startToleranceMs = 1000;

export function ownIdentity(): ProcessIdentity {
  const startedAt = Math.round(systemClock.wall() - process.uptime() * 1000);
  return { pid: process.pid, host: hostname(), startedAt, birth: birthOf(process.pid) };
}

export function isIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== "object" || value === null) return false;
  const { pid, host, startedAt, birth } = value as Partial<Record<keyof ProcessIdentity, unknown>>;
  const isBirth = birth === undefined || typeof birth === "string";
  return (
    Number.isSafeInteger(pid) &&
    (pid as number) > 0 &&
    typeof host === "string" &&
    Number.isFinite(startedAt) &&
    isBirth
  );
}

/**
 * Does this process still run? On this machine only. Ids are used again, after a restart of a container even at once:
 * an id that runs counts only if it was born at the same time.
 */
export function isRunning({ pid, startedAt, birth }: ProcessIdentity): boolean {
  const bornNow = birthOf(pid);
  if (birth !== undefined && bornNow !== undefined) return birth === bornNow;
  if (pid === process.pid) return Math.abs(ownIdentity().startedAt - startedAt) <= startToleranceMs;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process may not be signalled, and runs.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** `undefined` where the platform does not tell, or there is no such process. One that only waits to be reaped is dead. */
function birthOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before it is in parentheses, and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return "dead";
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return fields[19] === undefined ? undefined : `${boot}:${fields[19]}`;
  } catch {
    return undefined;
  }
}
