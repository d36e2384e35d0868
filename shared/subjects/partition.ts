import { Buffer } from "node:buffer";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * FNV-1a, 32 bits, of the UTF-8 text, modulo `partitions`. Streams and their consumers rely on it: changing it moves
 * senders to other partitions while older messages of theirs still wait in the former one.
 */
export function partitionOf(text: string, partitions: number): number {
  return (fnv1a(text) >>> 0) % partitions;
}

function fnv1a(text: string): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return fnv1aBytes(Buffer.from(text, "utf8"));
    hash = Math.imul(hash ^ code, FNV_PRIME);
  }
  return hash;
}

function fnv1aBytes(bytes: Uint8Array): number {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash;
}
