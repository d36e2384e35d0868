/** Request ids as go-choria makes them; the random bytes come in as arguments. */

const KSUID_EPOCH_SECONDS = 1_400_000_000;
const KSUID_LENGTH = 27;
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A v1 request id: a v4 uuid without dashes, from 16 random bytes. */
export function v1RequestId(random: Uint8Array): string {
  const bytes = Buffer.from(random.subarray(0, 16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex");
}

/** A ksuid (v2 request ids, token ids): seconds since 1970 and 16 random bytes, 27 base62 characters. */
export function ksuid(timeSeconds: number, random: Uint8Array): string {
  const stamp = (timeSeconds - KSUID_EPOCH_SECONDS).toString(16).padStart(8, "0");
  let value = BigInt(`0x${stamp}${Buffer.from(random.subarray(0, 16)).toString("hex")}`);
  let id = "";
  for (let digit = 0; digit < KSUID_LENGTH; digit++) {
    id = BASE62.charAt(Number(value % 62n)) + id;
    value /= 62n;
  }
  return id;
}
