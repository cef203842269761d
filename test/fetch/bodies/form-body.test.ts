import { describe, expect, it } from "vitest";
import { createRotatingFetch, type FetchFunction, type RotatingFetchOptions } from "../../../src/index.ts";
import { rateLimited } from "../../../src/testing/index.ts";
import { newSecret, startEmulator } from "../../testing/emulator/fixture.ts";
import { chatUrl, limited, ok, post, rig } from "../fixture.ts";

const content = "x".repeat(3_000);

function ownForm(): FormData {
  const form = new FormData();
  form.set("model", "whisper");
  form.set("note", "grüße");
  form.set("file", new Blob([content], { type: "audio/x-test" }), "speech.bin");
  return form;
}

/** A form and a file whose classes are a package's own. */
function foreignForm(): FormData {
  const file = {
    [Symbol.toStringTag]: "File",
    name: "speech.bin",
    type: "audio/x-test",
    size: content.length,
    arrayBuffer: async () => new TextEncoder().encode(content).buffer,
  };
  const fields: [string, unknown][] = [
    ["model", "whisper"],
    ["note", "grüße"],
    ["file", file],
  ];
  return { [Symbol.toStringTag]: "FormData", entries: () => fields.values() } as unknown as FormData;
}

interface Arrived {
  readonly type: string;
  readonly length: string | null;
  readonly bytes: string;
  readonly fields: readonly unknown[];
}

/** Two keys, the first of which is refused once, behind a `fetch` that keeps what it was to send. */
async function twice(body: FormData, headers: HeadersInit, options: Partial<RotatingFetchOptions> = {}) {
  const arrived: Arrived[] = [];
  const { fetch } = rig(async ({ url, init }) => {
    const request = new Request(url, init);
    const bytes = await request
      .clone()
      .bytes()
      .catch(async () => new Uint8Array(await request.clone().arrayBuffer()));
    const form = await request.clone().formData();
    const file = form.get("file") as File;
    arrived.push({
      type: request.headers.get("content-type") ?? "",
      length: request.headers.get("content-length"),
      bytes: Buffer.from(bytes).toString("latin1"),
      fields: [form.get("model"), form.get("note"), file.name, file.type, await file.text()],
    });
    return arrived.length === 1 ? limited() : ok();
  }, options);
  const { status } = await fetch(chatUrl, { ...post(body), headers });
  expect(status).toBe(200);
  return arrived;
}

const whole = ["whisper", "grüße", "speech.bin", "audio/x-test", content];

describe("prepareForm", () => {
  it.each([
    ["the platform's own", ownForm],
    ["another package's", foreignForm],
  ])("writes a form of %s class once a call: every try has the same bytes and boundary", async (_what, make) => {
    const [first, second] = await twice(make(), {});
    expect(first?.fields).toEqual(whole);
    expect(first?.type).toMatch(/^multipart\/form-data; boundary=\S+$/);
    expect(second).toEqual(first);
  });

  it("arrives whole on both tries over HTTP, with its own length", async () => {
    const keys = [newSecret(), newSecret()];
    const emulator = await startEmulator({
      keys: [{ secret: keys[0] as string, script: [rateLimited()] }, keys[1] as string],
    });
    const fetch = createRotatingFetch({ keys, baseURL: emulator.url });
    const headers = { "content-type": "multipart/form-data", "content-length": "7" };
    await fetch(`${emulator.url}/echo`, { ...post(ownForm()), headers });
    const [first, second] = emulator.arrivals;
    expect(first?.bodyBytes).toBeGreaterThan(content.length);
    expect(second?.bodySha256).toBe(first?.bodySha256);
    expect(second?.headers["content-length"]).toBe(String(first?.bodyBytes));
    expect(second?.headers["content-type"]).toBe(first?.headers["content-type"]);
  });

  it.each(["multipart/form-data", "Multipart/Form-Data; boundary=stale"])(
    "says its own boundary where the client says %s",
    async (type) => {
      const [first] = await twice(ownForm(), { "Content-Type": type });
      expect(first?.fields).toEqual(whole);
    },
  );

  it("leaves any other content type that the client names, as fetch does", async () => {
    const { fetch, sent } = rig(ok);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    await fetch(chatUrl, { ...post(ownForm()), headers });
    expect(sent[0]?.headers.get("content-type")).toBe("application/x-www-form-urlencoded");
  });

  it("does not keep a form longer than `maxReplayBytes`: another function gets a stream, made anew for each try", async () => {
    for (const make of [ownForm, foreignForm]) {
      const bodies: unknown[] = [];
      const options = { maxReplayBytes: 2_000 };
      const arrived = await twice(make(), { "content-type": "multipart/form-data", "content-length": "7" }, options);
      expect(arrived.map(({ fields }) => fields)).toEqual([whole, whole]);
      expect(arrived.map(({ length }) => length)).toEqual([null, null]);
      const { fetch } = rig(({ init }) => {
        bodies.push([init.body instanceof ReadableStream, (init as { duplex?: string }).duplex]);
        return ok();
      }, options);
      await fetch(chatUrl, post(make()));
      expect(bodies).toEqual([[true, "half"]]);
    }
  });

  it("makes the stream anew for every redirect, too", async () => {
    const texts: string[] = [];
    const answer = async ({ url, init }: { url: string; init: RequestInit }): Promise<Response> => {
      const form = await new Request(url, init).formData();
      texts.push(await (form.get("file") as File).text());
      return texts.length < 3 ? new Response(null, { status: 307, headers: { location: "/on" } }) : ok();
    };
    const { fetch } = rig(answer, { maxReplayBytes: 10 });
    await fetch(chatUrl, post(ownForm()));
    expect(texts).toEqual([content, content, content]);
  });

  it("leaves such a form to the platform's own fetch, which can send it again", async () => {
    const keys = [newSecret(), newSecret()];
    const emulator = await startEmulator({
      keys: [{ secret: keys[0] as string, script: [rateLimited()] }, keys[1] as string],
    });
    for (const fetch of [undefined, globalThis.fetch as FetchFunction]) {
      const rotating = createRotatingFetch({ keys, baseURL: emulator.url, maxReplayBytes: 10, fetch });
      emulator.clear();
      const headers = { "content-type": "multipart/form-data" };
      expect((await rotating(`${emulator.url}/echo`, { ...post(ownForm()), headers })).status).toBe(200);
      for (const arrival of emulator.arrivals) {
        expect(arrival.headers["content-type"]).toContain("; boundary=");
        expect(arrival.headers["content-length"]).toBe(String(arrival.bodyBytes));
      }
    }
  });

  it("finds the model in a form, so that keys meant for it are used, and takes no upload for tokens", async () => {
    const keys = [
      { secret: newSecret(), models: "small" },
      { secret: newSecret(), models: "whisper" },
    ];
    const { fetch, sent } = rig(ok, { keys, limits: [{ inputTokens: 100 }], maxWaitMs: 0 });
    expect((await fetch(chatUrl, post(ownForm()))).status).toBe(200);
    expect(sent[0]?.headers.get("authorization") === `Bearer ${keys[1]?.secret}`).toBe(true);
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    for (let call = 0; call < 3; call++) {
      expect((await fetch(chatUrl, { ...post(new Blob([content]).stream()), headers })).status).toBe(200);
    }
  });

  it("changes nothing of the caller's form", async () => {
    const form = ownForm();
    const file = form.get("file");
    await twice(form, {});
    expect([...form.keys()]).toEqual(["model", "note", "file"]);
    expect(form.get("file")).toBe(file);
  });
});
