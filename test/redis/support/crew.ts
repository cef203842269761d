import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { WorkerOrders, WorkerSums } from "./worker.ts";

/** One process of a pool that many share. */
export class CrewMember {
  readonly #process: ChildProcess;
  readonly ready: Promise<unknown>;
  readonly sums: Promise<WorkerSums | undefined>;

  /** @param program the built worker */
  constructor(program: string, orders: WorkerOrders) {
    this.#process = fork(program, [], { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#process.send({ orders });
    let isReady: (value?: unknown) => void = () => {};
    this.ready = new Promise((resolve) => {
      isReady = resolve;
    });
    this.sums = new Promise((resolve, reject) => {
      this.#process.on("message", (message: { ready?: true; sums?: WorkerSums; failed?: string }) => {
        if (message.ready) isReady();
        if (message.sums !== undefined) resolve(message.sums);
        if (message.failed !== undefined) reject(new Error(message.failed));
      });
      this.#process.once("exit", () => {
        isReady();
        resolve(undefined);
      });
    });
  }

  go(): void {
    if (this.#process.connected) this.#process.send({ go: true });
  }

  stop(): void {
    if (this.#process.connected) this.#process.send({ stop: true });
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}
