import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type JetStreamManager, headers as makeHeaders, type NatsConnection } from "nats";
import type { JobEvent } from "../../functions/consumer/events.ts";
import type { AnyHandler } from "../../functions/consumer/job.ts";
import type { OpenJobsOptions } from "../../functions/consumer/open-jobs.ts";
import { Worker } from "../../functions/consumer/worker.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { partitionOf } from "../../shared/subjects/partition.ts";
import { createLogger } from "../../shared/telemetry/log.ts";
import { eventually } from "./eventually.ts";
import { startNats, type TestNats } from "./nats.ts";

export const PARTITIONS = 4;

export interface OrderOptions {
  readonly url: string;
  readonly worker: string;
  readonly connect: () => Promise<NatsConnection>;
  readonly handler: AnyHandler;
  /** More of the job's YAML. */
  readonly job?: string;
  readonly leaseMs?: number;
  readonly backlog?: number;
}

/** Options for a worker on ordered queue `IN` of four partitions, with a kept stream `OUT` behind sink `store`. */
export function orderedOptions(options: OrderOptions): OpenJobsOptions {
  const { url, worker, connect, handler, job = "", leaseMs = 3_000, backlog = 1_000 } = options;
  const order = `order: { lease: ${leaseMs}ms, backlog: ${backlog} }`;
  const text = `
connections: { main: { servers: ["${url}"] } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }
streams:
  IN: { connection: main, subject: "in.{partition:${PARTITIONS}}.{sender}", allowUnprovenSender: true }
  OUT: { connection: main, subject: "out.{sender}", retention: limits, allowUnprovenSender: true }
sinks: { store: { type: jetstream, to: OUT } }
jobs: { work: { stream: IN, handler: "handlers.js#handler", ${order}${job === "" ? "" : `, ${job}`} } }
`;
  return {
    config: parseConfig(text, "test.yaml", {}),
    file: "test.yaml",
    worker,
    only: null,
    loadHandler: async () => handler,
    connect,
    apply: false,
    unwrap: (body) => body,
    log: createLogger("test", "silent"),
  };
}

export interface OrderBench {
  readonly nats: TestNats;
  readonly connection: NatsConnection;
  readonly jsm: JetStreamManager;
  /** Stores `<sender> <n>`, under an id of its own. */
  put(sender: string, n: number): Promise<void>;
  start(
    worker: string,
    handler: AnyHandler,
    more?: Partial<OrderOptions>,
  ): Promise<{ worker: Worker; events: JobEvent[]; options: OpenJobsOptions }>;
  messages(stream: string): Promise<number>;
  /** Who owns which partition, as the leases say. */
  owners(): Promise<readonly string[]>;
}

export async function makeOrderBench(t: TestContext): Promise<OrderBench> {
  const nats = await startNats(t);
  const connection = await nats.connect();
  const jsm = await nats.jsm();
  await jsm.streams.add({ name: "RUNS", subjects: ["runs.>"] });
  const js = connection.jetstream();
  return {
    nats,
    connection,
    jsm,
    async put(sender, n) {
      const headers = makeHeaders();
      headers.append("Choria-Sender", sender);
      headers.append("Nats-Msg-Id", `${sender}-${n}`);
      const subject = `in.${partitionOf(sender, PARTITIONS)}.${sender}`;
      await eventually(() => js.publish(subject, Buffer.from(`${sender} ${n}`), { headers }));
    },
    async start(name, handler, more = {}) {
      const events: JobEvent[] = [];
      const options = orderedOptions({ url: nats.url, worker: name, connect: () => nats.connect(), handler, ...more });
      const worker = await Worker.start(options, [(event) => void events.push(event)]);
      t.after(() => worker.stop(2_000));
      return { worker, events, options };
    },
    messages: async (stream) => (await jsm.streams.info(stream)).state.messages,
    async owners() {
      const kv = await js.views.kv("CHORIA_STATE");
      const entries = Array.from({ length: PARTITIONS }, (_, partition) => kv.get(`lease.work.${partition}`));
      return (await Promise.all(entries)).map((entry) => entry?.json<{ worker: string }>().worker ?? "");
    },
  };
}

/** A worker in a process of its own; its handler is in `ordered-worker.ts`. */
export async function startOrderedProcess(t: TestContext, url: string, name: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("ordered-worker.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, url, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => {
    child.kill("SIGCONT");
    child.kill("SIGKILL");
  });
  await once(child.stdout, "data"); // it says that it has begun
  child.stdout.resume();
  return child;
}

/** Everything in a stream, as `<sender> <n>` by sender. */
export async function bySender(connection: NatsConnection, stream: string): Promise<Map<string, number[]>> {
  const jsm = await connection.jetstreamManager();
  const { messages } = (await jsm.streams.info(stream)).state;
  const found = new Map<string, number[]>();
  if (messages === 0) return found;
  const consumer = await connection.jetstream().consumers.get(stream);
  let seen = 0;
  for await (const message of await consumer.fetch({ max_messages: messages, expires: 10_000 })) {
    const [sender = "", n = ""] = message.string().split(" ");
    found.set(sender, [...(found.get(sender) ?? []), Number(n)]);
    seen += 1;
    if (seen === messages) break;
  }
  assert.equal(seen, messages);
  return found;
}

/** Runs may repeat a message, but never one before it, and skip none. */
export function assertInOrder(runs: ReadonlyMap<string, readonly number[]>): void {
  for (const [sender, numbers] of runs) {
    const wrong = numbers.findIndex((n, index) => {
      const before = index === 0 ? 0 : (numbers[index - 1] ?? 0);
      return n < before || n > before + 1;
    });
    assert.equal(wrong, -1, `${sender}: ${numbers.slice(Math.max(0, wrong - 5), wrong + 3).join(" ")} at ${wrong}`);
  }
}
