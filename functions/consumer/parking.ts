import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { type DelayedTarget, postpone } from "../../shared/jetstream/parking.ts";
import type { ServerClock } from "../../shared/jetstream/server-clock.ts";
import { JOB_HEADERS } from "../../shared/jobs/headers.ts";
import { countIn } from "../../shared/jobs/identity.ts";
import { inputId } from "./message.ts";
import type { RunAttempt } from "./run-attempt.ts";

/** When and how a message waits outside its queue. */
export interface ParkingSettings {
  readonly job: string;
  /** Shorter delays are waited for in the queue. */
  readonly afterMs: number;
  readonly target: DelayedTarget;
  readonly clock: ServerClock;
}

export interface Parked {
  readonly delayMs: number;
  readonly attempt: RunAttempt;
  /** False for a snooze: its run is not counted. */
  readonly isCounted: boolean;
}

/**
 * Moves messages with long delays out of their queue, where each would count against `max_ack_pending` for all that time. The
 * copy comes back under an id of its own, `<id>.p<n>`, because the queue still knows the old one, with the runs it has spent.
 */
export class Parking {
  readonly #settings: ParkingSettings;

  constructor(settings: ParkingSettings) {
    this.#settings = settings;
  }

  takes(delayMs: number): boolean {
    return delayMs > this.#settings.afterMs;
  }

  /** True once a copy is stored: then, and only then, the message may be acknowledged. */
  park(delivery: Delivery, parked: Parked): Promise<boolean> {
    const { job, target, clock } = this.#settings;
    const base = inputId(delivery);
    const parks = countIn(delivery.header(JOB_HEADERS.parks)) + 1;
    return postpone(target, {
      job,
      stream: delivery.stream,
      subject: delivery.subject,
      id: `${base}.p${parks}`,
      untilMs: clock.now() + parked.delayMs,
      headers: [...keptHeaders(delivery), ...jobHeaders({ base, parks, nowMs: clock.now() }, parked)],
      body: delivery.data,
    });
  }
}

const REPLACED = new Set<string>([
  JOB_HEADERS.id,
  JOB_HEADERS.attempts,
  JOB_HEADERS.crashes,
  JOB_HEADERS.parks,
  JOB_HEADERS.firstRunAt,
]);

function keptHeaders(delivery: Delivery) {
  return delivery.headers().filter(([name]) => !REPLACED.has(name));
}

interface Life {
  readonly base: string;
  readonly parks: number;
  readonly nowMs: number;
}

function jobHeaders({ base, parks, nowMs }: Life, { attempt, isCounted }: Parked): (readonly [string, string])[] {
  const runs = isCounted ? attempt.number : attempt.number - 1;
  const { firstRunAt, crashes } = attempt;
  return [
    [JOB_HEADERS.id, base],
    [JOB_HEADERS.attempts, String(runs)],
    [JOB_HEADERS.crashes, String(crashes)],
    [JOB_HEADERS.parks, String(parks)],
    [JOB_HEADERS.firstRunAt, (firstRunAt ?? new Date(nowMs)).toISOString()],
  ];
}
