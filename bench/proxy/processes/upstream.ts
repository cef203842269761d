import { type AddressInfo, createServer, type Socket } from "node:net";
import { checkMark, jsonAnswer, streamedAnswer, streamMark } from "../exchange.ts";
import { MessageReader } from "../wire.ts";

const usual = Buffer.from(jsonAnswer(), "latin1");
const pieces = streamedAnswer().map((piece) => Buffer.from(piece, "latin1"));

/** The provider all proxies lead to: answers at once, and tells which of the keys came with a request that asks for it. */
function main(): void {
  const keys = process.argv.slice(2);
  const server = createServer({ noDelay: true }, (socket) => {
    const reader = new MessageReader((message) => answer(socket, message, keys));
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
  process.once("disconnect", () => process.exit(0));
}

function answer(socket: Socket, message: Buffer, keys: readonly string[]): void {
  if (message.includes(streamMark)) sendPiece(socket, 0);
  else if (message.includes(checkMark))
    socket.write(jsonAnswer(keys.findIndex((key) => message.includes(`Bearer ${key}\r\n`))));
  else socket.write(usual);
}

/** One piece a turn of the event loop, as a model's words come. */
function sendPiece(socket: Socket, place: number): void {
  if (socket.destroyed || place === pieces.length) return;
  socket.write(pieces[place] as Buffer);
  setImmediate(sendPiece, socket, place + 1);
}

main();
