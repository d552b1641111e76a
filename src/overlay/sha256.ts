/**
 * SHA-256 (FIPS 180-4) without waiting, for short texts: inode numbers are made of it in the middle of operations that
 * do not wait. Whatever was fetched is verified by WebCrypto, which is faster (base/verify.ts).
 */

/** The first 32 bits behind the point of `number`. */
function fractionBits(number: number): number {
  return ((number % 1) * 2 ** 32) | 0;
}

const primes: number[] = [];
for (let number = 2; primes.length < 64; number += 1) {
  if (primes.every((prime) => number % prime !== 0)) primes.push(number);
}

const initialState = Int32Array.from(primes.slice(0, 8), (prime) => fractionBits(Math.sqrt(prime)));
const roundConstants = Int32Array.from(primes, (prime) => fractionBits(Math.cbrt(prime)));

/** The SHA-256 of `bytes`, 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const state = initialState.slice();
  const message = padded(bytes);
  for (let block = 0; block < message.byteLength; block += 64) compress(state, message, block);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, at) => {
    digest.setInt32(at * 4, word);
  });
  return new Uint8Array(digest.buffer);
}

/** `bytes`, a one bit, zeros up to the end of a block, and there the length in bits. */
function padded(bytes: Uint8Array): DataView {
  const { length } = bytes;
  const message = new Uint8Array(Math.ceil((length + 9) / 64) * 64);
  message.set(bytes);
  message[length] = 0x80;
  const view = new DataView(message.buffer);
  view.setUint32(message.length - 8, length / 2 ** 29);
  view.setUint32(message.length - 4, length * 8);
  return view;
}

const schedule = new Int32Array(64);

/** Takes the 64 bytes of `message` from `block` on into `state`. */
function compress(state: Int32Array, message: DataView, block: number): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as WorkingState;
  for (let round = 0; round < 64; round += 1) {
    const word = round < 16 ? message.getInt32(block + round * 4) : scheduled(round);
    schedule[round] = word;
    const choice = (e & f) ^ (~e & g);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const constant = roundConstants[round] as number;
    const first = (h + rotations(e, 6, 11, 25) + choice + constant + word) | 0;
    const second = (rotations(a, 2, 13, 22) + majority) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, at) => {
    state[at] = (state[at] as number) + word;
  });
}

type WorkingState = [number, number, number, number, number, number, number, number];

/** The word of the message schedule for `round`, from those before. */
function scheduled(round: number): number {
  const before = (rounds: number): number => schedule[round - rounds] as number;
  const [old, recent] = [before(15), before(2)];
  const small = rotated(old, 7) ^ rotated(old, 18) ^ (old >>> 3);
  const large = rotated(recent, 17) ^ rotated(recent, 19) ^ (recent >>> 10);
  return (before(16) + small + before(7) + large) | 0;
}

function rotations(word: number, first: number, second: number, third: number): number {
  return rotated(word, first) ^ rotated(word, second) ^ rotated(word, third);
}

function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
