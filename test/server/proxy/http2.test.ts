import { once } from "node:events";
import { type ClientHttp2Stream, connect, createServer, type OutgoingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Face, faces, handlerOf, type Rig, startRig } from "./rig.ts";

interface Http2Rig extends Rig {
  begin(headers: OutgoingHttpHeaders): ClientHttp2Stream;
}

/** The same proxy behind a server that speaks HTTP/2. */
async function startHttp2Rig(face: Face): Promise<Http2Rig> {
  const rig = await startRig();
  const options = { rotator: rig.rotator, target: `${rig.upstream.origin}/v1`, authorize: [rig.token], retries: 0 };
  const { listener } = handlerOf({ ...options, maxBodyBytes: 1_000 }, face);
  const server = createServer((request, response) => listener(request as never, response as never));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  return { ...rig, begin: (headers) => client.request({ ...rig.headers, ...headers }) };
}

async function answerOf(stream: ClientHttp2Stream): Promise<[status: unknown, body: string]> {
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  return [headers[":status"], await text(stream)];
}

describe.each(faces)("a proxy on HTTP/2 (%s)", (face) => {
  it("passes requests on as on HTTP/1, without a warning", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on("warning", note);
    onTestFinished(() => void process.off("warning", note));
    const rig = await startHttp2Rig(face);
    const sending = rig.begin({ ":method": "POST", ":path": "/echo/a?x=1", "content-type": "application/json" });
    sending.end('{"a":1}');
    const [status, body] = await answerOf(sending);
    expect([status, JSON.parse(body)]).toEqual([200, expect.objectContaining({ url: "/v1/echo/a?x=1", bytes: 7 })]);
    expect(await answerOf(rig.begin({ ":path": "/echo/b" }).end())).toEqual([200, expect.any(String)]);
    const refused = rig.begin({ ":path": "/echo/c", authorization: "Bearer x" });
    expect((await answerOf(refused.end()))[0]).toBe(401);
    const long = rig.begin({ ":method": "POST", ":path": "/echo/d" });
    long.end("x".repeat(2_000));
    expect((await answerOf(long))[0]).toBe(413);
    expect(warnings).toEqual([]);
  });

  it("tells the provider that a client has left", async () => {
    const rig = await startHttp2Rig(face);
    const sending = rig.begin({ ":path": "/stream/a" });
    sending.on("error", () => undefined).end();
    await rig.upstream.arrived("a");
    rig.upstream.release("a");
    await once(sending, "data");
    sending.close();
    await rig.upstream.left("a");
  });
});
