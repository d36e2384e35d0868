import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import {
  type RequestFields,
  sealV1Request,
  sealV2Request,
  v1RequestText,
  v2RequestText,
} from "../../shared/choria/compose.ts";
import type { TrustSettings } from "../../shared/choria/settings.ts";
import { COLLECTIVE } from "../load.ts";
import { readLoadFile, writeLoadFile } from "../load-file.ts";
import { type FleetSigner, openV1Signer, openV2Signer } from "./fleet-signers.ts";

/**
 * A registration of each of very many nodes, every one with a credential and a signature of its own. Only these are kept:
 * what they cover is made again from the node's number, so a fleet of 300,000 is some 300 MB instead of 1.3 GB.
 */

const FORMAT = 1;
const TTL_SECONDS = 60;
const ID_CHARACTERS = 32;
/** Random bytes that every payload is a piece of. */
const NOISE_BYTES = 65_536;
/** Of a payload, before base64; with them a message has about 4 kB on the wire. */
const PAYLOAD_BYTES = { v1: 838, v2: 675 };

export interface FleetRequest {
  readonly protocol: "v1" | "v2";
  readonly senders: number;
}

const headerSchema = z.strictObject({
  format: z.literal(FORMAT),
  protocol: z.enum(["v1", "v2"]),
  senders: z.number().int().positive(),
  signedAtMs: z.number().int().positive(),
  /** Base64. */
  noise: z.string(),
  trust: z.custom<TrustSettings>((value) => typeof value === "object"),
});
type Header = z.output<typeof headerSchema>;

export interface FleetLoad {
  readonly senders: number;
  readonly signedAtMs: number;
  readonly trust: TrustSettings;
  /** The message of the node with that number, counted on in turn: the same one each time. */
  readonly messageAt: (number: number) => Buffer;
}

/** The file with such a fleet, from `folder` or made there: minutes for 300,000 nodes, once. */
export async function ensureFleetLoad(
  folder: string,
  request: FleetRequest,
  log: (line: string) => void,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `fleet-${FORMAT}-${request.protocol}-${request.senders}.load`);
  if (existsSync(file)) return file;
  log(`making ${request.senders} ${request.protocol} nodes with a signed message each, once; they are kept in ${file}`);
  const signer = await (request.protocol === "v1" ? openV1Signer(request.senders, log) : openV2Signer());
  const noise = randomBytes(NOISE_BYTES);
  const { protocol, senders } = request;
  const { trust } = signer;
  const header = {
    format: FORMAT,
    protocol,
    senders,
    signedAtMs: Date.now(),
    noise: noise.toString("base64"),
    trust,
  } as const;
  await writeParts(file, header, signer);
  return file;
}

async function writeParts(file: string, header: Header, signer: FleetSigner): Promise<void> {
  const noise = Buffer.from(header.noise, "base64");
  await writeLoadFile(file, header, header.senders, async (number) => {
    const { credential, signature } = await signer.sign(
      number,
      fleetIdentity(number),
      signedText(number, header, noise),
    );
    return Buffer.concat([sized(credential), sized(signature)]);
  });
}

function sized(part: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(part.length);
  return Buffer.concat([length, part]);
}

export function openFleetLoad(file: string): FleetLoad {
  const { header, bytes, start } = readLoadFile(file, headerSchema);
  const starts = new Uint32Array(header.senders);
  let at = start;
  for (let number = 0; number < header.senders; number += 1) {
    starts[number] = at;
    for (let part = 0; part < 2; part += 1) at += 2 + bytes.readUInt16BE(at);
  }
  if (at !== bytes.length) throw new Error(`${file} is not what its header says: remove it`);
  const noise = Buffer.from(header.noise, "base64");
  const { senders, signedAtMs, trust } = header;
  const messageAt = (count: number): Buffer => {
    const number = count % senders;
    const start = starts[number] ?? 0;
    const credentialEnd = start + 2 + bytes.readUInt16BE(start);
    const credential = bytes.subarray(start + 2, credentialEnd);
    const signature = bytes.subarray(credentialEnd + 2, credentialEnd + 2 + bytes.readUInt16BE(credentialEnd));
    return seal(number, header, { credential, signature, noise });
  };
  return { senders, signedAtMs, trust, messageAt };
}

/** `node000001.fleet.example` for number 1: all of one length. */
export function fleetIdentity(number: number): string {
  return `node${String(number).padStart(6, "0")}.fleet.example`;
}

function fieldsOf(number: number, { protocol, signedAtMs }: Header, noise: Buffer): RequestFields {
  const identity = fleetIdentity(number);
  const start = (number * 97) % (NOISE_BYTES - PAYLOAD_BYTES[protocol]);
  return {
    requestId: number.toString(16).padStart(ID_CHARACTERS, "0"),
    sender: identity,
    caller: protocol === "v1" ? `choria=${identity}` : identity,
    collective: COLLECTIVE,
    agent: "registration",
    ttlSeconds: TTL_SECONDS,
    timeNs: BigInt(signedAtMs) * 1_000_000n,
    payload: noise.toString("base64", start, start + PAYLOAD_BYTES[protocol]),
    replyTo: "dev.null",
    server: "nats://broker1.fleet.example:4222",
  };
}

function signedText(number: number, header: Header, noise: Buffer): string {
  const fields = fieldsOf(number, header, noise);
  return header.protocol === "v1" ? v1RequestText(fields) : v2RequestText(fields);
}

interface Parts {
  /** v1: a certificate, DER. v2: a token. */
  readonly credential: Buffer;
  readonly signature: Buffer;
  readonly noise: Buffer;
}

function seal(number: number, header: Header, { credential, signature, noise }: Parts): Buffer {
  const fields = fieldsOf(number, header, noise);
  const base64 = signature.toString("base64");
  return header.protocol === "v1"
    ? sealV1Request(v1RequestText(fields), { signature: base64, credential: pem(credential) }, fields)
    : sealV2Request(v2RequestText(fields), { signature: base64, credential: credential.toString() }, fields);
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
