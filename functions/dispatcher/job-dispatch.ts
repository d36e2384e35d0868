import type PQueue from "p-queue";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { count, makeCounters } from "./counters.ts";
import { detailOf, type JobState, stateOfTrouble } from "./job-state.ts";
import { endOf, type Outcome } from "./outcome.ts";
import {
  type Drain,
  decide,
  NOTHING_KNOWN,
  type Reading,
  type ScaleSettings,
  type ScaleState,
  withEnd,
  withReading,
  withStart,
  withWithdrawn,
} from "./scale.ts";
import type { QueueListener } from "./watch.ts";

export interface DispatchedJob {
  readonly name: string;
  readonly functionName: string;
  readonly settings: ScaleSettings;
  /** Invokes the job's function and waits for the drain's end. Never rejects. */
  readonly invoke: () => Promise<Outcome>;
  /** Bounds what all jobs have in flight. */
  readonly gate: PQueue;
  /** Asks for a new look at the queue. */
  readonly look: () => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly onInvoked: (job: string, seconds: number) => void;
  readonly log: Logger;
}

/** Starts a job's drains: does what `scale.ts` decides, whenever something new is known. */
export class JobDispatch implements QueueListener {
  readonly counters = makeCounters();
  readonly #job: DispatchedJob;
  #scale: ScaleState = NOTHING_KNOWN;
  #wanted = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The outcome that began or prolonged the trouble scaling is in. */
  #lastFailure: Outcome | null = null;
  #unread: string | null = null;
  #deaf: string | null = null;
  #logged: JobState = "ok";
  #stopped = false;

  constructor(job: DispatchedJob) {
    this.#job = job;
  }

  get name(): string {
    return this.#job.name;
  }

  get inFlight(): number {
    return this.#scale.inFlight;
  }

  get wanted(): number {
    return this.#wanted;
  }

  /** The last look; null before the first one, and while the queue cannot be read. */
  get reading(): Reading | null {
    return this.#unread === null ? this.#scale.reading : null;
  }

  get isDeaf(): boolean {
    return this.#deaf !== null;
  }

  get state(): JobState {
    if (this.#unread !== null) return "unread";
    if (this.#scale.trouble !== null && this.#lastFailure !== null) return stateOfTrouble(this.#lastFailure);
    return this.#scale.reading?.paused === true ? "paused" : "ok";
  }

  /** Why it is in its state. */
  get detail(): string {
    if (this.#unread !== null) return this.#unread;
    return this.#lastFailure === null ? "" : detailOf(this.#lastFailure);
  }

  read(reading: Reading): void {
    this.#scale = withReading(this.#scale, reading, this.#job.settings);
    this.#act();
  }

  trouble(text: string | null): void {
    this.#unread = text;
    if (text !== null) this.counters.readFailed += 1;
    this.#logChange();
  }

  woken(): void {
    this.counters.woken += 1;
  }

  deaf(text: string | null): void {
    this.#deaf = text;
    const about = { job: this.name };
    if (text === null) this.#job.log.info(about, "stored messages are noticed at once again");
    else
      this.#job.log.warn({ ...about, detail: text }, "stored messages cannot be noticed at once: only polling is left");
  }

  /** Starts nothing more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #act(): void {
    clearTimeout(this.#timer);
    while (!this.#stopped) {
      const now = this.#job.now();
      const decision = decide(this.#scale, this.#job.settings, now);
      this.#wanted = decision.wanted;
      if (decision.start) this.#start({ startedAt: now, forRetries: decision.forRetries });
      else if (decision.againAt === null) break;
      else {
        this.#timer = setTimeout(() => this.#act(), Math.max(1, decision.againAt - now));
        break;
      }
    }
    this.#logChange();
  }

  #start(drain: Drain): void {
    const { gate, settings, now, log, functionName } = this.#job;
    this.#scale = withStart(this.#scale, drain.startedAt, settings);
    void gate.add(async () => {
      if (!this.#isStillWanted()) {
        this.#scale = withWithdrawn(this.#scale);
        return;
      }
      const startedAt = now(); // it may have waited for the gate
      const outcome = await this.#job.invoke();
      log.debug({ job: this.name, function: functionName, ...outcome }, "an invocation ended");
      this.#ended({ ...drain, startedAt }, outcome);
    });
  }

  /** Much may have happened while it waited for the gate. */
  #isStillWanted(): boolean {
    const { trouble, reading } = this.#scale;
    if (this.#stopped || reading === null) return false;
    return reading.pending + reading.unsettled > 0 && (trouble === null || this.#job.now() >= trouble.until);
  }

  #ended(drain: Drain, outcome: Outcome): void {
    const endedAt = this.#job.now();
    count(this.counters, outcome);
    this.#job.onInvoked(this.name, (endedAt - drain.startedAt) / 1_000);
    const before = this.#scale.trouble;
    this.#scale = withEnd(this.#scale, { ...drain, endedAt, end: endOf(outcome) }, this.#job.settings);
    if (this.#scale.trouble !== before && this.#scale.trouble !== null) this.#lastFailure = outcome;
    this.#act();
    if (!this.#stopped) this.#job.look();
  }

  /** Once per change: what fails every second must not fill the log. */
  #logChange(): void {
    const { state } = this;
    if (state === this.#logged || this.#stopped) return;
    this.#logged = state;
    const about = { job: this.name, function: this.#job.functionName, state };
    if (state === "ok" || state === "paused") this.#job.log.info(about, `the job is ${state}`);
    else this.#job.log.warn({ ...about, detail: this.detail }, `the job is ${state.replaceAll("_", " ")}`);
  }
}
