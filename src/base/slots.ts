/**
 * Who may send a request when only so many are allowed in flight: whoever is waited for goes first, in the order of
 * asking; what nobody waits for yet gets at most half of the slots, and only those that are left over.
 */

/** A request's place in the queue. */
export class Place {
  /** Whether nobody waits for it yet. */
  ahead: boolean;
  /** Whether it holds a slot as one that nobody waited for when it got it. */
  isExtra = false;
  /** Lets it go; set while it waits. */
  go: (() => void) | undefined;

  constructor(ahead: boolean) {
    this.ahead = ahead;
  }
}

/** See the head of this file. */
export class Slots {
  #free: number;
  #freeAhead: number;
  #waiting: Place[] = [];
  #isOpen = false;

  constructor(count: number) {
    this.#free = count;
    this.#freeAhead = Math.max(1, Math.floor(count / 2));
  }

  /** Resolves when `place` has a slot, or when nothing matters any more because of `open`. */
  async take(place: Place): Promise<void> {
    if (this.#isOpen) return;
    const gone = new Promise<void>((resolve) => {
      place.go = resolve;
    });
    this.#waiting.push(place);
    this.#advance();
    await gone;
  }

  /** Gives the slot of `place` to whoever is next. */
  release(place: Place): void {
    this.#free += 1;
    if (place.isExtra) this.#freeAhead += 1;
    place.isExtra = false;
    this.#advance();
  }

  /** Somebody waits for it now. */
  hurry(place: Place): void {
    place.ahead = false;
    if (place.isExtra) this.#freeAhead += 1;
    place.isExtra = false;
    this.#advance();
  }

  /** Lets everybody go: it is over. */
  open(): void {
    this.#isOpen = true;
    for (const place of this.#waiting.splice(0)) place.go?.();
  }

  #advance(): void {
    while (this.#free > 0) {
      let next = this.#waiting.findIndex((place) => !place.ahead);
      if (next < 0 && this.#freeAhead > 0) next = this.#waiting.length > 0 ? 0 : -1;
      const [place] = next < 0 ? [] : this.#waiting.splice(next, 1);
      if (!place) return;
      this.#free -= 1;
      place.isExtra = place.ahead;
      if (place.isExtra) this.#freeAhead -= 1;
      place.go?.();
    }
  }
}
