import { createPublicKey } from "node:crypto";
import type { CompactForm } from "../cache.ts";
import { KeyCache } from "../key-cache.ts";
import { readPem } from "./pem.ts";
import type { ProvenCertificate } from "./verify.ts";

const MOMENT_BYTES = 8;
/** Three moments, then where the key is. */
const PLACE_AT = 3 * MOMENT_BYTES;
const SKIP_AT = PLACE_AT + 4;
const KEY_LENGTH_AT = SKIP_AT + 1;
const HEAD_BYTES = KEY_LENGTH_AT + 2;
const MOST_UINT16 = 65_535;
/** Base64 turns so many bytes into so many characters. */
const BYTES_IN = 3;
const CHARACTERS_OUT = 4;
const WHITE_SPACE = /\s/;

/** Where a key's bytes are in the text of its certificate: so many characters as base64, without the first `skip` bytes. */
interface KeyPlace {
  readonly from: number;
  readonly characters: number;
  readonly skip: number;
}

/** The key's bytes are kept, for the text has them in no such place. */
const KEPT: KeyPlace = { from: 0, characters: 0, skip: 0 };

/** A proven certificate as bytes: moments, where its key is, names. 150 bytes in the cache with one name. */
export function certificateForm(maxKeys: number): CompactForm<ProvenCertificate> {
  // PKCS #1: OpenSSL 3 needs twenty times as long for the same key as SubjectPublicKeyInfo.
  const keys = new KeyCache(maxKeys, (key) => createPublicKey({ key, format: "der", type: "pkcs1" }));
  return {
    write({ notBeforeMs, expiresMs, listsFreshUntilMs, key, names }, text) {
      const keyBytes = key.export({ format: "der", type: "pkcs1" });
      const place = placeOf(keyBytes, text) ?? KEPT;
      const head = Buffer.alloc(HEAD_BYTES);
      head.writeDoubleBE(notBeforeMs, 0);
      head.writeDoubleBE(expiresMs, MOMENT_BYTES);
      head.writeDoubleBE(listsFreshUntilMs, 2 * MOMENT_BYTES);
      head.writeUInt16BE(place.from, PLACE_AT);
      head.writeUInt16BE(place.characters, PLACE_AT + 2);
      head.writeUInt8(place.skip, SKIP_AT);
      head.writeUInt16BE(keyBytes.length, KEY_LENGTH_AT);
      const kept = place === KEPT ? keyBytes : Buffer.alloc(0);
      return Buffer.concat([head, kept, Buffer.from(JSON.stringify(names))]);
    },
    read(bytes, text) {
      const length = bytes.readUInt16BE(KEY_LENGTH_AT);
      const characters = bytes.readUInt16BE(PLACE_AT + 2);
      const isKept = characters === 0;
      const namesAt = HEAD_BYTES + (isKept ? length : 0);
      const place = { from: bytes.readUInt16BE(PLACE_AT), characters, skip: bytes.readUInt8(SKIP_AT) };
      return {
        notBeforeMs: bytes.readDoubleBE(0),
        expiresMs: bytes.readDoubleBE(MOMENT_BYTES),
        listsFreshUntilMs: bytes.readDoubleBE(2 * MOMENT_BYTES),
        key: keys.get(isKept ? bytes.subarray(HEAD_BYTES, namesAt) : keyAt(text, place, length)),
        names: JSON.parse(bytes.toString("utf8", namesAt)) as readonly string[],
      };
    },
  };
}

/** Null unless the very bytes come back from there. */
function placeOf(key: Buffer, text: string): KeyPlace | null {
  const [leaf] = readPem(text) ?? [];
  const at = leaf?.der.indexOf(key) ?? -1;
  if (leaf === undefined || at === -1) return null;
  const group = Math.floor(at / BYTES_IN);
  const groups = Math.ceil((at + key.length) / BYTES_IN) - group;
  const from = characterAt(text, leaf.bodyAt, group * CHARACTERS_OUT);
  const characters = characterAt(text, from, groups * CHARACTERS_OUT) - from;
  const place = { from, characters, skip: at - group * BYTES_IN };
  const fits = from <= MOST_UINT16 && characters > 0 && characters <= MOST_UINT16;
  return fits && keyAt(text, place, key.length).equals(key) ? place : null;
}

/** Where so many characters that are no white space are behind. */
function characterAt(text: string, from: number, count: number): number {
  let at = from;
  for (let left = count; at < text.length && (left > 0 || WHITE_SPACE.test(text.charAt(at))); at += 1) {
    if (!WHITE_SPACE.test(text.charAt(at))) left -= 1;
  }
  return at;
}

function keyAt(text: string, { from, characters, skip }: KeyPlace, length: number): Buffer {
  return Buffer.from(text.slice(from, from + characters), "base64").subarray(skip, skip + length);
}
