import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  boundaryIn,
  decodedPart,
  isUrlEncoded,
  multipartFields,
  urlEncodedFields,
} from "../../../src/attempt/reading/form-fields.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function valuesIn(form: string | Uint8Array, boundary: string, name = "model"): string[] {
  const all = typeof form === "string" ? bytes(form) : form;
  return multipartFields(all, boundary, name).map((place) => new TextDecoder().decode(all.subarray(...place)));
}

const part = (headers: string, body: string, end = "\r\n"): string => `--b${end}${headers}${end}${end}${body}${end}`;
const field = (value: string, end?: string): string => part('Content-Disposition: form-data; name="model"', value, end);

describe("multipartFields", () => {
  it("finds what the platform's own forms hold, whatever stands before it", async () => {
    const names = fc.array(fc.tuple(fc.constantFrom("a", "Model", "model ", "m"), fc.string({ unit: "grapheme" })));
    await fc.assert(
      fc.asyncProperty(names, fc.uint8Array({ maxLength: 3_000 }), fc.string(), async (before, file, value) => {
        const form = new FormData();
        form.append("model", new Blob([file]), "model");
        for (const [name, text] of before) form.append(name, text);
        form.append("model", value);
        const sent = new Response(form);
        const body = new Uint8Array(await sent.clone().arrayBuffer());
        const boundary = boundaryIn(sent.headers.get("content-type") ?? undefined) as string;
        const read = await sent.formData();
        expect(valuesIn(body, boundary)).toEqual(read.getAll("model").filter((one) => typeof one === "string"));
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ["lines that end in a line feed only", `${field("m1", "\n")}--b--\n`],
    ["words before the first part", `To whom it may concern\r\n${field("m1")}--b--`],
    ["a boundary with spaces behind it", `${field("m1").replace("--b", "--b \t")}--b--`],
    ["a name without quotes", `${part("content-disposition:form-data;name=model", "m1")}--b--`],
    ["headers over two lines", `${part('Content-Disposition: form-data;\r\n name="model"', "m1")}--b--`],
    ["other headers beside it", `${part('X: y\r\nContent-Disposition: form-data; name="model"', "m1")}--b--`],
    [
      "text that begins like the boundary",
      `${part('Content-Disposition: form-data; name="x"', "1\r\n--bc\r\n2")}${field("m1")}--b--`,
    ],
    [
      "a name that only holds the words",
      `${part('Content-Disposition: form-data; name="a; filename=x"', "no")}${field("m1")}--b--`,
    ],
  ])("reads %s", (_what, form) => {
    expect(valuesIn(form, "b")).toEqual(["m1"]);
  });

  it.each([
    ["a file of that name", `${part('Content-Disposition: form-data; name="model"; filename="x"', "m1")}--b--`],
    [
      "a file with a name in another alphabet",
      `${part("Content-Disposition: form-data; name=model; filename*=UTF-8''x", "m1")}--b--`,
    ],
    ["what stands behind the end", `--b--\r\n${field("m1")}`],
    ["a value that breaks off", field("m1").slice(0, -2)],
    ["a part without headers' end", "--b\r\nContent-Disposition: form-data; name=model"],
    ["no form at all", '{"model":"m1"}'],
    ["nothing", ""],
  ])("finds nothing in %s", (_what, form) => {
    expect(valuesIn(form, "b")).toEqual([]);
  });

  it("finds an empty value, and each of several", () => {
    expect(valuesIn(`${field("")}${field("m2")}--b--`, "b")).toEqual(["", "m2"]);
    expect(valuesIn('--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n--b--', "b")).toEqual([""]);
  });

  it("goes through a large file in no time", () => {
    const file = new Uint8Array(20_000_000).fill(13);
    const head = bytes(part('Content-Disposition: form-data; name="file"; filename="a.wav"', "").slice(0, -2));
    const tail = bytes(`\r\n${field("whisper-1")}--b--`);
    const form = new Uint8Array(head.length + file.length + tail.length);
    form.set(head);
    form.set(file, head.length);
    form.set(tail, head.length + file.length);
    const began = performance.now();
    expect(valuesIn(form, "b")).toEqual(["whisper-1"]);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it("never throws and never hangs, whatever the bytes", () => {
    const pieces = fc.constantFrom("--b", "\r\n", "\n", "--", 'Content-Disposition: form-data; name="model"', ":", "m");
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 3 }))), (parts) => {
        for (const value of valuesIn(parts.join(""), "b")) expect(parts.join("")).toContain(value);
      }),
    );
  });
});

describe("boundaryIn", () => {
  it.each([
    ["multipart/form-data; boundary=abc", "abc"],
    ['Multipart/Form-Data; charset=utf-8; Boundary="a;b c"', "a;b c"],
    ["multipart/form-data;boundary=----WebKitFormBoundary7MA4", "----WebKitFormBoundary7MA4"],
    ['multipart/form-data; boundary="a\\"b"', 'a"b'],
    ["multipart/form-data", undefined],
    ["text/plain; boundary=abc", undefined],
    [undefined, undefined],
  ])("reads %s", (type, boundary) => {
    expect(boundaryIn(type)).toBe(boundary);
  });
});

describe("urlEncodedFields", () => {
  it("finds what the platform's own forms hold", () => {
    const pairs = fc.array(fc.tuple(fc.constantFrom("model", "a", "mod el", "é"), fc.string({ unit: "grapheme" })));
    fc.assert(
      fc.property(pairs, (given) => {
        const text = new URLSearchParams(given).toString();
        const found = urlEncodedFields(text, "model").map((place) => decodedPart(text.slice(...place)));
        expect(found).toEqual(new URLSearchParams(text).getAll("model"));
      }),
    );
  });

  it("knows such a form by its type", () => {
    expect(isUrlEncoded("application/x-www-form-urlencoded;charset=UTF-8")).toBe(true);
    expect(isUrlEncoded("Application/X-WWW-Form-Urlencoded")).toBe(true);
    expect(isUrlEncoded("application/x-www-form-urlencoded-not")).toBe(false);
    expect(isUrlEncoded(undefined)).toBe(false);
  });
});
