import { setTimeout as pause } from "node:timers/promises";
import { type Acknowledged, leaseIsOver } from "../../shared/jetstream/acknowledge.ts";
import type { Death } from "../../shared/jetstream/dead-letter.ts";
import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { acknowledgeDone, type SettleSettings, settle } from "../../shared/jetstream/settle.ts";
import { LeaseLostError } from "../../shared/jobs/errors.ts";
import type { Decision } from "../../shared/jobs/outcome.ts";
import { BatchRun } from "./batch-run.ts";
import type { SettledOutcome } from "./events.ts";
import type { Parking } from "./parking.ts";
import { deathOf, type Parting, settledEvent, spentDecision } from "./parting.ts";
import { Run, type RunEnd, type RunSettings } from "./run.ts";
import type { RunMark, RunRecords } from "./run-records.ts";
import { type Running, RunningSet } from "./running-set.ts";

export interface HandlingSettings extends RunSettings, SettleSettings {
  readonly records: RunRecords;
  /** Null: messages of this job never leave their queue for a delay. */
  readonly parking: Parking | null;
}

/** What handling tells whoever holds the deliveries. */
export interface HandlingObserver {
  /** The message needs no lease and no room any more. Called once for each delivery. */
  left(delivery: Delivery): void;
  /** `acknowledging` has fallen. */
  acknowledged(): void;
}

type Again = Extract<Decision, { readonly type: "retry" | "snooze" }>;
type Final = Extract<Decision, { readonly type: "dead" | "drop" }>;

/** A delivery and its run. */
export interface Handled {
  readonly delivery: Delivery;
  readonly mark: RunMark;
}

interface Leaving {
  readonly outcome: SettledOutcome;
  readonly reason: string;
}

const COPY_AGAIN_MS = 1_000;
const COPY_AGAIN_MAX_MS = 10_000;

/** Takes deliveries in hand through their run to their settlement, whatever order they come in. */
export class Handling {
  readonly #settings: HandlingSettings;
  readonly #observer: HandlingObserver;
  readonly #running = new RunningSet();
  #acknowledging = 0;
  #stopping = false;

  constructor(settings: HandlingSettings, observer: HandlingObserver) {
    this.#settings = settings;
    this.#observer = observer;
  }

  /** Messages whose ack is on the way: they hold nothing back. */
  get acknowledging(): number {
    return this.#acknowledging;
  }

  /** Runs under way. */
  get running(): number {
    return this.#running.size;
  }

