import type { LambdaFunction } from "../function.ts";
import type { InvocationRecord } from "../invocation.ts";
import { afterAttempt, type DiscardReason, type Tries } from "./retry.ts";

/** An Event invocation in the queue. */
export interface QueuedEvent {
  readonly fn: LambdaFunction;
  readonly requestId: string;
  readonly arn: string;
  readonly payload: string;
}

/** An event that was given up on; what Lambda would send to a dead-letter target. */
export interface DiscardedEvent extends Pick<QueuedEvent, "requestId" | "payload"> {
  readonly function: string;
  readonly reason: DiscardReason;
}

interface Waiting extends Tries {
  readonly event: QueuedEvent;
  readonly acceptedAt: number;
}

/** The queue between accepting an Event invocation and running it. */
export class EventQueue {
  readonly #attempt: (event: QueuedEvent, attempt: number) => Promise<InvocationRecord>;
  readonly #discard: (event: DiscardedEvent) => void;
  readonly #timeScale: number;
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  /** `timeScale`: 0.001 makes a minute of the queue 60 ms; it holds for delays and ages. */
  constructor(
    attempt: (event: QueuedEvent, attempt: number) => Promise<InvocationRecord>,
    discard: (event: DiscardedEvent) => void,
    timeScale: number,
  ) {
    this.#attempt = attempt;
    this.#discard = discard;
    this.#timeScale = timeScale;
  }

  add(event: QueuedEvent): void {
    this.#later({ event, acceptedAt: Date.now(), errors: 0, throttles: 0 }, 0);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #later(waiting: Waiting, delayMs: number): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#try(waiting);
    }, delayMs * this.#timeScale);
    this.#timers.add(timer);
  }

  async #try(waiting: Waiting): Promise<void> {
    const { event } = waiting;
    if (Date.now() - waiting.acceptedAt > event.fn.maximumEventAgeMs * this.#timeScale) {
      return this.#giveUp(event, "EventAgeExceeded");
    }
    const { outcome } = await this.#attempt(event, waiting.errors + waiting.throttles + 1);
    const errors = waiting.errors + (outcome === "ok" || outcome === "throttled" ? 0 : 1);
    const throttles = waiting.throttles + (outcome === "throttled" ? 1 : 0);
    const verdict = afterAttempt(outcome, { errors, throttles }, event.fn);
    if (verdict.type === "retry") this.#later({ ...waiting, errors, throttles }, verdict.delayMs);
    if (verdict.type === "discard") this.#giveUp(event, verdict.reason);
  }

  #giveUp({ fn, requestId, payload }: QueuedEvent, reason: DiscardReason): void {
    this.#discard({ function: fn.name, requestId, payload, reason });
  }
}
