/**
 * A real documentation tree as a packed image behind nginx, for pages of vitest's own server, which learn where it is and
 * what has to come from `/real-image`. It is packed when it is asked for first, and goes with vitest.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Plugin } from "vite";
import { packTree } from "../../node/base/packing.ts";
import { realSite } from "../mount/real-site.ts";
import { isInstalled, nginx, type RealServer } from "./real-servers.ts";

/** What a page is told; or why there is nothing. */
export interface RealImage {
  /** Debian's package. */
  readonly name: string;
  readonly url: string;
  /** In the tree, its root apart. */
  readonly entries: number;
  /** Paths of its regular files, and the SHA-256 of each, in hex. */
  readonly files: readonly (readonly [string, string])[];
}

/** The package that MINIFO_SITE names, or Python's documentation. */
const wanted = process.env.MINIFO_SITE;

/** The vite plugin that makes it and tells of it. */
export function realImage(): Plugin {
  let made: Promise<RealImage | { readonly missing: string }> | undefined;
  let server: RealServer | undefined;
  const place = join(tmpdir(), `minifo-image-${process.pid}`);
  const make = async (): Promise<RealImage | { readonly missing: string }> => {
    const site = realSite(wanted === undefined ? undefined : [wanted]);
    if ("missing" in site) return site;
    if (!isInstalled("nginx")) return { missing: "nginx is not installed" };
    const image = mkdtempSync(`${place}-`);
    const { entries } = await packTree(site.directory, image);
    server = await nginx(
      image,
      "add_header Access-Control-Allow-Origin *; add_header Access-Control-Expose-Headers 'Content-Range, ETag';",
    );
    const root = site.directory;
    const files = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => {
        const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
        return [relative(root, file), sha256] as const;
      });
    return { name: wanted ?? "python3.11-doc", url: server.url, entries, files };
  };
  return {
    name: "minifo-test-real-image",
    configureServer(vite) {
      vite.middlewares.use("/real-image", async (_, response) => {
        made ??= make();
        response.setHeader("content-type", "application/json");
        const answer = await made.catch((error) => {
          response.statusCode = 500;
          return { failed: String(error) };
        });
        response.end(JSON.stringify(answer));
      });
      vite.httpServer?.once("close", async () => {
        await server?.end();
        for (const name of readdirSync(tmpdir())) {
          if (name.startsWith(`minifo-image-${process.pid}-`)) {
            rmSync(join(tmpdir(), name), { recursive: true, force: true });
          }
        }
      });
    },
  };
}
