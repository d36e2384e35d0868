import type { Logger } from "../../shared/telemetry/log.ts";
import { type JobCounters, WorkerCounters } from "./counters.ts";
import type { JobObserver } from "./events.ts";
import type { JobConsumer } from "./job-consumer.ts";
import { OpenJobs, type OpenJobsOptions } from "./open-jobs.ts";

export interface WorkerReport {
  /** Counters by job. */
  readonly jobs: Readonly<Record<string, JobCounters>>;
  /** Messages still unsettled when the deadline came: they are delivered again when their lease is over. */
  readonly abandoned: number;
}

/** A running worker: pulls until it is stopped. */
export class Worker {
  readonly counters: WorkerCounters;
  readonly opened: OpenJobs;
  readonly #consumers: readonly JobConsumer[];
  readonly #log: Logger;
  #stopping = false;

  private constructor(opened: OpenJobs, observers: readonly JobObserver[], log: Logger) {
    this.counters = new WorkerCounters();
    this.opened = opened;
    this.#log = log;
    for (const { name } of opened.jobs) this.counters.of(name);
    const all = [this.counters.observe, warnAbout(log), ...observers];
    this.#consumers = opened.consume("worker", (event) => {
      for (const observe of all) observe(event);
    });
  }

  /** Connects, checks streams and consumers, and starts. `observers` see every event besides the worker's own counters. */
  static async start(options: OpenJobsOptions, observers: readonly JobObserver[] = []): Promise<Worker> {
    return new Worker(await OpenJobs.open(options), observers, options.log);
  }

  /** Messages in hand. */
  get held(): number {
    return this.#consumers.reduce((sum, { held }) => sum + held, 0);
  }

  /** Ready while every connection is up and every job can pull. */
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] } {
    const pulling = this.#consumers.flatMap(({ job, trouble }) =>
      trouble === null ? [] : [`job ${job.name}: ${trouble}`],
    );
    const reasons = [
      ...(this.#stopping ? ["the worker is stopping"] : []),
      ...this.opened.connections.health.problems,
      ...pulling,
    ];
    return { ready: reasons.length === 0, reasons };
  }

  /** Stops within `deadlineMs`: running jobs may end, the rest is given back, everything is flushed and closed. */
  async stop(deadlineMs: number): Promise<WorkerReport> {
    this.#stopping = true;
    const abandoned = await Promise.all(this.#consumers.map((consumer) => consumer.stop(deadlineMs)));
    await this.opened.close();
    const report = {
      jobs: Object.fromEntries(this.counters.jobs),
      abandoned: abandoned.reduce((sum, count) => sum + count, 0),
    };
    this.#log.info(report, "the worker has stopped");
    return report;
  }
}

/** What an operator must learn even without metrics. */
function warnAbout(log: Logger): JobObserver {
  return (event) => {
    switch (event.type) {
      case "pull_trouble":
      case "dead_letter_failed":
      case "lease_over":
      case "ack_unconfirmed":
        log.warn(event, event.type.replaceAll("_", " "));
    }
  };
}
