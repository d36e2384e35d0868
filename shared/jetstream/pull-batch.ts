import { setTimeout as wait } from "node:timers/promises";
import type { Msg, NatsConnection } from "nats";
import { newInbox } from "./inbox.ts";
import { readPullStatus } from "./pull-status.ts";

export interface PullConsumer {
  readonly stream: string;
  /** Its name, durable or not. */
  readonly durable: string;
}

const ANSWER_MS = 5_000;

/**
 * One pull that does not wait: what is there, at most `most`, and fewer only when there is no more. Rejects when the
 * server does not answer, or has no such consumer. Nothing is left open on the server.
 */
export async function pullBatch(
  connection: NatsConnection,
  { stream, durable }: PullConsumer,
  most: number,
): Promise<readonly Msg[]> {
  const batch: Msg[] = [];
  const reply = newInbox(connection);
  const subscription = connection.subscribe(reply);
  const answered = new AbortController();
  wait(ANSWER_MS, null, { signal: answered.signal }).then(
    () => subscription.unsubscribe(),
    () => {}, // answered in time
  );
  try {
    const request = JSON.stringify({ batch: most, no_wait: true });
    connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`, request, { reply });
    for await (const message of subscription) {
      const status = readPullStatus(message);
      if (status?.type === "failed") throw new Error(`consumer ${stream}/${durable}: ${status.detail}`);
      if (status?.type === "ended") return batch;
      if (status === null) batch.push(message);
      if (batch.length === most) return batch;
    }
  } finally {
    answered.abort();
    subscription.unsubscribe();
  }
  throw new Error(`consumer ${stream}/${durable}: no answer in time`);
}
