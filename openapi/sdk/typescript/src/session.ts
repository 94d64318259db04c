import { WebSocket, type Dispatcher } from "undici";

import { CardplaneError } from "./errors.js";
import type { StreamStatus } from "./schema.gen.js";

/** The framing of attach and exec streams, as the document describes it under "Streams". */
const subprotocol = "cardplane.stream.v1";
const maxPayload = 65536;
const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, stdinEnd: 5 } as const;

/** A process's standard streams on this side. Those left out are empty or dropped. */
export interface Streams {
  stdin?: Uint8Array | AsyncIterable<Uint8Array>;
  stdout?: (data: Buffer) => void;
  stderr?: (data: Buffer) => void;
}

/** An attachment. */
export interface Session {
  /** The exit code, once the process has ended and all output was passed on. */
  ended: Promise<number>;
  /** Detaches; the process goes on. */
  close(): void;
}

/** Attaches to the process at url. It resolves once the connection is there. */
export async function attach(url: string, dispatcher: Dispatcher, streams: Streams, endpoint: string): Promise<Session> {
  const socket = new WebSocket(url, { protocols: [subprotocol], dispatcher });
  socket.binaryType = "arraybuffer";
  const ended = receive(socket, streams, endpoint);
  ended.catch(() => undefined); // who awaits it sees the error
  await Promise.race([ended, new Promise((resolve) => socket.addEventListener("open", resolve))]);
  if (streams.stdin !== undefined) void send(socket, streams.stdin);
  return { ended, close: () => socket.close() };
}

/** Passes output on until the process has ended. */
function receive(socket: WebSocket, streams: Streams, endpoint: string): Promise<number> {
  return new Promise((resolve, reject) => {
    socket.addEventListener("message", ({ data }) => {
      const message = Buffer.from(data as ArrayBuffer);
      const payload = message.subarray(1);
      if (message[0] === channels.stdout) streams.stdout?.(payload);
      else if (message[0] === channels.stderr) streams.stderr?.(payload);
      else if (message[0] === channels.status) {
        const status = JSON.parse(payload.toString()) as StreamStatus;
        if (status.error) reject(CardplaneError.of(status.error));
        else resolve(status.exitCode!);
      }
    });
    socket.addEventListener("error", (event) => reject(CardplaneError.lost(endpoint, event.error ?? event.message)));
    socket.addEventListener("close", () => reject(CardplaneError.lost(endpoint, "the stream ended before the process")));
  });
}

/** Sends all input, and then its end. The process may end first. */
async function send(socket: WebSocket, input: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of input instanceof Uint8Array ? [input] : input) {
    for (let at = 0; at < chunk.length; at += maxPayload) {
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.send(Buffer.concat([Buffer.of(channels.stdin), chunk.subarray(at, at + maxPayload)]));
      await drained(socket);
    }
  }
  if (socket.readyState === WebSocket.OPEN) socket.send(Buffer.of(channels.stdinEnd));
}

/** Waits until little of what was sent is still here. */
async function drained(socket: WebSocket): Promise<void> {
  while (socket.bufferedAmount > 16 * maxPayload && socket.readyState === WebSocket.OPEN) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
