/** Starts several processes on one store, and collects what came of it. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { WorkerMessage, WorkerOrders } from "./worker.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

export interface Done {
  readonly served: number;
  readonly refused: number;
}

/** All of them open the store at the same moment, and begin when the last one has. */
export async function runCrew(size: number, orders: WorkerOrders): Promise<readonly Done[]> {
  const crew = Array.from({ length: size }, () =>
    fork(`${here}worker.ts`, { cwd: here, execArgv: ["--import", "tsx"] }),
  );
  try {
    await Promise.all(
      crew.map((member) => {
        member.send(orders);
        return messageOf(member);
      }),
    );
    const done = crew.map((member) => messageOf(member));
    for (const member of crew) member.send("go");
    return (await Promise.all(done)) as readonly Done[];
  } finally {
    for (const member of crew) member.kill();
  }
}

async function messageOf(member: ChildProcess): Promise<WorkerMessage> {
  const ended = once(member, "exit").then(([code]) => {
    throw new Error(`A process ended with ${code} before it was done`);
  });
  const [message] = (await Promise.race([once(member, "message"), ended])) as [WorkerMessage];
  ended.catch(() => {});
  return message;
}
