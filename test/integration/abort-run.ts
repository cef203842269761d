import { setTimeout as pause } from "node:timers/promises";
import type { RotatorEvents } from "../../src/index.ts";
import type { Plan } from "./abort-plans.ts";
import { keptAnswers } from "./abort-pools.ts";
import { type AbortProvider, playHeaders } from "./abort-provider.ts";
import type { UploadSources } from "./abort-uploads.ts";

export type Outcome =
  | { readonly kind: "rejected"; readonly error: unknown }
  | { readonly kind: "answered"; readonly status: number; readonly text: string; readonly isExhausted: boolean }
  | { readonly kind: "left" }
  /** A read that was not answered for long after the abort. */
  | { readonly kind: "hung" };

type Phase = "call" | "body" | "over";

/** How a call went. */
export interface Course {
  readonly outcome: Outcome;
  /** Length of what was sent, where it is known. */
  readonly bytes: number | undefined;
  /** What the call was at when it was aborted; `undefined`: it was not. */
  readonly abortedIn: Phase | undefined;
  /** Had the provider sent a good answer to the end before that? */
  readonly wasComplete: boolean;
  /** Turns of the event loop from the abort to the outcome. */
  readonly turns: number;
  /** Was it aborted at all, be it after its end? */
  readonly isAborted: boolean;
  readonly reason: unknown;
}

const mostTurns = 100;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One call that is made as planned. */
export class AbortRun {
  readonly #plan: Plan;
  readonly #provider: AbortProvider;
  readonly #uploads: UploadSources;
  readonly #controller = new AbortController();
  readonly #aborted: Promise<void>;
  /** Held on to: Node lets go of the signal of a Request that nobody holds, with or without us. */
  #target: string | URL | Request = "";
  #phase: Phase = "call";
  #abortedIn: Phase | undefined;
  #wasComplete = false;
  #counting: Promise<number> = Promise.resolve(0);

  constructor(plan: Plan, provider: AbortProvider, uploads: UploadSources) {
    this.#plan = plan;
    this.#provider = provider;
    this.#uploads = uploads;
    this.#aborted = new Promise((resolve) => this.#controller.signal.addEventListener("abort", () => resolve()));
  }

  async run(): Promise<Course> {
    const { moment } = this.#plan;
    if (moment.at === "before") this.#abort();
    const unlisten = this.#listen();
    const calling = this.#call();
    // Begun before the moment comes: whoever aborts in the same tick aborts a call that is under way.
    if (moment.at === "same-tick") this.#abort();
    const timing = this.#time();
    const [outcome, bytes] = await calling;
    this.#phase = "over";
    const turns = await this.#counting;
    if (moment.at === "end") this.#abort();
    const abortedIn = this.#abortedIn;
    unlisten();
    await timing;
    const { reason, aborted: isAborted } = this.#controller.signal;
    return { outcome, bytes, abortedIn, wasComplete: this.#wasComplete, turns, isAborted, reason };
  }

  #abort(): void {
    if (this.#controller.signal.aborted) return;
    this.#abortedIn = this.#phase;
    this.#wasComplete = this.#provider.completed.has(this.#plan.name);
    this.#counting = this.#countTurns();
    this.#controller.abort(...this.#plan.reason);
  }

  async #countTurns(): Promise<number> {
    let turns = 0;
    while (this.#phase !== "over" && turns < mostTurns) {
      await nextTurn();
      turns++;
    }
    return turns;
  }

  #listen(): () => void {
    const { moment, pool, index } = this.#plan;
    const { rotator } = pool;
    const { at } = moment;
    if (at !== "key-selected" && at !== "attempt-failed" && at !== "request-queued") return () => {};
    // Who waits is told without tags: the next one after this call began will mostly be it.
    const heard = (event: RotatorEvents[typeof at]): void => {
      if (!("tags" in event) || event.tags?.["call"] === String(index)) this.#abort();
    };
    rotator.on(at, heard);
    return () => rotator.off(at, heard);
  }

  async #time(): Promise<void> {
    const { moment } = this.#plan;
    if (moment.at === "timer") await pause(moment.ms);
    else if (moment.at === "microtask") for (let turn = 0; turn < moment.count; turn++) await undefined;
    else if (moment.at === "macrotask") for (let turn = 0; turn < moment.count; turn++) await nextTurn();
    else return;
    this.#abort();
  }

  async #call(): Promise<readonly [Outcome, number | undefined]> {
    const { face, pool, name, plays, upload, input, index, isShared, moment } = this.#plan;
    const isStream = plays.at(-1)?.kind === "stream";
    const text = JSON.stringify({ model: "m", stream: isStream, ...(isShared ? { share: name } : {}) });
    const { body, bytes } = this.#uploads.make(name, upload, text, () => {
      if (moment.at === "upload") this.#abort();
    });
    const type = upload === "text" ? { "content-type": "application/json" } : {};
    const headers = { ...playHeaders(name, plays), ...type };
    const init = { method: "POST", headers, body, duplex: "half", signal: this.#controller.signal } as RequestInit;
    const fetch = face.fetch.with({ tags: { call: String(index) } });
    try {
      const isObject = input === "request" && upload === "text";
      this.#target = isObject ? new Request(pool.url, init) : input === "url" ? new URL(pool.url) : pool.url;
      const response = await fetch(this.#target, isObject ? undefined : init);
      this.#phase = "body";
      if (moment.at === "headers") this.#abort();
      return [await this.#read(response), bytes];
    } catch (error) {
      return [{ kind: "rejected", error }, bytes];
    }
  }

  async #read(response: Response): Promise<Outcome> {
    const { reading } = this.#plan;
    const { status } = response;
    const isExhausted = response.headers.get("x-rotating-fetch") === "exhausted";
    if (reading === "drop") {
      keptAnswers.push(response);
      return { kind: "left" };
    }
    if (reading === "text") return { kind: "answered", status, text: await response.text(), isExhausted };
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let isHung = false;
    const hung = this.#aborted.then(async (): Promise<Outcome> => {
      const turns = await this.#counting;
      if (this.#phase === "over" || turns < mostTurns || this.#plan.face.isDeaf) return new Promise(() => {});
      isHung = true;
      await reader.cancel();
      return { kind: "hung" };
    });
    const read = this.#readChunks(reader).then((text): Outcome => {
      // Cancelling it ends the read as if the body were over.
      if (isHung) return { kind: "hung" };
      return text === undefined ? { kind: "left" } : { kind: "answered", status, text, isExhausted };
    });
    return await Promise.race([read, hung]);
  }

  /** `undefined`: cancelled after the first chunk. */
  async #readChunks(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string | undefined> {
    const { reading, moment } = this.#plan;
    const decoder = new TextDecoder();
    let text = "";
    for (let count = 1; ; count++) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += decoder.decode(value, { stream: true });
      if (moment.at === "chunk" && moment.count === count) this.#abort();
      if (reading === "wait-then-read" && count === 1) await Promise.race([this.#aborted, pause(60)]);
      if (reading === "cancel") {
        await reader.cancel("enough");
        return undefined;
      }
    }
  }
}
