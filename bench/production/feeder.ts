import { setTimeout as wait } from "node:timers/promises";
import { connect, type NatsConnection } from "nats";
import { readLoad } from "../load.ts";
import type { FeedReport, FeedTask } from "./feed.ts";
import { openFleetLoad } from "./fleet-load.ts";

/** Publishes a load in a process of its own: `node feeder.js '<JSON>'` prints what it sent as JSON. */

/** A flood gives the socket its turn after so many. */
const FLOOD_STEP = 500;
const LOOK_EVERY_MS = 20;
/** Half a minute without room: something is lost. */
const MOST_LOOKS = 1_500;

const task = JSON.parse(process.argv[2] ?? "") as FeedTask;
const messageAt = openSource(task.source);
const connection = await connect({ servers: task.url, name: "bench feeder", tls: null });
const sentAtMs: number[] = [];
const begunAt = performance.now();
await publishAll(connection);
await connection.flush();
const report: FeedReport = { sent: task.count, seconds: (performance.now() - begunAt) / 1_000, sentAtMs };
await connection.close();
process.stdout.write(`${JSON.stringify(report)}\n`);

function openSource({ type, file }: FeedTask["source"]): (number: number) => Uint8Array {
  if (type === "fleet") return openFleetLoad(file).messageAt;
  const { messages } = readLoad(file);
  return (number) => messages[number % messages.length] ?? new Uint8Array();
}

function publishAll(to: NatsConnection): Promise<void> {
  switch (task.pace.type) {
    case "rate":
      return publishAtRate(to, task.pace.perSecond);
    case "flood":
      return publishFlood(to);
    case "stored":
      return publishBehind(to, task.pace);
  }
}

/** Timers are late by a millisecond or more: whatever is due by then is sent. */
async function publishAtRate(to: NatsConnection, perSecond: number): Promise<void> {
  for (let sent = 0; sent < task.count; ) {
    const due = Math.min(task.count, Math.floor(((performance.now() - begunAt) / 1_000) * perSecond));
    for (; sent < due; sent += 1) {
      sentAtMs.push(performance.timeOrigin + performance.now());
      to.publish(task.subject, messageAt(sent));
    }
    await wait(1);
  }
}

async function publishFlood(to: NatsConnection): Promise<void> {
  for (let sent = 0; sent < task.count; sent += 1) {
    to.publish(task.subject, messageAt(sent));
    if (sent % FLOOD_STEP === FLOOD_STEP - 1) await to.flush();
  }
}

async function publishBehind(
  to: NatsConnection,
  { stream, window }: { stream: string; window: number },
): Promise<void> {
  const manager = await to.jetstreamManager();
  let stored = 0;
  for (let sent = 0; sent < task.count; sent += 1) {
    for (let looks = 0; sent - stored >= window; looks += 1) {
      stored = (await manager.streams.info(stream)).state.last_seq;
      if (looks > MOST_LOOKS) throw new Error(`only ${stored} of ${sent} messages were stored`);
      if (sent - stored >= window) await wait(LOOK_EVERY_MS);
    }
    to.publish(task.subject, messageAt(sent));
  }
}
