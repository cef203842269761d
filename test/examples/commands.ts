import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, type TestContext } from "vitest";

const page = new URL("../../docs/moving-here.md", import.meta.url);

/** A command that docs/moving-here.md tells users of another system to go on using. */
interface Command {
  readonly language: "sh" | "python";
  readonly text: string;
}

/** Every command of a section, in order. */
function commandsUnder(heading: string): readonly Command[] {
  const text = readFileSync(page, "utf8").replaceAll("\r\n", "\n");
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`docs/moving-here.md has no section "${heading}"`);
  const blocks = section.matchAll(/^```(sh|python)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, language, body]) => ({ language: language as Command["language"], text: body as string }));
}

/** What a command printed. Of `curl` the status of the answer as well. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  /** The answer, which is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what tests look at
  readonly json: any;
}

/** Runs the commands of a section against a server, and knows which ones have been run. */
export class Commands {
  readonly #waiting: Set<Command>;
  readonly #all: readonly Command[];
  readonly #places: Readonly<Record<string, string>>;
  readonly #home = mkdtempSync(join(tmpdir(), "rotating-fetch-curl-"));

  /** `places`: what stands in place of a host, a token, a key. */
  constructor(heading: string, places: Readonly<Record<string, string>>) {
    this.#all = commandsUnder(heading);
    this.#waiting = new Set(this.#all);
    this.#places = places;
    // The commands stay as they are: curl is told here to say the status too.
    writeFileSync(join(this.#home, ".curlrc"), 'silent\nshow-error\nmax-time = 15\nwrite-out = "\\n%{http_code}"\n');
    onTestFinished(() => rmSync(this.#home, { recursive: true, force: true }));
  }

  /** Those that no test has run yet. */
  get left(): readonly string[] {
    return [...this.#waiting].map(({ text }) => text);
  }

  /** Runs the one command that has this text in it. */
  async run(distinguishing: string, places: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const found = this.#all.filter(({ text }) => text.includes(distinguishing));
    if (found.length !== 1) throw new Error(`${found.length} commands of the page have "${distinguishing}" in them`);
    const [command] = found as [Command];
    this.#waiting.delete(command);
    let { text } = command;
    for (const [placeholder, value] of Object.entries({ ...this.#places, ...places })) {
      text = text.replaceAll(placeholder, value);
    }
    return command.language === "sh" ? this.#curl(text) : execute("python3", ["-c", text], this.#home);
  }

  async #curl(text: string): Promise<Outcome> {
    const ended = await execute("sh", ["-c", text], this.#home);
    const end = ended.stdout.lastIndexOf("\n");
    const body = ended.stdout.slice(0, end);
    return { ...ended, stdout: body, status: Number(ended.stdout.slice(end + 1)), json: JSON.parse(body) };
  }
}

function execute(program: string, args: readonly string[], home: string): Promise<Outcome> {
  const env = { ...process.env, CURL_HOME: home, NO_PROXY: "*", no_proxy: "*" };
  return new Promise((resolve) => {
    execFile(program, args, { env, encoding: "utf8" }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : Number(error.code ?? 1);
      resolve({ exitCode, stdout, stderr, status: 0, json: undefined });
    });
  });
}

/** Without these programs nothing can be said of the commands: on a developer's machine a reason to skip, in CI a failure. */
export function requirePrograms(context: TestContext): void {
  const missing = ["curl", "python3"].filter((program) => !isThere(program));
  if (missing.length === 0) return;
  const reason = `${missing.join(" and ")} cannot be run here, so the commands of docs/moving-here.md cannot either`;
  if (process.env["CI"]) throw new Error(reason);
  context.skip(reason);
}

function isThere(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
