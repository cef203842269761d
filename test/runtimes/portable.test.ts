import { describe, expect, inject, it } from "vitest";
import { Child } from "./child.ts";
import { runPortable } from "./driver.ts";
import { binaryOr, testSuite } from "./outcome-tests.ts";
import { runtimes } from "./runtimes.ts";

const project = inject("userProject");

describe.each(runtimes)("$name", (runtime) => {
  const found = runtime.find();

  it.for(["imported.mjs", "required.cjs"])("loads the package in %s, and ends by itself", async (program, context) => {
    const binary = binaryOr(context, found);
    const child = new Child(binary, [...runtime.parameters, program], project);
    expect(await child.endedWithin(20_000)).toEqual({ code: 0, stdout: "function", stderr: "" });
  });

  testSuite(found, (binary) => runPortable(runtime, binary, project));
});
