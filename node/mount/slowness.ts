/** What takes longer than expected says so, so that nobody has to wonder whether it hangs. */

/** How long nothing is said, in ms. */
const silence_ms = 3000;

/** Waits for `work`, and calls `say` once if that takes a while. */
export async function sayIfSlow<T>(work: Promise<T>, say: () => void): Promise<T> {
  const timer = setTimeout(say, silence_ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
