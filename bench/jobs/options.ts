import { stringify } from "yaml";
import type * as z from "zod";
import type { OpenJobsOptions } from "../../functions/consumer/open-jobs.ts";
import { consumerOptions } from "../../functions/consumer/options.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { consumerSpec, streamSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { ConsumerSpec, StreamSpec } from "../../shared/jetstream/spec.ts";
import { defineHandler } from "../../shared/jobs/handler.ts";
import { createLogger } from "../../shared/telemetry/log.ts";
import { reportSchema } from "./payload.ts";

/** A queue of the benchmark and who works on it. */
export interface BenchQueue {
  readonly url: string;
  /** Stream on the server; its subjects are `bench.<stream>.<sender>`. */
  readonly stream: string;
  readonly concurrency: number;
}

/** The one job of every configuration here, and so the name of its durable consumer. */
export const JOB = "work";

/** What starts the project's worker on the queue, as the command line does it; the input is checked before each run. */
export function workerOptions(queue: BenchQueue, run: (report: z.output<typeof reportSchema>) => Promise<void>) {
  const handler = defineHandler({ name: "bench", input: reportSchema, run: (message) => run(message.data) });
  const connections = {
    main: { name: "main", servers: [queue.url], tls: null, credentials: { type: "none" } },
  } as const;
  return consumerOptions(
    { path: "bench.yaml", config: configOf(queue), resolved: { connections } },
    { only: null, apply: false, log: createLogger("bench", "error"), loadHandler: async () => handler },
  ) satisfies OpenJobsOptions;
}

/** Stream and consumer as the worker wants them, for whoever fills the queue before it, and for the floor. */
export function queueSpecs(queue: Pick<BenchQueue, "url" | "stream">): {
  readonly stream: StreamSpec;
  readonly consumer: ConsumerSpec;
} {
  const config = configOf({ ...queue, concurrency: 1 });
  return { stream: streamSpec(config, queue.stream), consumer: consumerSpec(config, JOB) };
}

/** The configuration of a queue's one job as a user writes it; `handler` is a reference relative to its file. */
export function configDocument({ url, stream, concurrency }: BenchQueue, handler: string) {
  const subject = `bench.${stream}.{sender}`;
  return {
    connections: { main: { servers: [url] } },
    trust: { v2: { issuers: { unused: "00".repeat(32) } } },
    streams: { [stream]: { connection: "main", subject, allowUnprovenSender: true } },
    // A lease longer than the timeout: what is measured is the worker, whose handlers end at once.
    jobs: { [JOB]: { stream, handler, concurrency, timeout: "20s", ackWait: "30s" } },
    worker: { http: { port: 0 } },
  };
}

function configOf(queue: BenchQueue): Config {
  return parseConfig(stringify(configDocument(queue, "bench.js#handler")), "bench.yaml", {});
}
