import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { adapterOutput } from "../../../shared/choria/output.ts";
import type { Connection } from "../../../shared/jetstream/connect.ts";
import { publishOnce } from "../../../shared/jetstream/publish-once.ts";
import { ReplyInbox } from "../../../shared/jetstream/replies.ts";
import type { StreamSpec } from "../../../shared/jetstream/spec.ts";
import { ensureStream } from "../../../shared/jetstream/topology.ts";
import type { CaptureFiles, JudgedCapture } from "./captures.ts";

/** A stream of its own: recorded messages must not be taken for what nodes say now. */
export const CAPTURE_STREAM: StreamSpec = {
  name: "CHORIA_DEMO_CAPTURES",
  subjects: ["choria.demo.captures.*"],
  retention: "limits",
  storage: "file",
  replicas: 1,
  maxBytes: 16 * 1_048_576,
  maxMessages: -1,
  maxMessagesPerSubject: -1,
  maxAgeMs: 0,
  discard: "old",
  duplicateWindowMs: 300_000,
};

const ACK_TIMEOUT_MS = 5_000;

/** The capture files that come with the package. */
export async function readCaptureFiles(): Promise<CaptureFiles> {
  const folder = new URL("./test/fixtures/captures/", import.meta.resolve("choria-bridge/package.json"));
  const read = (name: string) => readFile(fileURLToPath(new URL(name, folder)), "utf8");
  const [v1Jsonl, v2Jsonl, v1CaPem, v2Issuer] = await Promise.all(
    ["v1.jsonl", "v2.jsonl", "v1-ca.pem", "v2-issuer.public"].map(read),
  );
  return { v1Jsonl: v1Jsonl ?? "", v2Jsonl: v2Jsonl ?? "", v1CaPem: v1CaPem ?? "", v2Issuer: v2Issuer ?? "" };
}

export interface StoredCaptures {
  readonly stored: number;
  /** In the stream already: by an earlier start, or one request that was recorded on its way to several nodes. */
  readonly duplicate: number;
}

/** Stores the accepted captures in their stream, made when missing. Rejects when one gets no PubAck. `now`: monotonic ms. */
export async function storeCaptures(
  connection: Connection,
  judged: readonly JudgedCapture[],
  now: () => number,
): Promise<StoredCaptures> {
  await ensureStream(await connection.jetstreamManager(), CAPTURE_STREAM, { apply: false });
  const replies = new ReplyInbox(connection, ACK_TIMEOUT_MS, now);
  try {
    const acks = await Promise.all(judged.map((capture) => storeCapture({ connection, replies }, capture)));
    return {
      stored: acks.filter((ack) => ack === "stored").length,
      duplicate: acks.filter((ack) => ack === "duplicate").length,
    };
  } finally {
    replies.close();
  }
}

async function storeCapture(
  channel: { readonly connection: Connection; readonly replies: ReplyInbox },
  { kind, verdict }: JudgedCapture,
): Promise<"stored" | "duplicate" | "rejected"> {
  if (!verdict.ok) return "rejected";
  const { body, headers } = adapterOutput(verdict.message, "envelope");
  const ack = await publishOnce(channel, {
    subject: `choria.demo.captures.${kind}`,
    stream: CAPTURE_STREAM.name,
    id: verdict.message.messageId,
    headers: [...headers, ["Choria-Demo", "recorded message, not live traffic"]],
    body: Buffer.from(body),
  });
  if (!ack.stored) throw new Error(`${CAPTURE_STREAM.name} did not take a recorded message: ${ack.detail}`);
  return ack.duplicate ? "duplicate" : "stored";
}
