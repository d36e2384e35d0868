import { isInForce, readPauses } from "../../shared/jetstream/pause.ts";
import { type PauseWatch, watchPauses } from "../../shared/jetstream/pause-watch.ts";
import type { JobRunner } from "./consumer.ts";
import type { QueueState } from "./queue-state.ts";

/** A connection's workers' state, and the jobs whose queues are on it. */
export interface PausableJobs {
  readonly state: QueueState;
  readonly jobs: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

/** The jobs that are paused now. Rejects when the server does not answer. */
export async function pausedNow({ state, jobs, wallNow }: PausableJobs): Promise<readonly string[]> {
  const pauses = await readPauses(state.channel.connection, state.state.name);
  return [...pauses].filter(([job, pause]) => jobs.has(job) && isInForce(pause, wallNow())).map(([job]) => job);
}

/** Pauses and resumes jobs as their flags say, from before they pull for the first time. */
export class PauseFollower {
  readonly #paused = new Set<string>();
  readonly #watches: PauseWatch[] = [];
  #runners: readonly JobRunner[] = [];

  /** Resolves once every flag was read; rejects when one cannot be. */
  static async start(all: readonly PausableJobs[]): Promise<PauseFollower> {
    const follower = new PauseFollower();
    try {
      for (const one of all) await follower.#follow(one);
      return follower;
    } catch (error) {
      follower.stop();
      throw error;
    }
  }

  /** What is paused already is paused at once. */
  attach(runners: readonly JobRunner[]): void {
    this.#runners = runners;
    for (const runner of runners) if (this.#paused.has(runner.job.name)) runner.pause();
  }

  stop(): void {
    for (const watch of this.#watches.splice(0)) watch.stop();
  }

  async #follow({ state, jobs, wallNow }: PausableJobs): Promise<void> {
    const source = { connection: state.channel.connection, bucket: state.state.name, wallNow };
    const watch = await watchPauses(source, (job, paused) => {
      if (jobs.has(job)) this.#set(job, paused);
    });
    this.#watches.push(watch);
  }

  #set(job: string, paused: boolean): void {
    if (paused) this.#paused.add(job);
    else this.#paused.delete(job);
    for (const runner of this.#runners) {
      if (runner.job.name !== job) continue;
      if (paused) runner.pause();
      else runner.resume();
    }
  }
}
