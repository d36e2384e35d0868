import type { TestContext } from "node:test";
import { type JetStreamManager, headers as makeHeaders, type NatsConnection } from "nats";
import type { AnyHandler } from "../../functions/consumer/job.ts";
import type { OpenJobsOptions } from "../../functions/consumer/open-jobs.ts";
import { readAdapterOutput } from "../../shared/choria/output.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { createLogger } from "../../shared/telemetry/log.ts";
import { startNats, type TestNats } from "./nats.ts";

/** A server, a configuration with one job on work queue `IN`, a kept stream `OUT` behind sink `store`, and helpers. */
export interface WorkerBench {
  readonly nats: TestNats;
  readonly connection: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly options: OpenJobsOptions;
  put(body: string | Uint8Array, headers?: Readonly<Record<string, string>>): Promise<void>;
  messages(stream: string): Promise<number>;
}

export interface BenchOptions {
  /** Lines of YAML of the job, instead of `sink: store`. */
  readonly job?: string;
  /** What the job's `handler: handlers.js#handler` means. */
  readonly handler?: AnyHandler;
}

function yaml(url: string, job: string): string {
  return `
connections: { main: { servers: ["${url}"] } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }
streams:
  IN: { connection: main, subject: "in.{sender}", allowUnprovenSender: true }
  OUT: { connection: main, subject: "out.{sender}", retention: limits, allowUnprovenSender: true }
sinks: { store: { type: jetstream, to: OUT } }
jobs: { work: { stream: IN, ${job} } }

`;
}

/** Streams are made by the first worker that opens; `put` before that makes `IN` itself. */
export async function makeWorkerBench(t: TestContext, bench: BenchOptions = {}): Promise<WorkerBench> {
  const nats = await startNats(t);
  const connection = await nats.connect();
  const { handler } = bench;
  const job = bench.job ?? (handler === undefined ? "sink: store" : "handler: handlers.js#handler");
  const options: OpenJobsOptions = {
    config: parseConfig(yaml(nats.url, job), "test.yaml", {}),
    file: "test.yaml",
    worker: "test-worker",
    only: null,
    loadHandler: async () => handler ?? Promise.reject(new Error("the test has no handler")),
    connect: () => nats.connect(),
    apply: false,
    unwrap: (body) => readAdapterOutput(body)?.payload ?? body,
    log: createLogger("test", "silent"),
  };
  const jsm = await nats.jsm();
  return {
    nats,
    connection,
    jsm,
    options,
    async put(body, given = {}) {
      const headers = makeHeaders();
      for (const [name, value] of Object.entries({ "Choria-Sender": "n1", ...given })) headers.append(name, value);
      await connection.jetstream().publish("in.n1", typeof body === "string" ? Buffer.from(body) : body, { headers });
    },
    messages: async (stream) => (await jsm.streams.info(stream)).state.messages,
  };
}
