import { setTimeout as wait } from "node:timers/promises";
import { connect } from "nats";
import { openFleetLoad } from "./production/fleet-load.ts";

/**
 * A fleet that reports at once, in a process of its own: `node burst-feeder.js '<JSON>'` prints how long that took. Every
 * message is made before the first is sent: making one costs as much as sending one.
 */

export interface BurstTask {
  readonly url: string;
  readonly subject: string;
  /** Of bench/production/fleet-load.ts. */
  readonly file: string;
  readonly count: number;
  readonly perSecond: number;
}

/** Messages handed to the socket before it gets its turn. */
const STEP = 250;

const { url, subject, file, count, perSecond } = JSON.parse(process.argv[2] ?? "") as BurstTask;
const { senders, messageAt } = openFleetLoad(file);
const messages = Array.from({ length: Math.min(count, senders) }, (_, number) => messageAt(number));
const connection = await connect({ servers: url, name: "bench burst" });
const begunAt = performance.now();
const dueNow = () => Math.min(count, Math.ceil(((performance.now() - begunAt) / 1_000) * perSecond));
for (let sent = 0; sent < count; ) {
  const due = Math.min(sent + STEP, dueNow());
  for (; sent < due; sent += 1) connection.publish(subject, messages[sent % messages.length]);
  if (sent < dueNow()) await connection.flush();
  else await wait(1);
}
await connection.flush();
process.stdout.write(String((performance.now() - begunAt) / 1_000));
await connection.close();
