import { pathToFileURL } from "node:url";
import { connect } from "nats";
import { Registry } from "prom-client";
import { WorkerCounters } from "../functions/consumer/counters.ts";
import { RunRecords } from "../functions/consumer/run-records.ts";
import { Bucket } from "../shared/jetstream/buckets.ts";
import { JobConsumer } from "../functions/consumer/job-consumer.ts";
import { observeLatency } from "../functions/consumer/metrics.ts";
import { tracedBySdk } from "../functions/consumer/traced.ts";
import { makeChannel } from "../shared/jetstream/channel.ts";
import { defineHandler } from "../shared/jobs/handler.ts";
import { createLogger } from "../shared/telemetry/log.ts";
import { type ConsumerResult, fillQueue, runByHand, startClock } from "./queue.ts";

const STREAM = "BENCH_WORKER";
const now = () => performance.now();

/** The project's worker on a real stream, counted and timed as in production, with a handler that does nothing. */
export async function benchWorker(server: { readonly url: string }, count: number): Promise<ConsumerResult> {
  const connection = await connect({ servers: server.url });
  try {
    await fillQueue(connection, STREAM, count);
    const channel = makeChannel(connection, 5_000, now);
    let allDone = (): void => {};
    const finished = new Promise<void>((resolve) => {
      allDone = resolve;
    });
    const [counters, observe] = [new WorkerCounters(), observeLatency(new Registry())];
    let settled = 0;
    const stop = startClock();
    const job = noOpJob();
    const runs = await Bucket.open(connection, { name: "BENCH_RUNS", storage: "file", replicas: 1, maxAgeMs: 0 });
    const limits = { attempts: job.retry.attempts, crashes: job.crashes };
    const consumer = new JobConsumer({
      ...channel,
      job,
      records: new RunRecords(runs, { job: job.name, worker: "bench", limits, wallNow: Date.now }),
      parking: null,
      gate: null,
      lagMs: () => 0,
      mode: "worker",
      sinks: new Map(),
      log: createLogger("bench", "error"),
      unwrap: (body) => body,
      deadLetters: { channel, stream: "BENCH_DEAD", subjectPrefix: "BENCH_DEAD" },
      ackWaitMs: 60_000,
      now,
      wallNow: Date.now,
      random: Math.random,
      traced: tracedBySdk(),
      onEvent(event) {
        counters.observe(event);
        observe(event);
        if (event.type !== "settled") return;
        settled += 1;
        if (settled === count) allDone();
      },
    });
    await finished;
    const measured = stop();
    await consumer.stop(1_000);
    channel.replies.close();
    return { messages: count, ...measured };
  } finally {
    await connection.close();
  }
}

function noOpJob() {
  return {
    name: "bench",
    handler: defineHandler({ name: "no-op", input: "bytes", run: async () => {} }),
    stream: STREAM,
    durable: "work",
    retry: { policy: "fixed", delayMs: 1_000, maxDelayMs: 1_000, attempts: 3, jitter: 0 },
    timeoutMs: 30_000,
    ackWaitMs: 60_000,
    rate: null,
    crashes: 5,
    parkAfterMs: null,
    concurrency: 256,
  } as const;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await runByHand(benchWorker);
