import { connect, createInbox, type Msg, type NatsConnection } from "nats";
import { queueSpecs } from "./jobs/options.ts";
import type { QueuePlace } from "./jobs/queue.ts";
import { type Measured, Meter } from "./measure.ts";

const BATCH = 256;
const ACK = Buffer.from("+ACK");

/**
 * The least a worker can do: pull by raw requests, and acknowledge each message with a confirmation on one shared inbox.
 * No handler, no look at the message, no bookkeeping.
 */
export async function floorWorker(place: QueuePlace, count: number): Promise<Measured> {
  const connection = await connect({ servers: place.url });
  const meter = new Meter(count, 1, () => {});
  pullAndConfirm(connection, place, { onMessage: () => {}, onConfirmed: () => meter.count() });
  return meter.finished;
}

interface FloorObserver {
  readonly onMessage: (message: Msg) => void;
  readonly onConfirmed: () => void;
}

/** The bare loop, until the connection is closed. */
export function pullAndConfirm(connection: NatsConnection, place: QueuePlace, observer: FloorObserver): void {
  const { stream, durable } = queueSpecs(place).consumer;
  const inbox = createInbox();
  const confirmations = createInbox();
  const request = JSON.stringify({ batch: BATCH, expires: 300e9 });
  const pull = () => connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`, request, { reply: inbox });
  let received = 0;
  connection.subscribe(confirmations, { callback: () => observer.onConfirmed() });
  connection.subscribe(inbox, {
    callback: (_error, message) => {
      if (!message.reply) return;
      observer.onMessage(message);
      connection.publish(message.reply, ACK, { reply: confirmations });
      received += 1;
      if (received % BATCH === 0) pull();
    },
  });
  pull();
  pull();
}
