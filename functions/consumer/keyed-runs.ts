import { setTimeout as pause } from "node:timers/promises";
import type { Death } from "../../shared/jetstream/dead-letter.ts";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { type SettleSettings, settle } from "../../shared/jetstream/settle.ts";
import { LeaseLostError } from "../../shared/jobs/errors.ts";
import type { Decision } from "../../shared/jobs/outcome.ts";
import type { SettledOutcome } from "./events.ts";
import { deathOf, settledEvent, spentDecision } from "./parting.ts";
import { Run, type RunEnd, type RunSettings } from "./run.ts";
import type { RunMark, RunRecords } from "./run-records.ts";
import { RunningSet } from "./running-set.ts";

export interface KeyedRunsSettings extends RunSettings, SettleSettings {
  readonly records: RunRecords;
}

/** What only the partition knows. */
export interface KeyedRunsOwner {
  /** False once another worker may own the partition: then nothing more is begun or said. */
  readonly isMine: () => boolean;
  /** Messages up to this stream sequence may have been run by an owner before. */
  readonly deliveredUpTo: () => number;
}

/** What became of a message: it has left the queue, has to run again later, or is nothing of ours any more. */
export type Verdict =
  | { readonly type: "left" }
  | { readonly type: "held"; readonly untilMs: number }
  | { readonly type: "over" };

type Again = Extract<Decision, { readonly type: "retry" | "snooze" }>;
type Final = Exclude<Decision, Again>;

interface Handled {
  readonly delivery: Delivery;
  readonly mark: RunMark;
}

const LEFT: Verdict = { type: "left" };
const OVER: Verdict = { type: "over" };
const OUTCOMES: Readonly<Record<Decision["type"], SettledOutcome>> = {
  done: "done",
  retry: "retried",
  snooze: "snoozed",
  drop: "dropped",
  dead: "dead",
};
/** A record that cannot be read now, or into which a former owner wrote at last. */
const RECORD_AGAIN_MS = 500;
const SETTLE_AGAIN_MS = 250;
const SETTLE_AGAIN_MAX_MS = 10_000;

/**
 * Runs messages whose next one waits for them. So a message has left only when the server has confirmed it, and one that has
 * to run again is held here: handed back, it would come after its successors.
 */
export class KeyedRuns {
  readonly #settings: KeyedRunsSettings;
  readonly #owner: KeyedRunsOwner;
  readonly #running = new RunningSet();
  readonly #inRun = new Set<Delivery>();
  /** Deliveries that have been run here before. */
  readonly #repeated = new WeakSet<Delivery>();
  #startedUpTo = 0;
  #stopping = false;

  constructor(settings: KeyedRunsSettings, owner: KeyedRunsOwner) {
    this.#settings = settings;
    this.#owner = owner;
  }

  /** The largest stream sequence that a run was begun on. */
  get startedUpTo(): number {
    return this.#startedUpTo;
  }

  get running(): number {
    return this.#running.size;
  }

