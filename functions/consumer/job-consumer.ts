import PQueue from "p-queue";
import type { Acknowledged } from "../../shared/jetstream/acknowledge.ts";
import type { Death } from "../../shared/jetstream/dead-letter.ts";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { Fifo } from "../../shared/jetstream/fifo.ts";
import { Pull } from "../../shared/jetstream/pull.ts";
import { acknowledgeDone, type SettleSettings, settle } from "../../shared/jetstream/settle.ts";
import type { Decision } from "../../shared/jobs/outcome.ts";
import { within } from "../../shared/time/within.ts";
import type { SettledOutcome } from "./events.ts";
import { prefetchOf } from "./job.ts";
import { Run, type RunSettings } from "./run.ts";
import type { RunAttempt } from "./run-attempt.ts";
import { RunningSet } from "./running-set.ts";

export interface JobConsumerSettings extends RunSettings, SettleSettings {
  /** A drain takes what is there; a worker waits for more. */
  readonly mode: "worker" | "drain";
}

/** Share of a stop's time in which running jobs may still end by themselves; the rest is for giving back and settling. */
const SHARE_FOR_RUNS = 0.8;
/** How late a timeout may come. A timer for each run costs more than looking at all of them now and then. */
const SWEEP_EVERY_MS = 25;

type NotDone = Exclude<Decision, { readonly type: "done" }>;

const OUTCOMES: Readonly<Record<NotDone["type"], SettledOutcome>> = {
  retry: "retried",
  dead: "dead",
  drop: "dropped",
  snooze: "retried",
};

/** How a message leaves a worker's hands. */
interface Leaving {
  readonly outcome: SettledOutcome;
  readonly reason: string;
  /** When the stream took it, milliseconds since 1970. */
  readonly storedAtMs: number;
}

/** Pulls the messages of one job, runs its handler on them, and settles them. */
export class JobConsumer {
  readonly #settings: JobConsumerSettings;
  readonly #waiting = new Fifo<Delivery>();
  readonly #queue: PQueue;
  #slots = 0;
  /** Slots with nothing to do; null ends one. */
  readonly #parked: ((delivery: Delivery | null) => void)[] = [];
  readonly #running = new RunningSet();
  readonly #sweeper: NodeJS.Timeout;
  readonly #pull: Pull;
  /** A drain found its consumer empty and has settled everything it took. Never resolves for a worker. */
  readonly emptied: Promise<void>;
  /** Resolves when `stop` has ended. */
  readonly stopped: Promise<void>;
  /** Messages that are done, their acks not confirmed yet: they hold nothing back. */
  #acknowledging = 0;
  #stopping = false;
  #onEmptied: (() => void) | null = null;
  #onStopped: (() => void) | null = null;
  #onIdle: (() => void) | null = null;

