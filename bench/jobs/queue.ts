import { AckPolicy, type NatsConnection, RetentionPolicy, StorageType } from "nats";
import { ReplyInbox } from "../shared/jetstream/replies.ts";

/** What one measurement of a consumer saw. CPU is this process's own, user and system. */
export interface ConsumerResult {
  readonly messages: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export const BODY_BYTES = 1_024;
const IN_FLIGHT = 512;

/** Makes a work queue `name` (subjects `<name>.>`) with durable `work`, and fills it with `count` distinct messages. */
export async function fillQueue(connection: NatsConnection, name: string, count: number): Promise<void> {
  const jsm = await connection.jetstreamManager();
  await jsm.streams.delete(name).catch(() => {}); // of an earlier run
  const storage = StorageType.File;
  await jsm.streams.add({ name, subjects: [`${name}.>`], retention: RetentionPolicy.Workqueue, storage });
  await jsm.consumers.add(name, {
    durable_name: "work",
    ack_policy: AckPolicy.Explicit,
    ack_wait: 60e9,
    max_ack_pending: 10_000,
  });
  await publishDistinct(connection, name, count);
}

function publishDistinct(connection: NatsConnection, name: string, count: number): Promise<void> {
  const replies = new ReplyInbox(connection, 30_000, () => performance.now());
  return new Promise((resolve, reject) => {
    let sent = 0;
    let stored = 0;
    const next = (): void => {
      const body = Buffer.alloc(BODY_BYTES, `message ${sent} `);
      sent += 1;
      const reply = replies.expect((answer) => {
        if (answer === null) return reject(new Error("a PubAck is missing"));
        stored += 1;
        if (stored === count) {
          replies.close();
          resolve();
        } else if (sent < count) next();
      });
      connection.publish(`${name}.n${sent % 1_000}`, body, { reply });
    };
    for (let started = 0; started < Math.min(IN_FLIGHT, count); started++) next();
  });
}

/** Times what happens between two calls. */
export function startClock(): () => { readonly seconds: number; readonly cpuSeconds: number } {
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (performance.now() - startedAt) / 1_000, cpuSeconds: (user + system) / 1e6 };
  };
}

/** Runs a measurement by hand: `node --import tsx bench/worker.ts nats://127.0.0.1:4222 [count]`. */
export async function runByHand(
  measure: (server: { readonly url: string }, count: number) => Promise<ConsumerResult>,
): Promise<void> {
  const [url = "nats://127.0.0.1:4222", count = "100000"] = process.argv.slice(2);
  const { messages, seconds, cpuSeconds } = await measure({ url }, Number(count));
  const rate = Math.round(messages / seconds);
  console.log(`${messages} messages, ${rate}/s, ${((cpuSeconds / messages) * 1e6).toFixed(1)} us CPU each`);
}
