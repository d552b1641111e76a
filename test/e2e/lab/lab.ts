/**
 * Serves the page of the end-to-end proofs with its base, on one loopback origin, and gives orders to a page that asks for
 * them: any browser that opens a URL can be worked with. What pages tell of themselves is counted as it comes.
 */
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { lookup } from "mrmime";
import { build } from "vite";
import { indexTree } from "../../../node/base/indexing.ts";
import { baseFiles } from "./churn.ts";
import type { Lab } from "./lab-page.ts";

const project = fileURLToPath(new URL("../../..", import.meta.url));

/** Scripts that are served as they are. */
const scripts: Readonly<Record<string, string>> = {
  "isomorphic-git.js": "node_modules/isomorphic-git/index.umd.min.js",
  "git-http.js": "node_modules/isomorphic-git/http/web/index.umd.js",
};

interface Order {
  readonly name: string;
  readonly values: readonly unknown[];
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** How requests are answered: at once, not before that is said otherwise, or by cutting the connection. */
export type Answering = "at once" | "held" | "cut";

/** A lab that serves. */
export class LabServer {
  readonly #server: Server;
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #told = new Map<string, number>();
  /** The paths of the page and its base that were asked for. */
  readonly #asked = new Set<string>();
  #treated: { readonly part: RegExp; readonly how: Answering } = { part: /^$/, how: "at once" };
  /** Requests that are held. */
  #held: (() => void)[] = [];
  readonly #listeners = new Set<() => void>();
  /** Given and not yet taken by a page. */
  #order: Order | undefined;
  /** Taken by a page, which works at it. */
  #underWay: Order | undefined;
  /** The page that gets the orders: the first that asked. A browser may have restored another one. */
  #page: string | undefined;
  /** That page waits for an order. */
  #waiting: ServerResponse | undefined;

