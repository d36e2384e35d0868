import { connect, createInbox, type JsMsg } from "nats";
import { queueSpecs } from "./jobs/options.ts";
import type { QueuePlace } from "./jobs/queue.ts";
import { type Measured, Meter } from "./measure.ts";

const BATCH = 512;
const ACK = Buffer.from("+ACK");

/**
 * What somebody would write with the client library who knows how to acknowledge cheaply: its `consume()`, and a confirmed
 * acknowledgement for each message pipelined through one shared inbox. No handler, no look at the message, no bookkeeping.
 */
export async function floorConsume(place: QueuePlace, count: number): Promise<Measured> {
  const connection = await connect({ servers: place.url });
  const { stream, durable } = queueSpecs(place).consumer;
  const meter = new Meter(count, 1, () => {});
  const confirmations = createInbox();
  connection.subscribe(confirmations, { callback: () => meter.count() });
  const consumer = await connection.jetstream().consumers.get(stream, durable);
  await consumer.consume({
    max_messages: BATCH,
    callback: (message) => connection.publish(ackSubject(message), ACK, { reply: confirmations }),
  });
  return meter.finished;
}

/** The client's type does not tell where an acknowledgement goes. */
function ackSubject(message: JsMsg): string {
  return (message as unknown as { readonly msg: { readonly reply: string } }).msg.reply;
}
