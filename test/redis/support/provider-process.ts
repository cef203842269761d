import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { ProviderEmulatorOptions } from "rotating-fetch/testing";
import type { ProviderOrder, SeenRequest } from "./provider.ts";

/** A strict provider in a process of its own. */
export class ProviderProcess {
  readonly #process: ChildProcess;
  url = "";
  baseURL = "";

  constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** @param program the built provider */
  static async start(program: string, options: ProviderEmulatorOptions): Promise<ProviderProcess> {
    const started = new ProviderProcess(fork(program, [], { execArgv: [] }));
    Object.assign(started, await started.#ask({ options }));
    return started;
  }

  async forget(): Promise<void> {
    await this.#ask("forget");
  }

  /** All requests so far, in the order of their arrival. */
  async seen(): Promise<readonly SeenRequest[]> {
    return (await this.#ask("tell")) as readonly SeenRequest[];
  }

  async end(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }

  /** One at a time. */
  async #ask(order: ProviderOrder): Promise<unknown> {
    const answered = once(this.#process, "message");
    this.#process.send(order);
    const [{ answer }] = (await answered) as [{ answer: unknown }];
    return answer;
  }
}