  private constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: Error) => response.destroy(error));
    });
  }

  /** Bundles the page, makes its base below the directory `scratch`, and serves both. */
  static async start(scratch: string): Promise<LabServer> {
    const server = new LabServer(new Map([...(await pageFiles()), ...(await baseOf(scratch))]));
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  /** The page's URL; with orders it asks for them. */
  url(options?: { readonly orders: boolean }): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/app/lab.html${options?.orders ? "#orders" : ""}`;
  }

  /** Has the page that asks for orders do something; one order at a time. Fails as it does. */
  order<Name extends keyof Lab>(
    name: Name,
    ...values: Parameters<Lab[Name]>
  ): Promise<Awaited<ReturnType<Lab[Name]>>> {
    return new Promise((resolve, reject) => {
      this.#order = { name, values, resolve, reject };
      this.#give();
    });
  }

  /** Gives up the order under way: its page was killed. */
  forget(): void {
    this.#order = undefined;
    this.#underWay = undefined;
    this.#page = undefined;
    this.#waiting = undefined;
  }

  /** The highest number that a page has told of `what`; 0 before the first. */
  told(what: string): number {
    return this.#told.get(what) ?? 0;
  }

  /** Begins to count `what` anew. */
  forgetTold(what: string): void {
    this.#told.delete(what);
  }

  /** Resolves once a page has told at least `number` of `what`. */
  async untilTold(what: string, number: number): Promise<void> {
    await this.#until(() => this.told(what) >= number);
  }

  /** Resolves once `isSo`, which is asked whenever a page has told or asked for something. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }

  /** Answers requests for paths that `part` matches so from now on, those that are held too, and all others at once. */
  treat(part: RegExp, how: Answering): void {
    this.#treated = { part, how };
    for (const answer of this.#held.splice(0)) answer();
  }

  /** Resolves once a path that `part` matches has been asked for. */
  async untilAsked(part: RegExp): Promise<void> {
    await this.#until(() => [...this.#asked].some((path) => part.test(path)));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent((request.url ?? "/").slice(1).split("?")[0] ?? "");
    if (path.startsWith("told/")) {
      const [, what = "", number = ""] = path.split("/");
      this.#told.set(what, Math.max(this.told(what), Number(number)));
      this.#heard();
      response.end();
      return;
    }
    if (path === "orders") return this.#takeAnswer(await bodyOf(request), response);
    this.#asked.add(path);
    this.#heard();
    this.#sendOrHold(path, request, response);
  }

  #heard(): void {
    for (const listener of this.#listeners) listener();
  }

  #sendOrHold(path: string, request: IncomingMessage, response: ServerResponse): void {
    const { part, how } = this.#treated;
    if (how === "at once" || !part.test(path)) this.#send(path, request, response);
    else if (how === "cut") request.socket.destroy();
    else this.#held.push(() => this.#sendOrHold(path, request, response));
  }

  #takeAnswer(said: Said, response: ServerResponse): void {
    this.#page ??= said.page;
    if (said.page !== this.#page) return;
    const done = this.#underWay;
    this.#underWay = undefined;
    if (said.error !== undefined) done?.reject(new Error(`${done.name}: ${said.error}`));
    else done?.resolve(said.value as never);
    this.#waiting = response;
    response.on("close", () => {
      if (this.#waiting !== response) return;
      this.#waiting = undefined;
      this.#page = undefined;
    });
    this.#give();
  }

  #give(): void {
    if (!this.#order || !this.#waiting) return;
    const { name, values } = this.#order;
    this.#underWay = this.#order;
    this.#waiting.end(JSON.stringify({ name, values }));
    this.#order = undefined;
    this.#waiting = undefined;
  }

  #send(path: string, request: IncomingMessage, response: ServerResponse): void {
    const bytes = this.#files.get(path);
    if (!bytes) {
      response.writeHead(404).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const [first, last] = range ? [Number(range[1]), Number(range[2])] : [0, bytes.length - 1];
    response.writeHead(range ? 206 : 200, {
      "content-type": `${lookup(path) ?? "application/octet-stream"}; charset=utf-8`,
      "cache-control": "no-cache",
      ...(range && { "content-range": `bytes ${first}-${last}/${bytes.length}` }),
    });
    response.end(bytes.subarray(first, last + 1));
  }
}

/** What a page says: its name, and what came of the order it had. */
interface Said {
  readonly page: string;
  readonly value?: unknown;
  readonly error?: string;
}

async function bodyOf(request: IncomingMessage): Promise<Said> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

async function pageFiles(): Promise<[string, Uint8Array][]> {
  const results = await build({
    root: project,
    configFile: false,
    logLevel: "error",
    base: "/app/",
    worker: { format: "es" },
    build: {
      write: false,
      // WebKit knows no `using`.
      target: "es2022",
      minify: false,
      modulePreload: false,
      rolldownOptions: {
        input: { lab: join(import.meta.dirname, "lab-page.ts") },
        output: { entryFileNames: "[name].js" },
      },
    },
  });
  const outputs = [results].flat().flatMap((result) => ("output" in result ? result.output : []));
  const page = '<!doctype html><title>Lab</title><script type="module" src="/app/lab.js"></script>';
  return [
    ["app/lab.html", Buffer.from(page)],
    ...outputs.map((file): [string, Uint8Array] => [
      `app/${file.fileName}`,
      Buffer.from(file.type === "chunk" ? file.code : file.source),
    ]),
    ...Object.entries(scripts).map(([name, path]): [string, Uint8Array] => [
      `app/${name}`,
      readFileSync(join(project, path)),
    ]),
  ];
}

async function baseOf(scratch: string): Promise<[string, Uint8Array][]> {
  const directory = join(scratch, "base");
  for (const [path, text] of Object.entries(baseFiles)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  await indexTree(directory);
  return [...Object.keys(baseFiles), "minifo.json"].map((path): [string, Uint8Array] => [
    `base/${path}`,
    readFileSync(join(directory, path)),
  ]);
}
