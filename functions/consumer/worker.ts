import type { SweepEvent } from "../../shared/jetstream/sweep.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { type JobCounters, WorkerCounters } from "./counters.ts";
import type { JobEvent, JobObserver, PartitionChange } from "./events.ts";
import { type Consuming, OpenJobs, type OpenJobsOptions } from "./open-jobs.ts";
import { PauseFollower } from "./pauses.ts";
import { Sweeper } from "./sweeper.ts";

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
  readonly #sweeper: Sweeper;
  readonly #pauses: PauseFollower;
  readonly log: Logger;
  #stopping = false;

  private constructor({ counters, opened, sweeper, pauses, observe, log }: Parts) {
    this.counters = counters;
    this.opened = opened;
    this.#sweeper = sweeper;
    this.#pauses = pauses;
    this.log = log;
    this.consuming = opened.consume("worker", observe);
    pauses.attach(this.consuming.jobs);
  }

  /** Connects, checks streams and consumers, and starts. `observers` see every event besides the worker's own counters. */
  static async start(options: OpenJobsOptions, observers: readonly JobObserver[] = []): Promise<Worker> {
    const { config, apply, log } = options;
    const counters = new WorkerCounters();
    const all = [counters.observe, warnAbout(log), ...observers];
    const observe: JobObserver = (event) => {
      for (const each of all) each(event);
    };
    const opened = await OpenJobs.open(options);
    try {
      for (const { name } of opened.jobs) counters.of(name);
      const channel = (name: string) => opened.connections.get(name);
      const sweeper = await Sweeper.open({ config, apply, channel, onEvent: (event) => observe(sweepEvent(event)) });
      const pauses = await PauseFollower.start(opened.pausable);
      sweeper.start(config.worker.sweepEvery, Math.random);
      return new Worker({ counters, opened, sweeper, pauses, observe, log });
    } catch (error) {
      await opened.close();
      throw error;
    }
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
    this.#pauses.stop();
    const swept = this.#sweeper.stop(deadlineMs);
    const abandoned = await Promise.all(this.consuming.all.map((consumer) => consumer.stop(deadlineMs)));
    await swept;
    await this.opened.close();
    const report = {
      jobs: Object.fromEntries(this.counters.jobs),
      abandoned: abandoned.reduce((sum, count) => sum + count, 0),
    };
    this.log.info(report, "the worker has stopped");
    return report;
  }
}

interface Parts {
  readonly counters: WorkerCounters;
  readonly opened: OpenJobs;
  readonly sweeper: Sweeper;
  readonly pauses: PauseFollower;
  readonly observe: JobObserver;
  readonly log: Logger;
}

function sweepEvent(event: SweepEvent): JobEvent {
  if (event.type === "sweep_failed") return { type: event.type, job: event.what, detail: event.detail };
  return event.type === "swept" ? { type: event.type, job: event.job, reason: event.reason } : event;
}

const WORRYING_CHANGES: ReadonlySet<PartitionChange> = new Set(["lost", "paused", "restarted"]);

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
      case "swept":
      case "requeued":
      case "sweep_failed":
        log.warn(event, event.type.replaceAll("_", " "));
        return;
      case "partition":
        if (WORRYING_CHANGES.has(event.change)) log.warn(event, `partition ${event.change}`);
        else log.info(event, `partition ${event.change}`);
    }
  };
}
