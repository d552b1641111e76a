/**
 * Where a long row of things is cut into parts of about the same weight: behind a minimum at the next one whose name
 * says so, at the latest where the maximum would be passed. So what is added, removed or resized moves the cuts around
 * it and no others, and the parts far from a change stay byte for byte what they were.
 */

/** How heavy parts are. */
export interface PartWeights {
  readonly least: number;
  readonly most: number;
  /** Of how many names one says "cut here". */
  readonly oneIn: number;
}

/** Takes things in order and says where a new part begins. */
export class Cutter {
  readonly #weights: PartWeights;
  #weight = 0;

  constructor(weights: PartWeights) {
    this.#weights = weights;
  }

  /** The weight of the part so far. */
  get weight(): number {
    return this.#weight;
  }

  /** Whether a part that has enough already should end before `name`. */
  isCut(name: string): boolean {
    const { least, oneIn } = this.#weights;
    return this.#weight >= least && hashOf(name) % oneIn === 0;
  }

  /** Whether `weight` more would be too much for a part that is worth ending. */
  isFull(weight: number, worth = 1): boolean {
    return this.#weight >= worth && this.#weight + weight > this.#weights.most;
  }

  add(weight: number): void {
    this.#weight += weight;
  }

  /** A new part begins. */
  begin(): void {
    this.#weight = 0;
  }
}

/**
 * What a content of `bytes` weighs in a pack: at least as much as it has, in steps of an eighth to a quarter, so that a
 * file that changed a little weighs what it weighed.
 */
export function steppedWeight(bytes: number): number {
  const step = Math.max(64, 2 ** (Math.floor(Math.log2(Math.max(1, bytes))) - 3));
  return Math.ceil(bytes / step) * step;
}

/** FNV-1a over UTF-16 code units, 32 bits, its upper half folded in, for the lower bits alone are poor. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}
