import { type Profiler, Session } from "node:inspector";

/** One function that was entered. */
interface EnteredFunction {
  readonly file: string;
  readonly name: string;
  readonly calls: number;
}

/** What a call went through, dependencies aside. */
export interface Trace {
  readonly files: readonly string[];
  readonly functions: readonly EnteredFunction[];
  /** Calls of these functions. */
  readonly calls: number;
  /** Printed lines of which something ran. */
  readonly lines: number;
}

/** V8's precise coverage: counts are exact, for what runs is not inlined meanwhile. */
export class Coverage {
  readonly #session = new Session();
  readonly #pathOf: (address: string) => string | undefined;

  private constructor(pathOf: (address: string) => string | undefined) {
    this.#pathOf = pathOf;
  }

  /** Begins before the code is loaded, or functions would be missing. */
  static async start(pathOf: (address: string) => string | undefined): Promise<Coverage> {
    const coverage = new Coverage(pathOf);
    coverage.#session.connect();
    await coverage.#post("Debugger.enable");
    await coverage.#post("Profiler.enable");
    await coverage.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    return coverage;
  }

  /** Runs the work and tells what it entered; what ran before does not count. */
  async of(work: () => Promise<void>): Promise<Trace> {
    await this.#post("Profiler.takePreciseCoverage");
    await work();
    const taken = (await this.#post("Profiler.takePreciseCoverage")) as Profiler.TakePreciseCoverageReturnType;
    const functions: EnteredFunction[] = [];
    let lines = 0;
    for (const script of taken.result) {
      const file = this.#pathOf(script.url);
      if (file === undefined) continue;
      const entered = enteredIn(file, script);
      if (entered.length === 0) continue;
      functions.push(...entered);
      const parameters = { scriptId: script.scriptId };
      const { scriptSource } = (await this.#post("Debugger.getScriptSource", parameters)) as { scriptSource: string };
      lines += executedLines(scriptSource, script.functions);
    }
    const files = [...new Set(functions.map(({ file }) => file))].sort();
    return { files, functions, calls: functions.reduce((sum, { calls }) => sum + calls, 0), lines };
  }

  stop(): void {
    this.#session.disconnect();
  }

  #post(method: string, parameters: object = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#session.post(method, parameters, (error, result) => (error === null ? resolve(result) : reject(error)));
    });
  }
}

function enteredIn(file: string, script: Profiler.ScriptCoverage): EnteredFunction[] {
  return script.functions
    .map(({ functionName, ranges }) => ({ file, name: functionName || "(anonymous)", calls: ranges[0]?.count ?? 0 }))
    .filter(({ calls }) => calls > 0);
}

/** Lines with a name, number or string of which something ran; brackets alone are no line. */
function executedLines(text: string, functions: readonly Profiler.FunctionCoverage[]): number {
  const ran = new Uint8Array(text.length);
  // Outer ranges come first, so that inner ones correct them.
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  }
  let lines = 0;
  let at = 0;
  for (const line of text.split("\n")) {
    for (const { index } of line.matchAll(/[\w$"'`]/g)) {
      if (ran[at + index] !== 1) continue;
      lines++;
      break;
    }
    at += line.length + 1;
  }
  return lines;
}
