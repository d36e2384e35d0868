import { setTimeout as wait } from "node:timers/promises";
import type { NatsConnection } from "nats";
import { type Manager, manage } from "../../shared/jetstream/manager.ts";
import { queueSpecs } from "../jobs/options.ts";
import type { QueuePlace } from "../jobs/queue.ts";

const LOOK_EVERY_MS = 10;

/** Tells from outside when a queue is worked on, the same way whoever does it. Times are monotonic milliseconds. */
export class QueueClock {
  readonly #connection: NatsConnection;
  readonly #jsm: Manager;
  readonly #stream: string;
  readonly #durable: string;

  private constructor(connection: NatsConnection, jsm: Manager, place: QueuePlace) {
    const { stream, consumer } = queueSpecs(place);
    this.#connection = connection;
    this.#jsm = jsm;
    this.#stream = stream.name;
    this.#durable = consumer.durable;
  }

  static async of(connection: NatsConnection, place: QueuePlace): Promise<QueueClock> {
    return new QueueClock(connection, await manage(connection), place);
  }

  /** When the next pull request is seen. */
  async nextPull(): Promise<() => Promise<number>> {
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#stream}.${this.#durable}`;
    const pulls = this.#connection.subscribe(subject, { max: 1 });
    await this.#connection.flush();
    return async () => {
      for await (const _pull of pulls) return performance.now();
      throw new Error(`nobody pulled from ${this.#durable}`);
    };
  }

  /** Messages in the queue, handed over or not: a work queue keeps them until they are acknowledged. */
  async waiting(): Promise<number> {
    return (await this.#jsm.streams.info(this.#stream)).state.messages;
  }

  /** Resolves once no more than `messages` wait: how many, and since when. */
  async downTo(messages: number): Promise<{ readonly waiting: number; readonly at: number }> {
    for (;;) {
      const waiting = await this.waiting();
      if (waiting <= messages) return { waiting, at: performance.now() };
      await wait(LOOK_EVERY_MS);
    }
  }
}
