import { pathToFileURL } from "node:url";
import { connect, createInbox, type NatsConnection } from "nats";
import { type ConsumerResult, fillQueue, runByHand, startClock } from "./queue.ts";

const STREAM = "BENCH_FLOOR";
const BATCH = 256;
const ACK = Buffer.from("+ACK");

/**
 * The least a worker can do: pull by raw requests, and acknowledge each message with a confirmation on one shared inbox.
 * No handler, no bookkeeping per message.
 */
export async function floorWorker(server: { readonly url: string }, count: number): Promise<ConsumerResult> {
  const connection = await connect({ servers: server.url });
  try {
    await fillQueue(connection, STREAM, count);
    const stop = startClock();
    await consume(connection, count);
    return { messages: count, ...stop() };
  } finally {
    await connection.close();
  }
}

function consume(connection: NatsConnection, count: number): Promise<void> {
  const inbox = createInbox();
  const confirmations = createInbox();
  const request = JSON.stringify({ batch: BATCH, expires: 30e9 });
  const pull = () => connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.work`, request, { reply: inbox });
  return new Promise((resolve) => {
    let received = 0;
    let confirmed = 0;
    connection.subscribe(confirmations, {
      callback: () => {
        confirmed += 1;
        if (confirmed === count) resolve();
      },
    });
    connection.subscribe(inbox, {
      callback: (_error, message) => {
        if (!message.reply) return;
        connection.publish(message.reply, ACK, { reply: confirmations });
        received += 1;
        if (received % BATCH === 0) pull();
      },
    });
    pull();
    pull();
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await runByHand(floorWorker);
