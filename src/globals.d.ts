/**
 * The few web globals the core uses, which browsers, workers and Node ≥ 20 all have. They are declared here, and no
 * more than here, so that src compiles without DOM or Node types and nothing else can creep in.
 */
export {};

declare global {
  class TextEncoder {
    encode(text?: string): Uint8Array<ArrayBuffer>;
    encodeInto(text: string, into: Uint8Array): { read: number; written: number };
  }
  class TextDecoder {
    constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
    decode(bytes?: ArrayBufferView | ArrayBuffer, options?: { stream?: boolean }): string;
  }
  class URL {
    constructor(url: string, base?: string | URL);
    href: string;
    pathname: string;
    protocol: string;
    search: string;
    hash: string;
    readonly origin: string;
  }
  interface AbortSignal {
    readonly aborted: boolean;
    readonly reason: unknown;
    throwIfAborted(): void;
    addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
    removeEventListener(type: "abort", listener: () => void): void;
  }
  const AbortSignal: {
    timeout(milliseconds: number): AbortSignal;
    any(signals: Iterable<AbortSignal>): AbortSignal;
  };
  class AbortController {
    readonly signal: AbortSignal;
    abort(reason?: unknown): void;
  }
  interface ReadableStreamReader {
    read(): Promise<{ done: boolean; value?: Uint8Array<ArrayBuffer> }>;
    cancel(reason?: unknown): Promise<void>;
  }
  interface ResponseBody {
    getReader(): ReadableStreamReader;
    cancel(reason?: unknown): Promise<void>;
  }
  /** Takes bytes apart; `chunk` by chunk in at `writable`, out at `readable`. */
  class DecompressionStream {
    constructor(format: "deflate-raw" | "gzip");
    readonly readable: ResponseBody;
    readonly writable: {
      getWriter(): { write(chunk: Uint8Array<ArrayBuffer>): Promise<void>; close(): Promise<void> };
    };
  }
  interface ReadableStreamDefaultController<T> {
    enqueue(chunk: T): void;
    close(): void;
    error(reason?: unknown): void;
  }
  class ReadableStream<T = unknown> {
    constructor(
      source: {
        start?(controller: ReadableStreamDefaultController<T>): void;
        pull?(controller: ReadableStreamDefaultController<T>): Promise<void>;
        cancel?(reason?: unknown): Promise<void>;
      },
      strategy?: { highWaterMark?: number },
    );
    readonly locked: boolean;
    cancel(reason?: unknown): Promise<void>;
  }
  interface WritableStreamDefaultWriter<T> {
    write(chunk: T): Promise<void>;
    close(): Promise<void>;
    abort(reason?: unknown): Promise<void>;
    releaseLock(): void;
  }
  class WritableStream<T = unknown> {
    constructor(sink: {
      write?(chunk: T): Promise<void>;
      close?(): Promise<void>;
      abort?(reason?: unknown): Promise<void>;
    });
    readonly locked: boolean;
    getWriter(): WritableStreamDefaultWriter<T>;
    abort(reason?: unknown): Promise<void>;
    close(): Promise<void>;
  }
  interface Blob {
    readonly size: number;
    arrayBuffer(): Promise<ArrayBuffer>;
    slice(start?: number, end?: number): Blob;
  }
  const Blob: { new (parts?: readonly Uint8Array<ArrayBuffer>[]): Blob };
  interface File extends Blob {
    readonly name: string;
    readonly lastModified: number;
  }
  const File: {
    new (
      parts: readonly Uint8Array<ArrayBuffer>[],
      name: string,
      options?: { lastModified?: number },
    ): File;
  };
  interface DOMException extends Error {
    readonly code: number;
  }
  const DOMException: { new (message?: string, name?: string): DOMException };
  interface Headers {
    get(name: string): string | null;
  }
  interface Response {
    readonly status: number;
    readonly ok: boolean;
    readonly redirected: boolean;
    readonly url: string;
    readonly headers: Headers;
    readonly body: ResponseBody | null;
    arrayBuffer(): Promise<ArrayBuffer>;
    text(): Promise<string>;
  }
  interface RequestInit {
    method?: string;
    headers?: Record<string, string>;
    signal?: AbortSignal;
    cache?: "default" | "no-store" | "reload" | "no-cache";
    credentials?: "omit" | "same-origin" | "include";
    redirect?: "follow" | "error" | "manual";
    mode?: "cors" | "no-cors";
  }
  function fetch(url: string, init?: RequestInit): Promise<Response>;
  const crypto: {
    readonly subtle: {
      digest(algorithm: "SHA-256", bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
    };
    getRandomValues<T extends Uint8Array>(into: T): T;
  };
  function setTimeout(run: () => void, milliseconds: number): unknown;
  function clearTimeout(timer: unknown): void;
  const performance: { now(): number };
}
