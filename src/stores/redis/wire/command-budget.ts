import type { Clock } from "../../../types.ts";

interface Command {
  readonly deadline: number;
  isOver: boolean;
  giveUp: () => void;
}

/** A command had no answer within its budget. It may still be carried out. */
export class CommandTimeoutError extends Error {
  override readonly name = "CommandTimeoutError";
}

/**
 * Gives each command the same time. A process that was busy may find its timer due before an answer that has long arrived:
 * so a command is given up only after one more turn of reading what came in.
 */
export class CommandBudget {
  readonly #clock: Clock;
  readonly #budgetMs: number;
  /** In the order of their deadlines, since all have the same time. */
  readonly #commands: Command[] = [];
  #isWatching = false;

  constructor(clock: Clock, budgetMs: number) {
    this.#clock = clock;
    this.#budgetMs = budgetMs;
  }

  /** Rejects with {@link CommandTimeoutError}; what comes later goes to `late`. */
  within<T>(running: Promise<T>, late: (value: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      let isGivenUp = false;
      const command: Command = {
        deadline: this.#clock.monotonic() + this.#budgetMs,
        isOver: false,
        giveUp: () => {
          isGivenUp = true;
          reject(new CommandTimeoutError(`No answer within ${this.#budgetMs} ms`));
        },
      };
      running.then(
        (value) => {
          this.#end(command);
          if (isGivenUp) tell(late, value);
          else resolve(value);
        },
        (error: unknown) => {
          this.#end(command);
          reject(error);
        },
      );
      this.#commands.push(command);
      this.#watch();
    });
  }

  #end(command: Command): void {
    command.isOver = true;
    // Until its deadline nothing of it is to be kept alive: what outlives two collections is costly.
    command.giveUp = nothing;
    this.#dropAnswered();
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#dropAnswered();
    const [first] = this.#commands;
    if (first === undefined) return;
    this.#isWatching = true;
    this.#clock.timer(
      () => this.#clock.timer(() => this.#judge(), 0),
      Math.max(0, first.deadline - this.#clock.monotonic()),
      true,
    );
  }

  #judge(): void {
    this.#isWatching = false;
    const now = this.#clock.monotonic();
    for (;;) {
      this.#dropAnswered();
      const [first] = this.#commands;
      if (first === undefined || first.deadline > now) break;
      this.#commands.shift();
      first.giveUp();
    }
    this.#watch();
  }

  #dropAnswered(): void {
    let answered = 0;
    while (this.#commands[answered]?.isOver) answered++;
    if (answered > 0) this.#commands.splice(0, answered);
  }
}

function nothing(): void {}

/** Nobody waits any longer: what goes wrong with it is nobody's error. */
function tell<T>(late: (value: T) => void, value: T): void {
  try {
    late(value);
  } catch {
    // An answer that makes no sense.
  }
}
