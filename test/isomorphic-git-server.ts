/**
 * A git server on loopback: `git http-backend` behind a small bridge from node:http to CGI (RFC 3875), serving the bare
 * repositories in one directory, readable and writable by anybody, by pages of any origin too.
 */
import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface GitServer {
  /** With a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the repositories in `directory` until it is closed. */
export async function serveGit(directory: string): Promise<GitServer> {
  const server = createServer((request, response) => answer(directory, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(directory: string, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("access-control-allow-origin", "*");
  if (request.method === "OPTIONS") {
    response.writeHead(204, { "access-control-allow-headers": "*" }).end();
    return;
  }
  const { pathname, search } = new URL(request.url ?? "/", "http://127.0.0.1");
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: directory,
      GIT_HTTP_EXPORT_ALL: "1",
      REMOTE_USER: "anybody",
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      ...(request.headers["content-length"] && {
        CONTENT_LENGTH: request.headers["content-length"],
      }),
      ...(request.headers["content-encoding"] && {
        HTTP_CONTENT_ENCODING: request.headers["content-encoding"],
      }),
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  request.pipe(backend.stdin);
  const chunks: Buffer[] = [];
  backend.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  backend.on("error", (error) => response.writeHead(500).end(String(error)));
  backend.on("close", () => {
    const output = Buffer.concat(chunks);
    const headEnd = output.indexOf("\r\n\r\n");
    if (headEnd < 0) {
      response.writeHead(500).end("git http-backend gave no answer");
      return;
    }
    for (const line of output.toString("latin1", 0, headEnd).split("\r\n")) {
      const [, name = "", value = ""] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      if (name.toLowerCase() === "status") response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.end(output.subarray(headEnd + 4));
  });
}
