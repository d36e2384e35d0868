import { setTimeout as wait } from "node:timers/promises";
import { jobConnections, keptConnection } from "../../shared/config/names.ts";
import { advisoriesSpec, consumerSpec, deadLetterSpec, sweeperConsumerSpec } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import type { Channel } from "../../shared/jetstream/channel.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import { type SweepEvent, type SweepTarget, type SweptJob, sweep } from "../../shared/jetstream/sweep.ts";
import { ensureConsumer, ensureStream } from "../../shared/jetstream/topology.ts";
import { within } from "../../shared/time/within.ts";

export interface SweeperSettings {
  readonly config: Config;
  /** The connection of that name in the configuration. */
  readonly channel: (name: string) => Promise<Channel>;
  /** Change the advisories' stream and consumer if their settings differ, as far as JetStream allows. */
  readonly apply: boolean;
  readonly onEvent: (event: SweepEvent) => void;
}

/** A message that was just acknowledged is removed within milliseconds; a busy cluster may take longer. */
const SETTLE_MS = 2_000;

/**
 * Looks for messages that nobody will be handed any more, once or again and again, and takes them to the dead letters.
 * Many may run at a time. It sweeps every job of the configuration, whichever a worker runs: the advisories are shared.
 */
export class Sweeper {
  readonly #targets: readonly SweepTarget[];
  readonly #onEvent: (event: SweepEvent) => void;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(targets: readonly SweepTarget[], onEvent: (event: SweepEvent) => void) {
    this.#targets = targets;
    this.#onEvent = onEvent;
  }

  /** Rejects when a stream or consumer is not as configured. */
  static async open(settings: SweeperSettings): Promise<Sweeper> {
    const names = jobConnections(settings.config);
    const targets = await Promise.all(names.map((name) => openTarget(settings, name)));
    return new Sweeper(targets, settings.onEvent);
  }

  /** Sweeps once. Never rejects: what fails is an event. */
  async once(): Promise<void> {
    const settings = { settleMs: SETTLE_MS, signal: this.#stop.signal, onEvent: this.#onEvent };
    await Promise.all(this.#targets.map((target) => sweep(target, settings)));
  }

  /** Sweeps until it is stopped; call it once. `random` is in [0, 1): workers that started together should not sweep so. */
  start(everyMs: number, random: () => number): void {
    this.#running = this.#repeat(everyMs, random);
  }

  /** Resolves when nothing is under way any more, or after `deadlineMs`: whatever is cut off then, the next sweep finds. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stop.abort();
    await within(this.#running, deadlineMs);
  }

  async #repeat(everyMs: number, random: () => number): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const delayMs = everyMs * (0.5 + random()); // the first one too: a start has enough to do
      await wait(delayMs, null, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await this.once();
    }
  }
}

async function openTarget({ config, channel: open, apply }: SweeperSettings, name: string): Promise<SweepTarget> {
  const channel = await open(name);
  const jsm = await manage(channel.connection);
  const consumer = sweeperConsumerSpec(config);
  await ensureStream(jsm, advisoriesSpec(config), { apply });
  await ensureConsumer(jsm, consumer, { apply });
  const { name: deadLetters } = deadLetterSpec(config);
  return {
    channel,
    advisories: consumer,
    jobs: sweptJobs(config, name),
    deadLetters: {
      channel: await open(keptConnection(config, "deadLetters") ?? ""),
      stream: deadLetters,
      subjectPrefix: deadLetters,
    },
  };
}

function sweptJobs(config: Config, connection: string): readonly SweptJob[] {
  return Object.entries(config.jobs).flatMap(([job, { stream: entry, order }]) => {
    // Consumers of partitions have no limit of deliveries, and a partition without an owner is not stranded.
    if (config.streams[entry]?.connection !== connection || order !== undefined) return [];
    const { stream, durable } = consumerSpec(config, job);
    return [{ job, stream, durable, isWorkQueue: config.streams[entry]?.retention === "workqueue" }];
  });
}