  /** Starts at once. */
  constructor(settings: JobConsumerSettings) {
    this.#settings = settings;
    const { job, connection, mode, now, onEvent } = settings;
    this.emptied = new Promise((resolve) => {
      this.#onEmptied = resolve;
    });
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    this.#sweeper = setInterval(() => this.#expireRuns(), SWEEP_EVERY_MS);
    this.#queue = new PQueue({ concurrency: job.concurrency });
    this.#pull = new Pull(
      connection,
      { stream: job.stream, durable: job.durable, prefetch: prefetchOf(job), noWait: mode === "drain" },
      {
        delivered: (delivery) => this.#take(delivery),
        exhausted: (nothing) => this.#exhausted(nothing),
        trouble: (detail) => onEvent({ type: "pull_trouble", job: job.name, detail }),
        returned: ({ timestampMs }) => this.#settled({ outcome: "returned", reason: "", storedAtMs: timestampMs }),
      },
      now,
    );
  }

  get job(): JobConsumerSettings["job"] {
    return this.#settings.job;
  }

  /** Messages taken and not settled yet. */
  get held(): number {
    return this.#pull.held + this.#acknowledging;
  }

  /** Why nothing can be pulled right now; null when it can. */
  get trouble(): string | null {
    return this.#pull.trouble;
  }

  disconnected(): void {
    this.#pull.disconnected();
  }

  reconnected(): void {
    this.#pull.reconnected();
  }

  /**
   * Stops within `deadlineMs`: no more pulling, running jobs may end, what cannot is given back. Resolves with the number
   * of messages that are still unsettled then: they come again when their lease is over.
   */
  async stop(deadlineMs: number): Promise<number> {
    this.#stopping = true;
    const started = this.#settings.now();
    const left = (share: number): number => Math.max(0, deadlineMs * share - (this.#settings.now() - started));
    await within(this.#pull.close(), left(1));
    await within(this.#idle(), left(SHARE_FOR_RUNS));
    for (const run of this.#running.all()) run.stop();
    await within(this.#idle(), left(1));
    clearInterval(this.#sweeper);
    for (const parked of this.#parked.splice(0)) parked(null);
    this.#onStopped?.();
    return this.held;
  }

  #take(delivery: Delivery): void {
    this.#settings.onEvent({ type: "received", job: this.job.name });
    const parked = this.#parked.pop();
    if (parked !== undefined) {
      parked(delivery);
      return;
    }
    this.#waiting.push(delivery); // whoever is done next takes it
    if (this.#slots === this.#settings.job.concurrency) return;
    this.#slots += 1;
    void this.#queue.add(() => this.#occupySlot());
  }

  /**
   * One task of the queue: it works until the worker stops, and is parked while nothing waits. A task per message would
   * cost a fifth of the CPU time of a short job.
   */
  async #occupySlot(): Promise<void> {
    for (;;) {
      const delivery = this.#waiting.shift() ?? (await this.#park());
      if (delivery === null) return;
      await this.#process(delivery);
    }
  }

  #park(): Promise<Delivery | null> {
    return new Promise((resolve) => this.#parked.push(resolve));
  }

  /** The handler's run; settling happens outside the slot. */
  async #process(delivery: Delivery): Promise<void> {
    if (this.#stopping) {
      void this.#giveBack(delivery);
      return;
    }
    const { now, ackWaitMs, job, onEvent } = this.#settings;
    const startedAt = now();
    const leaseMs = ackWaitMs - (startedAt - delivery.receivedAtMs);
    if (leaseMs <= 0) {
      this.#lost(delivery);
      return;
    }
    const run = new Run(this.#settings, delivery, attemptOf(delivery));
    this.#running.add(run);
    const decision = await run.start(startedAt, Math.min(job.timeoutMs, leaseMs));
    this.#running.delete(run);
    onEvent({ type: "ran", job: job.name, runMs: now() - startedAt });
    if (decision === "lost") this.#lost(delivery);
    else if (decision === "returned") void this.#giveBack(delivery);
    else if (decision.type === "done") this.#done(delivery);
    else void this.#settle(delivery, decision, OUTCOMES[decision.type]);
  }

  #expireRuns(): void {
    const now = this.#settings.now();
    for (const run of this.#running.all()) run.expire(now);
  }

  #giveBack(delivery: Delivery): Promise<void> {
    return this.#settle(delivery, { type: "retry", delayMs: 0, reason: "" }, "returned");
  }

  async #settle(delivery: Delivery, decision: NotDone, outcome: SettledOutcome): Promise<void> {
    const { job, onEvent, log } = this.#settings;
    const reason = decision.type === "snooze" ? "" : decision.reason;
    const settled = await settle(this.#settings, { delivery, decision, death: () => this.#death(delivery, decision) });
    if (decision.type === "dead") {
      log.warn({ reason, detail: decision.detail, sequence: delivery.streamSequence, settled }, "message is dead");
    }
    if (settled === "not_copied") onEvent({ type: "dead_letter_failed", job: job.name });
    else this.#acknowledged(settled, { outcome, reason, storedAtMs: delivery.timestampMs });
    this.#pull.release();
    this.#released();
  }

  /** Its ack is on the way and needs neither slot nor lease, so the next message may come meanwhile. */
  #done(delivery: Delivery): void {
    const storedAtMs = delivery.timestampMs;
    this.#acknowledging += 1;
    this.#pull.release();
    acknowledgeDone(this.#settings, delivery, (end) => {
      this.#acknowledging -= 1;
      this.#acknowledged(end, { outcome: "done", reason: "", storedAtMs });
      this.#released();
    });
  }

  #acknowledged(end: Acknowledged, { outcome, reason, storedAtMs }: Leaving): void {
    const { job, onEvent } = this.#settings;
    if (end === "confirmed") this.#settled({ outcome, reason, storedAtMs });
    else if (end === "unconfirmed") onEvent({ type: "ack_unconfirmed", job: job.name, outcome });
    else onEvent({ type: "lease_over", job: job.name });
  }

  #lost(delivery: Delivery): void {
    this.#settings.onEvent({ type: "lease_over", job: this.job.name });
    this.#settings.log.debug({ sequence: delivery.streamSequence }, "lease over before the run began");
    this.#pull.release();
    this.#released();
  }

  #settled({ outcome, reason, storedAtMs }: Leaving): void {
    const latencyMs = Math.max(0, this.#settings.wallNow() - storedAtMs);
    this.#settings.onEvent({ type: "settled", job: this.job.name, outcome, reason, latencyMs });
  }

  #death(delivery: Delivery, decision: Decision): Death {
    const { job, wallNow } = this.#settings;
    const { reason, detail } = decision.type === "dead" ? decision : { reason: "", detail: "" };
    const attempts = delivery.deliveryCount;
    return { job: job.name, handler: job.handler.name, reason, detail, attempts, diedAt: new Date(wallNow()) };
  }

  #released(): void {
    if (this.held > 0) return;
    this.#onIdle?.();
    this.#pull.again(); // a drain asks whether that was the last
  }

  /** Resolves once nothing is held. */
  #idle(): Promise<void> {
    if (this.held === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Asked once more when nothing is held any longer, so an empty answer then is the end. */
  #exhausted(nothing: boolean): void {
    if (!nothing) this.#pull.again();
    else if (this.held === 0) this.#onEmptied?.();
  }
}

function attemptOf({ deliveryCount }: Delivery): RunAttempt {
  return { number: deliveryCount, crashes: 0, firstRunAt: null, redelivered: deliveryCount > 1 };
}
