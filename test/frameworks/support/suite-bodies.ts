import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { answering, ask, askUnended, begin, expecting, nextPiece, whole } from "../../server/proxy/client.ts";
import { floodPiece, floodPieces, printOf } from "../../server/proxy/upstream.ts";
import { untilStill } from "./still.ts";
import { mostBytes, type World } from "./world.ts";

const json = { "content-type": "application/json" };

/** What is sent and answered arrives as it is. */
export function bodyTests({ upstream, to }: World): void {
  it("hands on each event of a stream before the next one is sent", async () => {
    const { id, url, headers } = to("plain", "stream");
    const sending = begin(url, { method: "POST", headers: { ...headers, ...json }, body: '{"stream":true}' });
    upstream.release(id);
    const answer = await answering(sending);
    expect(answer.headers["content-type"]).toMatch(/^text\/event-stream/);
    expect(answer.headers["cache-control"]).toBe("no-cache, no-transform");
    for (const content of ["one", "two", "three"]) {
      expect(await nextPiece(answer)).toContain(`"${content}"`);
      upstream.release(id);
    }
    expect((await whole(answer)).body.toString()).toContain("[DONE]");
  });

  it("passes a form with a file on", async () => {
    const { id, url, headers } = to("plain", "echo");
    const file = new Uint8Array(randomBytes(70_000));
    const form = new FormData();
    form.set("purpose", "tests");
    form.set("file", new Blob([file], { type: "audio/wav" }), "sound.wav");
    expect((await fetch(url, { method: "POST", headers, body: form })).status).toBe(200);
    const arrival = await upstream.arrived(id);
    const type = String(arrival.headers["content-type"]);
    const sent = await new Response(new Uint8Array(arrival.body), { headers: { "content-type": type } }).formData();
    expect(sent.get("purpose")).toBe("tests");
    const sentFile = sent.get("file") as File;
    expect([sentFile.name, sentFile.type]).toEqual(["sound.wav", "audio/wav"]);
    expect(printOf(new Uint8Array(await sentFile.arrayBuffer()))).toEqual(printOf(file));
  });

  it("hands on a packed answer with the headers it has then", async () => {
    const { id, url, headers } = to("plain", "gzip");
    const answer = await ask(url, { headers: { ...headers, "accept-encoding": "gzip, x-of-the-client" } });
    const isPacked = answer.headers["content-encoding"] === "gzip";
    expect(answer.headers["content-encoding"]).toBeOneOf([undefined, "gzip"]);
    const text = isPacked ? gunzipSync(answer.body) : answer.body;
    expect(JSON.parse(text.toString()).text).toHaveLength(7_000);
    const { "content-length": length = String(answer.body.length) } = answer.headers;
    expect(Number(length)).toBe(answer.body.length);
    expect((await upstream.arrived(id)).headers["accept-encoding"] ?? "").not.toContain("x-of-the-client");
  });

  it("passes a packed request on", async () => {
    const { id, url, headers } = to("plain", "echo");
    const body = new Uint8Array(randomBytes(500));
    await ask(url, { method: "POST", headers: { ...headers, ...json, "content-encoding": "gzip" }, body });
    const arrival = await upstream.arrived(id);
    expect(arrival.headers["content-encoding"]).toBe("gzip");
    expect(printOf(arrival.body)).toEqual(printOf(body));
  });

  it("passes on a body of 20 MB", async () => {
    const { url, headers } = to("plain", "echo");
    const body = new Uint8Array(20 * 1024 * 1024).fill(7);
    body.set(randomBytes(1_000), 10_000_000);
    expect((await ask(url, { method: "PUT", headers, body })).json()).toMatchObject(printOf(body));
  });

  it.each([
    ["says so", { "content-length": String(mostBytes + 1) }, 1_000],
    ["does not end", { "transfer-encoding": "chunked" }, mostBytes + 1],
  ])("answers 413 to a body that is too long and %s", async (_how, framing, bytes) => {
    const { id, url, headers } = to("plain", "echo");
    const answer = await askUnended(url, { method: "POST", headers: { ...headers, ...framing } }, bytes);
    expect(answer.status).toBe(413);
    expect(upstream.arrivalsOf(id)).toEqual([]);
  });

  it("asks no more of the provider than a slow client takes", async () => {
    const { id, url, headers } = to("plain", "flood");
    const answer = await answering(begin(url, { headers }));
    expect(await nextPiece(answer)).toContain("flood");
    answer.pause();
    const held = await untilStill(() => upstream.sentOf(id));
    // What is not here yet waits in the buffers of three sockets.
    expect(held).toBeLessThan((floodPiece.length * floodPieces) / 4);
    const goingOn = upstream.goesOn(id);
    answer.resume();
    await goingOn;
    answer.destroy();
    await upstream.left(id);
  });

  it("takes a body that waits for 100 Continue", async () => {
    const { id, url, headers } = to("plain", "echo");
    const body = "waited for";
    const { answer, wasContinued } = await expecting(url, { method: "POST", headers, body });
    expect(wasContinued).toBe(true);
    expect(answer.json()).toMatchObject(printOf(Buffer.from(body)));
    expect((await upstream.arrived(id)).headers["expect"]).toBeUndefined();
  });
}
