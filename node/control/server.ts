/** The owner's side of STORAGE/control: whoever may open the socket (its owner alone) calls methods of the overlay. */
import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { toPlainError } from "./errors.ts";
import {
  type AnswerLine,
  type CallLine,
  controlAddress,
  controlPath,
  lineOf,
  longestCall,
  onLines,
} from "./socket.ts";

/** Answers calls until it is closed. */
export interface ControlServer {
  /** Stops listening and removes the socket; calls under way lose their caller. */
  close(): Promise<void>;
}

/**
 * Listens for calls to the owner of `storage`. Precondition: this process owns it, so that a socket found there is of
 * a dead owner and is replaced.
 */
export async function listenForCalls(
  storage: string,
  call: (method: string, params: unknown) => Promise<unknown>,
): Promise<ControlServer> {
  rmSync(controlPath(storage), { force: true });
  const { address, release } = controlAddress(storage);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const take = (line: string): void => {
      answer(line, call).then((reply) => {
        if (socket.writable) socket.write(lineOf(reply));
      });
    };
    const tooLong = (): void => {
      const message = `a call is at most ${longestCall} characters long; name fewer paths at once`;
      socket.end(lineOf({ id: 0, error: { message } }));
    };
    onLines(socket, take, { limit: longestCall, tooLong });
  });
  try {
    await listen(server, address);
  } catch (error) {
    release();
    throw error;
  }
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => {
          rmSync(controlPath(storage), { force: true });
          release();
          resolve();
        });
      }),
  };
}

async function answer(
  line: string,
  call: (method: string, params: unknown) => Promise<unknown>,
): Promise<AnswerLine> {
  let id = 0;
  try {
    const asked = JSON.parse(line) as Partial<CallLine>;
    if (typeof asked.id === "number") id = asked.id;
    if (typeof asked.method !== "string") throw new Error("a call names its method");
    return { id, result: (await call(asked.method, asked.params)) ?? null };
  } catch (error) {
    return { id, error: toPlainError(error) };
  }
}

function listen(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // The socket is bound within this call, with the permissions of this moment: for its owner only.
    const before = process.umask(0o177);
    server.listen(address, () => {
      server.off("error", reject);
      resolve();
    });
    process.umask(before);
  });
}
