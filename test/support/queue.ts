import {
  AckPolicy,
  type ConsumerInfo,
  type JetStreamManager,
  headers as makeHeaders,
  type NatsConnection,
  RetentionPolicy,
} from "nats";
import { type Channel, makeChannel } from "../../shared/jetstream/channel.ts";
import type { TestNats } from "./nats.ts";

/** A work queue with one durable pull consumer on a server, and the wire's view of its acks. */
export interface TestQueue {
  readonly stream: string;
  readonly durable: string;
  readonly connection: NatsConnection;
  readonly channel: Channel;
  readonly jsm: JetStreamManager;
  /** Stores a message; returns its sequence. */
  put(body: string | Uint8Array, headers?: Readonly<Record<string, string>>): Promise<number>;
  /** Messages in the stream. */
  messages(stream?: string): Promise<number>;
  consumer(): Promise<ConsumerInfo>;
  /** Every acknowledgement the server has seen, as text. */
  readonly acks: readonly string[];
}

export interface QueueOptions {
  readonly ackWaitMs?: number;
  readonly maxAckPending?: number;
}

/** Makes stream JOBS (subjects `jobs.>`), durable `work`, and a limits stream DEAD (`DEAD.>`). */
export async function makeQueue(nats: TestNats, options: QueueOptions = {}): Promise<TestQueue> {
  const jsm = await nats.jsm();
  const connection = await nats.connect();
  await jsm.streams.add({ name: "JOBS", subjects: ["jobs.>"], retention: RetentionPolicy.Workqueue });
  await jsm.streams.add({ name: "DEAD", subjects: ["DEAD.>"] });
  await jsm.consumers.add("JOBS", {
    durable_name: "work",
    ack_policy: AckPolicy.Explicit,
    ack_wait: (options.ackWaitMs ?? 30_000) * 1e6,
    max_ack_pending: options.maxAckPending ?? 10_000,
  });
  const acks: string[] = [];
  const wire = await nats.connect();
  wire.subscribe("$JS.ACK.>", { callback: (_error, message) => void acks.push(message.string()) });
  await wire.flush();
  const js = connection.jetstream();
  return {
    stream: "JOBS",
    durable: "work",
    connection,
    channel: makeChannel(connection, 2_000, () => performance.now()),
    jsm,
    acks,
    async put(body, given = {}) {
      const headers = makeHeaders();
      for (const [name, value] of Object.entries(given)) headers.append(name, value);
      return (await js.publish("jobs.a", typeof body === "string" ? Buffer.from(body) : body, { headers })).seq;
    },
    messages: async (stream = "JOBS") => (await jsm.streams.info(stream)).state.messages,
    consumer: () => jsm.consumers.info("JOBS", "work"),
  };
}
