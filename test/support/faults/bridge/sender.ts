import { setTimeout as wait } from "node:timers/promises";
import type { NatsConnection } from "nats";
import { REGISTRATION_SUBJECT } from "../../bridge.ts";
import type { TestFleet } from "../../fleet.ts";

/** Distinct nodes that the messages come from, in turn. */
const NODES = 50;
const TICK_MS = 10;

type Before = (client: NatsConnection, n: number) => void;

/** Sends numbered registrations, signed in advance, and knows of each when the broker had it. */
export class Sender {
  readonly #client: NatsConnection;
  readonly #messages: readonly Uint8Array[];
  /** By number, `performance.now()` once the broker confirmed it; null: nobody knows, its connection was lost. */
  readonly #sentAt: (number | null)[] = [];

  private constructor(client: NatsConnection, messages: readonly Uint8Array[]) {
    this.#client = client;
    this.#messages = messages;
  }

  /** Signs so many; they are accepted for 60 s from now on. */
  static async make(
    client: NatsConnection,
    fleet: TestFleet,
    { messages: count, payloadBytes = 0 }: { readonly messages: number; readonly payloadBytes?: number },
  ): Promise<Sender> {
    const pad = "x".repeat(payloadBytes);
    const messages: Uint8Array[] = [];
    for (let n = 0; n < count; n += 1) {
      messages.push(await fleet.registration(n % NODES, { payload: JSON.stringify({ n, pad }) }));
    }
    return new Sender(client, messages);
  }

  static nodeOf(n: number): number {
    return n % NODES;
  }

  /** When each number was sent, `performance.now()`; without those of which nobody knows whether the broker got them. */
  get sent(): ReadonlyMap<number, number> {
    return new Map(this.#sentAt.flatMap((at, n) => (at === null ? [] : [[n, at] as const])));
  }

  get remaining(): number {
    return this.#messages.length - this.#sentAt.length;
  }

  /**
   * So many more at that rate, as even as a timer of 10 ms allows; while the broker is away nothing is sent. `before`: sends
   * something else in front of each, on the same connection.
   */
  async send(count: number, perSecond: number, before: Before = () => {}): Promise<void> {
    if (count > this.remaining) throw new RangeError(`${this.remaining} messages are left, not ${count}`);
    const last = this.#sentAt.length + count;
    let [started, sentBefore] = [performance.now(), this.#sentAt.length];
    while (this.#sentAt.length < last) {
      const due = Math.min(last, sentBefore + Math.ceil(((performance.now() - started) / 1_000) * perSecond));
      if (!(await this.#sendUntil(due, before))) [started, sentBefore] = [performance.now(), this.#sentAt.length];
      await wait(TICK_MS);
    }
  }

  /** False when the connection was lost meanwhile; resolves once it is back. */
  async #sendUntil(due: number, before: Before): Promise<boolean> {
    const first = this.#sentAt.length;
    for (let n = first; n < due; n += 1) {
      before(this.#client, n);
      this.#client.publish(REGISTRATION_SUBJECT, this.#messages[n]);
      this.#sentAt.push(null);
    }
    try {
      await this.#client.flush();
    } catch {
      await this.#back();
      return false;
    }
    for (let n = first; n < due; n += 1) this.#sentAt[n] = performance.now();
    return true;
  }

  async #back(): Promise<void> {
    for (;;) {
      const answered = await this.#client.flush().then(
        () => true,
        () => false,
      );
      if (answered) return;
      await wait(TICK_MS);
    }
  }
}
