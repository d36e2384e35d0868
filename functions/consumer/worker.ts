import type { Logger } from "../../shared/telemetry/log.ts";
import { type JobCounters, WorkerCounters } from "./counters.ts";
import type { JobObserver } from "./events.ts";
import { type Consuming, OpenJobs, type OpenJobsOptions } from "./open-jobs.ts";

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
  readonly consuming: Consuming;
  readonly #log: Logger;
  #stopping = false;

  private constructor(opened: OpenJobs, observers: readonly JobObserver[], log: Logger) {
    this.counters = new WorkerCounters();
    this.opened = opened;
    this.#log = log;
    for (const { name } of opened.jobs) this.counters.of(name);
    const all = [this.counters.observe, warnAbout(log), ...observers];
    this.consuming = opened.consume("worker", (event) => {
      for (const observe of all) observe(event);
    });
  }

  /** Connects, checks streams and consumers, and starts. `observers` see every event besides the worker's own counters. */
  static async start(options: OpenJobsOptions, observers: readonly JobObserver[] = []): Promise<Worker> {
    return new Worker(await OpenJobs.open(options), observers, options.log);
  }

  /** Messages in hand. */
  get held(): number {
    return this.consuming.all.reduce((sum, { held }) => sum + held, 0);
  }

  /** Ready while every connection is up and every job can pull. */
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] } {
    const pulling = this.consuming.all.flatMap(({ trouble }) => (trouble === null ? [] : [trouble]));
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
    const abandoned = await Promise.all(this.consuming.all.map((consumer) => consumer.stop(deadlineMs)));
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
      case "crashed":
      case "records_unavailable":
        log.warn(event, event.type.replaceAll("_", " "));
    }
  };
}
