import type { CompactForm } from "../cache.ts";
import { KeyCache } from "../key-cache.ts";
import { CLIENT, SERVER } from "./claims.ts";
import { ed25519Bytes, ed25519FromBytes } from "./key.ts";
import type { ProvenToken } from "./verify.ts";

const MOMENT_BYTES = 8;
const KEY_BYTES = 32;
const ANCHOR_AT = 2 * MOMENT_BYTES;
const FLAGS_AT = ANCHOR_AT + 2;
const KEY_AT = FLAGS_AT + 1;
const REST_AT = KEY_AT + KEY_BYTES;
const IS_SERVER = 1;
const HAS_KEY = 2;

/** What the bytes keep of the claims beside flags: empty ones last and left out. */
type Rest = readonly [
  name: string | null,
  collectives: readonly string[],
  permissions?: readonly string[],
  otherName?: string | null,
];

/**
 * A proven token as bytes: moments, the place of its anchor among the configured ones, key, and what its holder may be and
 * do. 190 bytes in the cache with one name and one collective.
 */
export function tokenForm(anchors: readonly string[], maxKeys: number): CompactForm<ProvenToken> {
  const keys = new KeyCache(maxKeys, ed25519FromBytes);
  return {
    write({ notBeforeMs, expiresMs, anchor, holder, claims }) {
      // Nothing else is ever asked for; what has no flag must not come back as something that has.
      if (claims.purpose !== SERVER && claims.purpose !== CLIENT) throw new Error("only these two can be remembered");
      const head = Buffer.alloc(REST_AT);
      head.writeDoubleBE(notBeforeMs, 0);
      head.writeDoubleBE(expiresMs, MOMENT_BYTES);
      head.writeUInt16BE(anchors.indexOf(anchor), ANCHOR_AT);
      head.writeUInt8((claims.purpose === SERVER ? IS_SERVER : 0) | (holder === null ? 0 : HAS_KEY), FLAGS_AT);
      if (holder !== null) ed25519Bytes(holder).copy(head, KEY_AT);
      return Buffer.concat([head, Buffer.from(JSON.stringify(restOf(claims)))]);
    },
    read(bytes) {
      const flags = bytes.readUInt8(FLAGS_AT);
      const rest = JSON.parse(bytes.toString("utf8", REST_AT)) as Rest;
      const anchor = anchors[bytes.readUInt16BE(ANCHOR_AT)];
      if (anchor === undefined) throw new Error("a remembered token rests on no configured key");
      return {
        notBeforeMs: bytes.readDoubleBE(0),
        expiresMs: bytes.readDoubleBE(MOMENT_BYTES),
        anchor,
        holder: (flags & HAS_KEY) === 0 ? null : keys.get(bytes.subarray(KEY_AT, REST_AT)),
        claims: claimsOf(rest, (flags & IS_SERVER) !== 0),
      };
    },
  };
}

function restOf({ purpose, identity, callerId, collectives, permissions }: ProvenToken["claims"]): Rest {
  const [name, otherName] = purpose === SERVER ? [identity, callerId] : [callerId, identity];
  if (otherName !== null) return [name, collectives, [...permissions], otherName];
  return permissions.size === 0 ? [name, collectives] : [name, collectives, [...permissions]];
}

function claimsOf(
  [name, collectives, permissions = [], otherName = null]: Rest,
  isServer: boolean,
): ProvenToken["claims"] {
  const names = isServer ? { identity: name, callerId: otherName } : { callerId: name, identity: otherName };
  return { ...names, purpose: isServer ? SERVER : CLIENT, collectives, permissions: new Set(permissions) };
}