  /** `onRan` is called when the run is over, before its settlement: a slot is free. Never rejects. */
  async handle(delivery: Delivery, onRan: () => void): Promise<Verdict> {
    if (!this.#owner.isMine()) return OVER;
    const begun = await this.#begin(delivery);
    if ("type" in begun) return begun;
    if (!this.#owner.isMine()) return OVER;
    if (this.#stopping) return this.#return({ delivery, mark: begun }); // its record took its time
    const end = await this.#run({ delivery, mark: begun });
    onRan();
    return this.#conclude({ delivery, mark: begun }, end);
  }

  /** Ends runs whose time is over. */
  expire(): void {
    const now = this.#settings.now();
    for (const run of this.#running.all()) run.expire(now);
  }

  /** From now on nothing is waited for that does not answer. */
  stop(): void {
    this.#stopping = true;
  }

  /** Ends all runs; their messages are given back. */
  abort(): void {
    for (const run of this.#running.all()) run.stop();
  }

  /** Ends all runs: their messages may be in other hands. */
  lose(): void {
    for (const delivery of this.#inRun) {
      delivery.isLost = true;
      for (const run of this.#running.all()) run.lose(new LeaseLostError(), delivery);
    }
  }

  async #begin(delivery: Delivery): Promise<RunMark | Verdict> {
    const { records, job, onEvent } = this.#settings;
    if (this.#isFirst(delivery)) return records.first(delivery);
    const begun = await records.againInTime(delivery, this.#isGivenUp).catch((error: unknown) => {
      onEvent({ type: "records_unavailable", job: job.name, detail: String(error) });
      return null;
    });
    if (!this.#owner.isMine()) return OVER;
    if (begun === null || begun.type === "taken") return this.#held(RECORD_AGAIN_MS);
    if (begun.type === "early") return this.#held(begun.waitMs);
    if (begun.hasCrashed) onEvent({ type: "crashed", job: job.name });
    if (begun.type === "run") return begun.mark;
    return this.#finish({ delivery, mark: begun.mark }, spentDecision(begun.hasCrashed));
  }

  #isFirst(delivery: Delivery): boolean {
    const wasDelivered = delivery.deliveryCount > 1 || delivery.streamSequence <= this.#owner.deliveredUpTo();
    return !wasDelivered && !this.#repeated.has(delivery);
  }

  async #run({ delivery, mark }: Handled): Promise<RunEnd> {
    const { now, job, onEvent, traced } = this.#settings;
    const startedAt = now();
    this.#startedUpTo = Math.max(this.#startedUpTo, delivery.streamSequence);
    this.#repeated.add(delivery);
    const run = new Run(this.#settings, delivery, mark.attempt);
    this.#running.add(run);
    this.#inRun.add(delivery);
    const facts = { job: job.name, delivery, attempt: mark.attempt };
    const end = await traced.run(facts, () => run.start(startedAt, job.timeoutMs));
    this.#inRun.delete(delivery);
    this.#running.delete(run);
    onEvent({ type: "ran", job: job.name, runMs: now() - startedAt });
    return end;
  }

  async #conclude(handled: Handled, end: RunEnd): Promise<Verdict> {
    if (end === "lost" || !this.#owner.isMine()) return OVER;
    if (end === "returned") return this.#return(handled);
    if (end.type === "retry" || end.type === "snooze") return this.#again(handled, end);
    return this.#finish(handled, end);
  }

  async #return({ delivery, mark }: Handled): Promise<Verdict> {
    await this.#leave(mark, false, 0);
    this.#tell(delivery, "returned", "");
    return OVER;
  }

  async #again({ delivery, mark }: Handled, decision: Again): Promise<Verdict> {
    const heldAt = this.#settings.now();
    const isCounted = decision.type === "retry";
    await this.#leave(mark, isCounted, decision.delayMs);
    if (!this.#owner.isMine()) return OVER;
    this.#tell(delivery, OUTCOMES[decision.type], decision.type === "retry" ? decision.reason : "");
    return { type: "held", untilMs: heldAt + decision.delayMs };
  }

  /** Writes down what the message has spent, for the next owner. If it cannot be, one run is counted once too little. */
  async #leave(mark: RunMark, isCounted: boolean, waitMs: number): Promise<void> {
    try {
      await mark.leave(isCounted, this.#isGivenUp, waitMs);
    } catch (error) {
      this.#settings.onEvent({ type: "records_unavailable", job: this.#settings.job.name, detail: String(error) });
    }
  }

  readonly #isGivenUp = (): boolean => this.#stopping || !this.#owner.isMine();

  /** Done, dropped or dead: said until the server has confirmed it. Nobody else can have the message meanwhile. */
  async #finish({ delivery, mark }: Handled, decision: Final): Promise<Verdict> {
    const { job, onEvent } = this.#settings;
    const death = (): Death =>
      deathOf(job, { attempt: mark.attempt, decision, diedAt: new Date(this.#settings.wallNow()) });
    for (let waitMs = SETTLE_AGAIN_MS; this.#owner.isMine(); waitMs = Math.min(waitMs * 2, SETTLE_AGAIN_MAX_MS)) {
      const end = await settle(this.#settings, { delivery, decision, death });
      if (end === "confirmed") {
        mark.forget();
        this.#tellFinal(delivery, decision);
        return LEFT;
      }
      if (end === "not_copied") onEvent({ type: "dead_letter_failed", job: job.name });
      else if (end === "unconfirmed")
        onEvent({ type: "ack_unconfirmed", job: job.name, outcome: OUTCOMES[decision.type] });
      if (this.#stopping) break;
      await pause(waitMs);
    }
    return OVER;
  }

  #tellFinal(delivery: Delivery, decision: Final): void {
    const reason = decision.type === "done" ? "" : decision.reason;
    if (decision.type === "dead") {
      const { detail } = decision;
      this.#settings.log.warn({ reason, detail, sequence: delivery.streamSequence }, "message is dead");
    }
    this.#tell(delivery, OUTCOMES[decision.type], reason);
  }

  #tell({ timestampMs, streamSequence }: Delivery, outcome: SettledOutcome, reason: string): void {
    const { job, onEvent, wallNow } = this.#settings;
    onEvent(settledEvent(job.name, { outcome, reason, timestampMs, streamSequence }, wallNow()));
  }

  #held(forMs: number): Verdict {
    return { type: "held", untilMs: this.#settings.now() + forMs };
  }
}
