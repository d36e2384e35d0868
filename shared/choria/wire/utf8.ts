import { isAscii, isUtf8 } from "node:buffer";

/** The text of strictly valid UTF-8, a byte order mark kept; null otherwise. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Almost every document is ASCII, and copying is several times cheaper than transcoding.
  if (isAscii(buffer)) return buffer.toString("latin1");
  return isUtf8(buffer) ? buffer.toString("utf8") : null;
}

/** A string when the bytes are UTF-8, else the bytes: payloads are carried whole either way. */
export function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  return decodeUtf8(bytes) ?? bytes;
}
