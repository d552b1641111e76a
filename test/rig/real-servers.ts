/**
 * Static servers that people really run, each on a loopback port of its own over one directory, with a configuration and
 * logs in a temporary directory: nginx, Apache, Python's http.server, vite preview. Ended by their process ids.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A server that runs. */
export interface RealServer {
  /** With a slash at the end. */
  readonly url: string;
  /** Ends it; returns once it has. */
  end(): Promise<void>;
}

const project = fileURLToPath(new URL("../..", import.meta.url));

/** Whether `program` can be run here. */
export function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

/** nginx over `root`, with these directives for its one server. */
export async function nginx(root: string, directives: string): Promise<RealServer> {
  const place = workplace();
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${place}/${kind};`)
    .join(" ");
  writeFileSync(
    join(place, "nginx.conf"),
    `daemon off; worker_processes 1; pid ${place}/pid; error_log ${place}/error.log;
${process.getuid?.() === 0 ? "user root;" : ""}
events {}
http {
  ${temporary}
  include /etc/nginx/mime.types; access_log off;
  server { listen 127.0.0.1:${port}; root "${root}"; ${directives} }
}
`,
  );
  return await started("nginx", ["-p", place, "-c", join(place, "nginx.conf")], port, place);
}

/** Apache over `root`, with these directives for that directory. */
export async function apache(root: string, directives: string): Promise<RealServer> {
  const place = workplace();
  const port = await freePort();
  const modules = ["mpm_event", "authz_core", "autoindex", "dir", "mime", "alias"]
    .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
    .join("\n");
  writeFileSync(
    join(place, "apache.conf"),
    `ServerRoot "${place}"
PidFile "${place}/pid"
ErrorLog "${place}/error.log"
ServerName localhost
Listen 127.0.0.1:${port}
${modules}
${process.getuid?.() === 0 ? "User www-data\nGroup www-data" : ""}
TypesConfig /etc/mime.types
DocumentRoot "${root}"
<Directory "${root}">
Require all granted
Options Indexes
${directives}
</Directory>
`,
  );
  const args = ["-D", "FOREGROUND", "-f", join(place, "apache.conf")];
  return await started("apache2", args, port, place);
}

/** `python3 -m http.server` over `root`. */
export async function pythonServer(root: string): Promise<RealServer> {
  const port = await freePort();
  const args = ["-m", "http.server", String(port), "--bind", "127.0.0.1", "--directory", root];
  return await started("python3", args, port, workplace());
}

/** vite preview over `root`. */
export async function vitePreview(root: string): Promise<RealServer> {
  const place = workplace();
  const port = await freePort();
  const vite = join(project, "node_modules/vite/bin/vite.js");
  const where = ["--port", String(port), "--strictPort", "--host", "127.0.0.1"];
  const args = [vite, "preview", place, "--outDir", root, ...where];
  return await started(process.execPath, args, port, place);
}

async function started(
  program: string,
  args: readonly string[],
  port: number,
  place: string,
): Promise<RealServer> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], cwd: place });
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.on("error", () => resolve());
  });
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
    rmSync(place, { recursive: true, maxRetries: 10, force: true });
  };
  const url = `http://127.0.0.1:${port}/`;
  try {
    await answers(url, child);
  } catch (error) {
    await end();
    throw new Error(`${program} does not answer: ${said}`, { cause: error });
  }
  return { url, end };
}

/** Waits until something answers at `url`, as long as `child` lives. */
async function answers(url: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.pid !== undefined) {
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch {
      // Not listening yet: asked again until it is, or has ended.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("it ended");
}

function workplace(): string {
  const place = mkdtempSync(join(tmpdir(), "minifo-server-"));
  chmodSync(place, 0o755);
  mkdirSync(join(place, "logs"));
  return place;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
