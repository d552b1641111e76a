/**
 * For servers that know no ranges and send the whole instead: the last such whole is kept, so that the next range of it
 * costs no second download, and ranges of one resource on such a server are asked for one after the other.
 */
import type { Answer } from "./exchange.ts";
import type { ObjectRequest } from "./fetcher.ts";
import { nameOfVersion } from "./resource-version.ts";

type GoodAnswer = Extract<Answer, { verdict: "good" }>;

/** The whole that came last. */
interface Kept {
  readonly key: string;
  readonly answer: GoodAnswer;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** See the head of this file. Holds one resource at most. */
export class KeptWhole {
  #kept: Kept | undefined;
  /** Servers that answered a range with the whole. */
  readonly #rangeless = new Set<string>();
  /** Where ranges are asked for one by one: the last request of each resource. */
  readonly #queues = new Map<string, Promise<unknown>>();

  /** The answer to `request`: out of the whole that is kept, if that will do, else by `exchange`. */
  async answer(request: ObjectRequest, exchange: () => Promise<Answer>): Promise<Answer> {
    const { range, url } = request;
    if (!range || !this.#rangeless.has(new URL(url).origin)) return this.#take(request, exchange);
    const before = this.#queues.get(url) ?? Promise.resolve();
    const answer = before.then(() => this.#take(request, exchange));
    // The next one asks for itself, however this one ended.
    const settled = answer.then(
      () => {},
      () => {},
    );
    this.#queues.set(url, settled);
    settled.then(() => {
      if (this.#queues.get(url) === settled) this.#queues.delete(url);
    });
    return answer;
  }

  async #take(request: ObjectRequest, exchange: () => Promise<Answer>): Promise<Answer> {
    const { range, fresh } = request;
    const key = keyOf(request);
    if (range && this.#kept?.key === key) {
      if (fresh) this.#kept = undefined;
      else {
        const { answer, bytes } = this.#kept;
        return { ...answer, bytes: bytes.slice(range.offset, range.offset + range.length) };
      }
    }
    const answer = await exchange();
    if (answer.verdict !== "good" || !answer.whole || !range) return answer;
    const { whole, ...rest } = answer;
    if (range.length < whole.length) {
      this.#rangeless.add(new URL(request.url).origin);
      this.#kept = { key, answer: rest, bytes: whole };
    }
    return rest;
  }
}

/** Equal for ranges of one version of one resource. */
function keyOf({ url, range, version }: ObjectRequest): string {
  return `${url}\n${range?.size}\n${version ? nameOfVersion(version) : ""}`;
}
