import type { Msg, NatsConnection } from "nats";
import { ACK, nak } from "./acknowledge.ts";
import { type PullConsumer, pullBatch } from "./pull-batch.ts";

const BATCH = 100;
const CONFIRM_MS = 5_000;
const AGAIN_AFTER_MS = 5_000;

/**
 * Hands over the bodies of what a durable consumer holds now, some at a time, and ends when it has nothing left. A message
 * is acknowledged when `take` says true; else, and when `take` rejects, it comes again later.
 */
export async function takeAll(
  connection: NatsConnection,
  consumer: PullConsumer,
  take: (body: Uint8Array) => Promise<boolean>,
): Promise<void> {
  const settle = async ({ data, reply = "" }: Msg): Promise<void> => {
    const taken = await take(data).catch(() => false);
    // Confirmed, so that whoever comes next does not find it in flight; unconfirmed it comes again, which does no harm.
    await connection.request(reply, taken ? ACK : nak(AGAIN_AFTER_MS), { timeout: CONFIRM_MS }).catch(() => {});
  };
  for (;;) {
    const batch = await pullBatch(connection, consumer, BATCH);
    await Promise.all(batch.map(settle));
    if (batch.length < BATCH) return;
  }
}
