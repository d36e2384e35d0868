import { createPublicKey } from "node:crypto";
import type { CompactForm } from "../cache.ts";
import { KeyCache } from "../key-cache.ts";
import type { ProvenCertificate } from "./verify.ts";

/** Before the key: three moments and the key's length. */
const MOMENT_BYTES = 8;
const HEAD_BYTES = 3 * MOMENT_BYTES + 2;

/** A proven certificate as bytes: moments, key, names. 430 bytes in the cache with RSA-2048 and one name. */
export function certificateForm(maxKeys: number): CompactForm<ProvenCertificate> {
  // PKCS #1: OpenSSL 3 needs twenty times as long for the same key as SubjectPublicKeyInfo.
  const keys = new KeyCache(maxKeys, (key) => createPublicKey({ key, format: "der", type: "pkcs1" }));
  return {
    write({ notBeforeMs, expiresMs, listsFreshUntilMs, key, names }) {
      const keyBytes = key.export({ format: "der", type: "pkcs1" });
      const head = Buffer.alloc(HEAD_BYTES);
      head.writeDoubleBE(notBeforeMs, 0);
      head.writeDoubleBE(expiresMs, MOMENT_BYTES);
      head.writeDoubleBE(listsFreshUntilMs, 2 * MOMENT_BYTES);
      head.writeUInt16BE(keyBytes.length, 3 * MOMENT_BYTES);
      return Buffer.concat([head, keyBytes, Buffer.from(JSON.stringify(names))]);
    },
    read(bytes) {
      const namesAt = HEAD_BYTES + bytes.readUInt16BE(3 * MOMENT_BYTES);
      return {
        notBeforeMs: bytes.readDoubleBE(0),
        expiresMs: bytes.readDoubleBE(MOMENT_BYTES),
        listsFreshUntilMs: bytes.readDoubleBE(2 * MOMENT_BYTES),
        key: keys.get(bytes.subarray(HEAD_BYTES, namesAt)),
        names: JSON.parse(bytes.toString("utf8", namesAt)) as readonly string[],
      };
    },
  };
}
