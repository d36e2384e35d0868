import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { composeReport } from "../functions/simulate/hostile.ts";
import { nodeIdentity } from "../functions/simulate/identity.ts";
import { openPki, type SimulatedPki } from "../functions/simulate/pki.ts";
import { trustOfFleet } from "../functions/simulate/trust.ts";
import { ksuid, v1RequestId } from "../shared/choria/ids.ts";
import { inventoryPayload } from "../shared/choria/registration.ts";
import type { TrustSettings } from "../shared/choria/settings.ts";
import { readLoadFile, writeLoadFile } from "./load-file.ts";

/**
 * Load for the benchmarks: distinct, really signed registrations, made once and kept on disk, because signing costs more
 * than what is measured. Sending the same messages again would measure deduplication.
 */

/** Raised whenever what a file holds changes: older files are made anew. */
const FORMAT = 2;
export const COLLECTIVE = "mcollective";
/** Where the load is sent to. */
export const SUBJECT = `${COLLECTIVE}.broadcast.agent.registration`;
const TTL_SECONDS = 60;
/** Sizes of inventories differ by so much from their mean, both ways. */
const SPREAD = 0.12;
/** Mean size of the gzipped inventory, bytes, that makes a message of about 4 kB on the wire. */
export const GZIPPED_BYTES = { v1: 520, v2: 630 };

const headerSchema = z.strictObject({
  format: z.literal(FORMAT),
  protocol: z.enum(["v1", "v2"]),
  count: z.number().int().positive(),
  senders: z.number().int().positive(),
  gzippedBytes: z.number().int().positive(),
  signedAtMs: z.number().int().positive(),
});

export interface LoadRequest {
  readonly protocol: "v1" | "v2";
  readonly count: number;
  /** Distinct nodes that the messages come from, in turn. */
  readonly senders: number;
  /** Mean size of the gzipped inventory: random bytes stand for it, as nothing on the way inflates it. */
  readonly gzippedBytes: number;
}

/** A file of pre-signed messages and what a receiver must know to accept them. */
export interface Load {
  readonly file: string;
  readonly count: number;
  /** Every message carries this time: judge them as of then, milliseconds since 1970. */
  readonly signedAtMs: number;
  readonly trust: TrustSettings;
}

/** The load asked for, from `folder` (`.cache/bench`) or made there, which takes some seconds per 10,000 messages. */
export async function ensureLoad(folder: string, request: LoadRequest, log: (line: string) => void): Promise<Load> {
  const { protocol, count, senders, gzippedBytes } = request;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${protocol}-${count}-${senders}-${gzippedBytes}.load`);
  const pki = await openPki({ folder: join(folder, "pki"), collective: COLLECTIVE, now: new Date() });
  const trust = trustOfFleet(pki, COLLECTIVE);
  const known = readHeader(file);
  if (known !== null) return { file, count, signedAtMs: known.signedAtMs, trust };
  const signedAtMs = Date.now();
  log(`signing ${count} ${protocol} messages, once; they are kept in ${file}`);
  await writeLoad(file, request, { pki, signedAtMs });
  return { file, count, signedAtMs, trust };
}

interface Signing {
  readonly pki: SimulatedPki;
  readonly signedAtMs: number;
}

async function writeLoad(file: string, request: LoadRequest, signing: Signing): Promise<void> {
  const header = { format: FORMAT, ...request, signedAtMs: signing.signedAtMs };
  await writeLoadFile(file, header, request.count, async (number) => {
    const message = await makeMessage(number, request, signing);
    return Buffer.concat([lengthOf(message), message]);
  });
}

function makeMessage(number: number, { protocol, senders, gzippedBytes }: LoadRequest, { pki, signedAtMs }: Signing) {
  const identity = nodeIdentity(number % senders);
  const random = randomBytes(16);
  const fields = {
    requestId: protocol === "v1" ? v1RequestId(random) : ksuid(Math.floor(signedAtMs / 1_000), random),
    sender: identity,
    caller: protocol === "v1" ? `choria=${identity}` : identity,
    collective: COLLECTIVE,
    agent: "registration",
    ttlSeconds: TTL_SECONDS,
    timeNs: BigInt(signedAtMs) * 1_000_000n,
    payload: inventoryPayload({ encoding: "gzip", bytes: randomBytes(sizeOf(number, gzippedBytes)) }),
    replyTo: "dev.null",
    server: "nats://broker1.fleet.example:4222",
  };
  return composeReport({ protocol, identity, fields }, pki);
}

function sizeOf(number: number, meanBytes: number): number {
  const spread = Math.ceil(meanBytes * SPREAD);
  return meanBytes - spread + ((number * 37) % (2 * spread));
}

function lengthOf(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return length;
}

/** The messages of a load file, in order. Throws when the file is not one, or is cut short. */
export function readLoad(file: string): { readonly messages: readonly Uint8Array[]; readonly signedAtMs: number } {
  const { header, bytes, start } = readLoadFile(file, headerSchema);
  const messages: Uint8Array[] = [];
  for (let at = start; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    messages.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (messages.length !== header.count) throw new Error(`${file} holds ${messages.length} of ${header.count} messages`);
  return { messages, signedAtMs: header.signedAtMs };
}

/** Null when there is no file, or one of another format. */
function readHeader(file: string): z.output<typeof headerSchema> | null {
  try {
    const descriptor = openSync(file, "r");
    const start = Buffer.alloc(512);
    const length = readSync(descriptor, start);
    closeSync(descriptor);
    const line = start.toString("utf8", 0, length).split("\n", 1)[0] ?? "";
    return headerSchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
