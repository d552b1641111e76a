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
        "this page has no WebCrypto, so that nothing can be verified; open it from an https: address or from localhost",
    });
  }
  return hexOf(new Uint8Array(await subtle.digest("SHA-256", bytes)));
}

const hexPairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** `bytes` as lower-case hex digits. */
export function hexOf(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += hexPairs[byte];
  return hex;
}
