/**
 * A server that answers exactly as a test says, wrong answers above all.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Answers one request. */
export type Answering = (response: ServerResponse, request: IncomingMessage) => void;

export interface FaultServer {
  /** Without a slash at the end. */
  readonly url: string;
  readonly requests: readonly IncomingMessage[];
  /** Requests that were not yet answered to the end, at most, at one moment. */
  readonly mostAtOnce: number;
}

/** Starts a server for the running test: its answers are given in turn, the last one again and again. */
export async function faultServer(...answers: Answering[]): Promise<FaultServer> {
  const requests: IncomingMessage[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const server = createServer((request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request);
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    response.on("close", () => {
      atOnce -= 1;
    });
    answer?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get mostAtOnce() {
      return mostAtOnce;
    },
  };
}

/** Answers with a status, a body and headers. */
export function answer(
  status: number,
  body: string | Uint8Array = "",
  headers: Record<string, string> = {},
): Answering {
  return (response) => response.writeHead(status, headers).end(body);
}
