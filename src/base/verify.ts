/**
 * SHA-256 of what was fetched, by WebCrypto. Nothing that a hash was given for leaves the fetcher without it.
 */
import { FsError } from "../errno.ts";

/**
 * SHA-256 of `bytes` as 64 lower-case hex digits.
 * @throws EIO this page has no WebCrypto, which browsers give to https: and localhost only
 */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  // Declared as always there, but a page that came over plain http has none.
  const subtle = crypto.subtle as typeof crypto.subtle | undefined;
  if (!subtle) {
    throw new FsError("EIO", {
      syscall: "verify",
      reason:
        "this page has no WebCrypto, so nothing can be verified; open it over https: or from localhost",
    });
  }
  return hexOf(new Uint8Array(await subtle.digest("SHA-256", bytes)));
}

const hexDigits = new TextEncoder().encode("0123456789abcdef");
const ascii = new TextDecoder();

/** `bytes` as lower-case hex digits. */
export function hexOf(bytes: Uint8Array): string {
  // One flat string: put together digit by digit it would be a chain of thirty-two that keeps all its parts alive.
  const digits = new Uint8Array(bytes.length * 2);
  bytes.forEach((byte, at) => {
    digits[2 * at] = hexDigits[byte >> 4] as number;
    digits[2 * at + 1] = hexDigits[byte & 15] as number;
  });
  return ascii.decode(digits);
}
