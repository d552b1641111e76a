/**
 * The number of a base object from its identity key, at once, by a SHA-256 that is built in: for whoever may change
 * things and so cannot wait for the platform's in the midst of it, as who only reads does (reading-layers.ts).
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { type IdentityHash, identityBytes, numberOfDigest } from "./inode.ts";

/**
 * The hash of FORMAT.md, keyed by the overlay's id because manifests can be hostile: the first 52 bits of the SHA-256
 * of the id's text, a NUL and the key in UTF-8, plus 2^52.
 */
export function identityHash(
  overlayId: string,
  digest: (bytes: Uint8Array) => Uint8Array = sha256,
): IdentityHash {
  return (identity) => numberOfDigest(digest(identityBytes(overlayId, identity)));
}
