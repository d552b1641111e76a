/**
 * `minifo serve DIR`: a static server for trying, that does all a base needs.
 */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { FsError, isErrorCode, manifestName } from "../../src/index.ts";
import { type StaticServer, serveDirectory } from "../static-server.ts";
import { err } from "./colors.ts";

const help = `
Serves the files in DIR as they are, with ranges, ETags and the CORS headers that
pages of other origins need to read them. Prints its URL on stdout once it listens,
and ends on Ctrl-C or SIGTERM. It is for trying: any web server will do as well.

Examples:
  minifo index site && minifo serve site
  minifo serve site --port 8080
  minifo serve site --host 0.0.0.0 --port 8080     (for the whole network)`;

/** The command `serve`. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("serve a directory over HTTP, for trying: ranges, ETags, CORS")
    .argument("<dir>", "directory to serve")
    .option("--port <number>", "port to listen on; 0 takes a free one", portNumber, 0)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .addHelpText("after", help)
    .action(async (directory: string, options: { port: number; host: string }) => {
      refuseUnlessReadable(directory);
      const server = await listen(directory, options);
      if (!existsSync(join(directory, manifestName))) {
        process.stderr.write(
          `${err.yellow("note:")} ${directory} has no ${manifestName}, so it cannot be used as a base yet; ` +
            `make it with: minifo index ${directory}\n`,
        );
      }
      process.stdout.write(`${server.url}\n`);
      await interruption();
      await server.close();
    });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError("a port is 0 to 65535.");
  return port;
}

/** A server of what it may not read would answer 404 to everything. */
function refuseUnlessReadable(directory: string): void {
  const details = { syscall: "serve", path: directory };
  try {
    if (!statSync(directory).isDirectory()) throw new FsError("ENOTDIR", details);
    accessSync(directory, constants.R_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof FsError || !isErrorCode(code)) throw error;
    throw new FsError(code, { ...details, cause: error });
  }
}

async function listen(
  directory: string,
  options: { readonly port: number; readonly host: string },
): Promise<StaticServer> {
  try {
    return await serveDirectory(directory, options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const at = `${options.host}:${options.port}`;
    const details = { syscall: "listen", path: at, cause: error };
    if (code === "EADDRINUSE") {
      const reason = "another program listens there; choose another --port, or leave it out";
      throw new FsError("EBUSY", { ...details, reason });
    }
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
      throw new FsError("EINVAL", { ...details, reason: "this machine has no such address" });
    }
    if (!isErrorCode(code)) throw error;
    const reason = code === "EACCES" ? "ports below 1024 are for root" : undefined;
    throw new FsError(code, { ...details, reason });
  }
}

/** Settles when the user or the system asks the process to end. */
function interruption(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