  /** Runs the handler on a delivery and sees to its settlement. Resolves when its slot is free. Never rejects. */
  async handle(delivery: Delivery): Promise<void> {
    if (this.#isOver(delivery)) return;
    const mark = delivery.deliveryCount === 1 ? this.#settings.records.first(delivery) : await this.begin(delivery);
    if (mark === null || this.#isTooLate({ delivery, mark })) return;
    const end = await this.run({ delivery, mark });
    this.conclude({ delivery, mark }, end);
  }

  /** As `handle`, with one run for all of them; each is settled for itself. */
  async handleBatch(deliveries: readonly Delivery[]): Promise<void> {
    const begun = await Promise.all(deliveries.map((delivery) => this.#handled(delivery)));
    const handled = begun.filter((one) => one !== null).filter((one) => !this.#isTooLate(one));
    if (handled.length === 0) return;
    const inputs = handled.map(({ delivery, mark }) => ({ input: delivery, attempt: mark.attempt }));
    const run = new BatchRun(this.#settings, inputs);
    const ends = await this.#timed(run, (startedAt) => run.start(startedAt, this.#settings.job.timeoutMs));
    for (const [index, one] of handled.entries()) this.conclude(one, ends[index] ?? "returned");
  }

  async #handled(delivery: Delivery): Promise<Handled | null> {
    if (this.#isOver(delivery)) return null;
    const mark = delivery.deliveryCount === 1 ? this.#settings.records.first(delivery) : await this.begin(delivery);
    return mark === null ? null : { delivery, mark };
  }

  /** A process that stood still goes on here before anything has looked at its leases. */
  #isOver(delivery: Delivery): boolean {
    if (!delivery.isLost && leaseIsOver(this.#settings, delivery.leaseFromMs)) {
      delivery.isLost = true;
      this.lost(delivery);
    }
    return delivery.isLost;
  }

  /** Looked at again right before the run: what else began in this turn may have taken its time, or the process stood still. */
  #isTooLate({ delivery, mark }: Handled): boolean {
    if (!this.#isOver(delivery)) return false;
    takeBack(mark);
    return true;
  }

  /** What comes before the run of a message that was handed over before; null when there is to be none. */
  async begin(delivery: Delivery): Promise<RunMark | null> {
    const { records, job, onEvent } = this.#settings;
    const begun = await records
      .again(delivery, () => this.#isGivenUp(delivery))
      .catch((error: unknown) => {
        onEvent({ type: "records_unavailable", job: job.name, detail: String(error) });
        return null;
      });
    if (this.#isOver(delivery)) {
      if (begun?.type === "run") takeBack(begun.mark);
      return null;
    }
    if (begun === null) {
      void this.#handBack(delivery);
      return null;
    }
    if (begun.type === "taken") {
      delivery.isLost = true;
      this.lost(delivery);
      return null;
    }
    if (begun.hasCrashed) onEvent({ type: "crashed", job: job.name });
    if (begun.type === "run") {
      if (!this.#stopping) return begun.mark;
      void this.giveBack({ delivery, mark: begun.mark }); // the record took its time, and the worker was told to stop
      return null;
    }
    void this.#finish({ delivery, mark: begun.mark }, spentDecision(begun.hasCrashed));
    return null;
  }

  /** One run; ends by itself, or by `stop`, `expire` or `lost`. */
  run({ delivery, mark }: Handled): Promise<RunEnd> {
    const { job, traced } = this.#settings;
    const run = new Run(this.#settings, delivery, mark.attempt);
    return this.#timed(run, (startedAt) =>
      traced.run({ job: job.name, delivery, attempt: mark.attempt }, () => run.start(startedAt, job.timeoutMs)),
    );
  }

  async #timed<End>(run: Running, start: (startedAt: number) => Promise<End>): Promise<End> {
    const { now, job, onEvent } = this.#settings;
    const startedAt = now();
    this.#running.add(run);
    const end = await start(startedAt);
    this.#running.delete(run);
    onEvent({ type: "ran", job: job.name, runMs: now() - startedAt });
    return end;
  }

  /** Settles what a run has decided; the settlement goes on by itself. */
  conclude(handled: Handled, end: RunEnd): void {
    if (end === "lost") return;
    if (end === "returned") void this.giveBack(handled);
    else if (end.type === "done") this.#acknowledge(handled, "done");
    else if (end.type === "dead" || end.type === "drop") void this.#finish(handled, end);
    else void this.#again(handled, end);
  }

  /** Hands back a message that no run has begun on. */
  async #handBack(delivery: Delivery): Promise<void> {
    const decision = { type: "retry", delayMs: 0, reason: "" } as const;
    const end = await settle(this.#settings, { delivery, decision, death: neverDead });
    this.#settled(delivery, { outcome: "returned", reason: "" }, end);
  }

  /** Gives a message back at no cost, because the worker stops or pauses. Without a mark no run has begun. */
  async giveBack({ delivery, mark }: { readonly delivery: Delivery; readonly mark: RunMark | null }): Promise<void> {
    if (mark !== null && !(await this.#leave({ delivery, mark }, false))) return;
    await this.#handBack(delivery);
  }

  /** The lease of a message is lost: its run, if there is one, is ended, and nothing is said about it. */
  lost(delivery: Delivery): void {
    const error = new LeaseLostError();
    for (const run of this.#running.all()) run.lose(error, delivery);
    this.#settings.onEvent({ type: "lease_over", job: this.#settings.job.name });
    this.#observer.left(delivery);
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

  async #again(handled: Handled, decision: Again): Promise<void> {
    const { delivery, mark } = handled;
    const isCounted = decision.type === "retry";
    if (await this.#park(handled, decision)) {
      if (!delivery.isLost) this.#acknowledge(handled, "parked");
      return;
    }
    if (!(await this.#leave({ delivery, mark }, isCounted))) return;
    const end = await settle(this.#settings, { delivery, decision, death: neverDead });
    const reason = decision.type === "retry" ? decision.reason : "";
    this.#settled(delivery, { outcome: isCounted ? "retried" : "snoozed", reason }, end);
  }

  async #park({ delivery, mark }: Handled, { delayMs, type }: Again): Promise<boolean> {
    const { parking } = this.#settings;
    if (parking === null || !parking.takes(delayMs)) return false;
    return parking.park(delivery, { delayMs, attempt: mark.attempt, isCounted: type === "retry" });
  }

  /** Writes down what the message has spent. False when it is in other hands, or nobody can tell. */
  async #leave({ delivery, mark }: Handled, isCounted: boolean): Promise<boolean> {
    const { job, onEvent } = this.#settings;
    try {
      if (await mark.leave(isCounted, () => this.#isGivenUp(delivery))) return !delivery.isLost;
      if (delivery.isLost) return false;
      delivery.isLost = true;
      this.lost(delivery);
      return false;
    } catch (error) {
      // The message goes back all the same: a run that is counted once too little is better than a message that waits.
      if (!delivery.isLost) onEvent({ type: "records_unavailable", job: job.name, detail: String(error) });
      return !delivery.isLost;
    }
  }

  #isGivenUp(delivery: Delivery): boolean {
    return delivery.isLost || this.#stopping;
  }

  /** Dead or dropped. A dead letter that cannot be stored is held and tried again: backpressure, not loss. */
  async #finish({ delivery, mark }: Handled, decision: Final): Promise<void> {
    const { job, onEvent, log } = this.#settings;
    const death = (): Death =>
      deathOf(job, { attempt: mark.attempt, decision, diedAt: new Date(this.#settings.wallNow()) });
    for (let waitMs = COPY_AGAIN_MS; ; waitMs = Math.min(waitMs * 2, COPY_AGAIN_MAX_MS)) {
      const end = await settle(this.#settings, { delivery, decision, death });
      if (end !== "not_copied") {
        if (decision.type === "dead") {
          const { reason, detail } = decision;
          log.warn({ reason, detail, sequence: delivery.streamSequence, settled: end }, "message is dead");
        }
        if (end === "confirmed") mark.forget();
        this.#settled(
          delivery,
          { outcome: decision.type === "dead" ? "dead" : "dropped", reason: decision.reason },
          end,
        );
        return;
      }
      onEvent({ type: "dead_letter_failed", job: job.name });
      await this.#wait(waitMs);
      if (delivery.isLost) return;
      if (!this.#stopping) continue;
      if (await this.#leave({ delivery, mark }, true)) await this.#handBack(delivery);
      return;
    }
  }

  /** Ends early when the worker is to stop. */
  async #wait(ms: number): Promise<void> {
    const until = this.#settings.now() + ms;
    while (!this.#stopping && this.#settings.now() < until) await pause(Math.min(ms, 50));
  }

  /** Its ack is on the way and needs neither slot nor lease, so the next message may come meanwhile. */
  #acknowledge({ delivery, mark }: Handled, outcome: "done" | "parked"): void {
    const { timestampMs, streamSequence } = delivery;
    // Thousands of acks are under way at a time, and the callback must not keep the message: with it go the socket's buffers.
    const noted = mark.isNoted ? mark : null;
    this.#acknowledging += 1;
    this.#observer.left(delivery);
    acknowledgeDone(this.#settings, delivery, (end) => {
      this.#acknowledging -= 1;
      if (end === "confirmed") noted?.forget();
      this.#tell(end, { outcome, reason: "", timestampMs, streamSequence });
      this.#observer.acknowledged();
    });
  }

  #settled(delivery: Delivery, leaving: Leaving, end: Acknowledged | "not_copied"): void {
    if (delivery.isLost || end === "not_copied") return; // told when it was lost
    const { timestampMs, streamSequence } = delivery;
    this.#tell(end, { ...leaving, timestampMs, streamSequence });
    this.#observer.left(delivery);
  }

  #tell(end: Acknowledged, parting: Parting): void {
    const { job, onEvent, wallNow } = this.#settings;
    if (end === "unconfirmed") onEvent({ type: "ack_unconfirmed", job: job.name, outcome: parting.outcome });
    else if (end === "lease_over") onEvent({ type: "lease_over", job: job.name });
    else onEvent(settledEvent(job.name, parting, wallNow()));
  }
}

function neverDead(): Death {
  throw new RangeError("only a dead message is copied");
}

/** Announced, and never begun: taken back, unless somebody else has seen it already. */
function takeBack(mark: RunMark): void {
  mark.leave(false, () => true).catch(() => {});
}
