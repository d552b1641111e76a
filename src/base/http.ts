/**
 * The fetcher over the runtime's fetch: one request per object at a time, at most six in flight, each answer checked
 * (exchange.ts) and verified (verify.ts), each failure tried again where that can help (retry.ts).
 */
import type { FsError } from "../errno.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Answer, closed, exchange, fetchError, type Transport } from "./exchange.ts";
import type { FetchedObject, Fetcher, ObjectRequest } from "./fetcher.ts";
import { Tries } from "./retry.ts";
import { Place, Slots } from "./slots.ts";
import { flawOfPacking, type Inflate, inflateByStream, unpacked } from "./unpack.ts";
import { sha256Of } from "./verify.ts";
import { KeptWhole } from "./whole.ts";

/** Settings of `httpFetcher`; all have defaults. */
export interface HttpOptions {
  /** Default: the runtime's fetch. */
  readonly transport?: Transport;
  readonly clock?: Clock;
  /** Whether cookies and the like go with a request; default `"omit"`. */
  readonly credentials?: "omit" | "same-origin" | "include";
  /** Requests in flight at most; default 6, what browsers grant one HTTP/1.1 server. */
  readonly maxInFlight?: number;
  /** Default: by DecompressionStream. */
  readonly inflate?: Inflate;
}

/** A request under way. */
interface Flight {
  readonly place: Place;
  readonly object: Promise<FetchedObject>;
}

/** A fetcher over the runtime's fetch. */
export function httpFetcher(options: HttpOptions = {}): Fetcher {
  return new HttpFetcher(options);
}

class HttpFetcher implements Fetcher {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #credentials: "omit" | "same-origin" | "include";
  readonly #closing = new AbortController();
  /** Requests under way, by what they ask for: whoever asks for the same waits for the same. */
  readonly #flights = new Map<string, Flight>();
  readonly #slots: Slots;
  readonly #inflate: Inflate;
  readonly #kept = new KeptWhole();

  constructor(options: HttpOptions) {
    this.#transport = options.transport ?? ((url, init) => fetch(url, init));
    this.#clock = options.clock ?? systemClock;
    this.#credentials = options.credentials ?? "omit";
    this.#slots = new Slots(options.maxInFlight ?? 6);
    this.#inflate = options.inflate ?? inflateByStream;
  }

  get(request: ObjectRequest): Promise<FetchedObject> {
    const { ahead = false, ...what } = request;
    if (what.spare_ms !== undefined) return Promise.reject(nothingKeeps(what.url));
    const key = JSON.stringify(what);
    let flight = this.#flights.get(key);
    if (!flight) {
      const place = new Place(ahead);
      const object = this.#fetch(what, place).finally(() => this.#flights.delete(key));
      flight = { place, object };
      this.#flights.set(key, flight);
    } else if (!ahead) this.#slots.hurry(flight.place);
    return flight.object;
  }

  close(): void {
    this.#closing.abort();
    this.#slots.open();
  }

  async #fetch(request: ObjectRequest, place: Place): Promise<FetchedObject> {
    const tries = new Tries(this.#clock, request.retries);
    let asked = request;
    for (;;) {
      const answer = await this.#try(asked, place);
      if ("sha256" in answer) return answer;
      const next = tries.after(answer);
      if (next.step === "fail") throw next.error;
      if (next.fresh) asked = { ...asked, fresh: true };
      if (next.delay_ms > 0) await this.#sleep(next.delay_ms, request.url);
    }
  }

  /** One try: the object, verified, or what is wrong. */
  async #try(
    request: ObjectRequest,
    place: Place,
  ): Promise<FetchedObject | Exclude<Answer, { verdict: "good" }>> {
    const answer = await this.#kept.answer(request, () => this.#exchange(request, place));
    if (answer.verdict !== "good") return answer;
    const { bytes, etag, lastModified, isHtml, size, url, contentType, isPart, isUnchanged } =
      answer;
    const sha256 = await sha256Of(bytes);
    if (request.sha256 !== undefined && request.sha256 !== sha256) {
      return { verdict: "wrong", error: mismatch(request, sha256, bytes.length, isHtml) };
    }
    const whatItIs = {
      sha256,
      ...(etag !== null && { etag }),
      ...(lastModified !== null && { lastModified }),
      ...(size !== undefined && { size }),
      ...(contentType !== undefined && { contentType }),
      url,
      isPart,
      ...(isUnchanged && { isUnchanged }),
    };
    if (!request.packing) return { bytes, ...whatItIs };
    try {
      return { bytes: await unpacked(bytes, request.packing, this.#inflate), ...whatItIs };
    } catch (error) {
      return { verdict: "wrong", error: flawOfPacking(request, error) };
    }
  }

  async #exchange(request: ObjectRequest, place: Place): Promise<Answer> {
    if (!this.#closing.signal.aborted) await this.#slots.take(place);
    if (this.#closing.signal.aborted) throw closed(request.url);
    try {
      return await exchange(request, {
        transport: this.#transport,
        clock: this.#clock,
        credentials: this.#credentials,
        closing: this.#closing.signal,
      });
    } finally {
      this.#slots.release(place);
    }
  }

  #sleep(delay_ms: number, url: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const closing = this.#closing.signal;
      const wake = (): void => {
        cancel();
        reject(closed(url));
      };
      const cancel = this.#clock.alarm(delay_ms, () => {
        closing.removeEventListener("abort", wake);
        resolve();
      });
      if (closing.aborted) wake();
      else closing.addEventListener("abort", wake, { once: true });
    });
  }
}

function nothingKeeps(url: string): FsError {
  return fetchError("EOPNOTSUPP", `${url}: there is no cache that could keep it; give one`);
}

function mismatch(request: ObjectRequest, got: string, length: number, isHtml: boolean): FsError {
  const { url, sha256, range } = request;
  const part = range ? ` bytes ${range.offset} to ${range.offset + range.length - 1}` : "";
  const hint =
    isHtml && !/\.x?html?$/.test(url)
      ? "the server answers with an HTML page instead, as some do for files they do not have"
      : "was the file changed after it was indexed? Then run `minifo index` on the server's directory again";
  return fetchError(
    "EIO",
    `${url}:${part} expected SHA-256 ${sha256}, got ${got} (${length} bytes); ${hint}`,
  );
}
