import type { Logger } from "../../../shared/telemetry/logger.ts";
import { count, makeCounters } from "../counters.ts";
import { endOf, type Outcome } from "../invoking/outcome.ts";
import type { QueueListener } from "../watching/watch.ts";
import type { Entrant, Gate } from "./gate.ts";
import { detailOf, type JobState, stateOfTrouble } from "./job-state.ts";
import {
  type Drain,
  decide,
  NOTHING_KNOWN,
  type Reading,
  type ScaleState,
  withEnd,
  withPauseOver,
  withReading,
  withStart,
} from "./scale.ts";
import type { ScaleSettings } from "./settings.ts";
import type { Refused, Turns } from "./turns.ts";

export interface DispatchedJob {
  readonly name: string;
  readonly functionName: string;
  readonly settings: ScaleSettings;
  /** Invokes the job's function and waits for the drain's end. Never rejects. */
  readonly invoke: () => Promise<Outcome>;
  /** Bounds what all jobs have in flight. */
  readonly gate: Gate;
  /** Shared by the jobs of its function. */
  readonly turns: Turns;
  /** Asks for a new look at the queue. */
  readonly look: () => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly onInvoked: (job: string, seconds: number) => void;
  readonly log: Logger;
}

/** Starts a job's drains: does what `scale.ts` decides, whenever something new is known. */
export class JobDispatch implements QueueListener, Entrant, Refused {
  readonly counters = makeCounters();
  readonly #job: DispatchedJob;
  #scale: ScaleState = NOTHING_KNOWN;
  #wanted = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The outcome that began or prolonged the trouble scaling is in. */
  #lastFailure: Outcome | null = null;
  /** The last refusal that told how many drains there may be. */
  #lastRefusal: Outcome | null = null;
  readonly #running = new Set<Promise<void>>();
  /** Places of drains that have ended, kept until a look says whether this job needs them itself. */
  #kept = 0;
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

  /** Drains that were started and have not ended. */
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
    const held = this.#held;
    if (held !== null) return stateOfTrouble(held);
    return this.#scale.reading?.paused === true ? "paused" : "ok";
  }

  /** Why it is in its state. */
  get detail(): string {
    return this.#unread ?? (this.#held === null ? "" : detailOf(this.#held));
  }

  /** The outcome that keeps it from having the drains it should have; null: nothing does. */
  get #held(): Outcome | null {
    const { trouble, limit } = this.#scale;
    if (trouble !== null) return this.#lastFailure;
    return limit !== null && this.#wanted >= limit.drains ? this.#lastRefusal : null;
  }

  read(reading: Reading): void {
    this.#scale = withReading(this.#scale, reading, this.#job.settings);
    this.#act();
    if (reading.takenAt >= this.#scale.lastEndAt) this.#leave();
  }

  trouble(text: string | null): void {
    this.#unread = text;
    if (text !== null) {
      this.counters.readFailed += 1;
      this.#leave();
    }
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

  admit(): void {
    this.#act();
  }

  tryNow(): boolean {
    const { inFlight } = this;
    if (inFlight > 0 || this.#lastFailure?.type !== "throttled") return false;
    this.#scale = withPauseOver(this.#scale, this.#job.now());
    this.#act();
    return this.inFlight > inFlight;
  }

  /** Resolves when the drains that run now have ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
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
      if (decision.start) {
        if (!this.#job.gate.enter(this)) break;
        this.#start({ startedAt: now, forRetries: decision.forRetries });
      } else if (decision.againAt === null) break;
      else {
        this.#timer = setTimeout(() => this.#act(), Math.max(1, decision.againAt - now));
        break;
      }
    }
    this.#logChange();
  }

  #start(drain: Drain): void {
    this.#scale = withStart(this.#scale, drain.startedAt, this.#job.settings);
    const running = this.#run(drain).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #run(drain: Drain): Promise<void> {
    const { log, functionName, invoke } = this.#job;
    const outcome = await invoke();
    log.debug({ job: this.name, function: functionName, ...outcome }, "an invocation ended");
    this.#ended(drain, outcome);
  }

  #ended(drain: Drain, outcome: Outcome): void {
    const endedAt = this.#job.now();
    count(this.counters, outcome);
    this.#job.onInvoked(this.name, (endedAt - drain.startedAt) / 1_000);
    const { trouble, limit } = this.#scale;
    this.#scale = withEnd(this.#scale, { ...drain, endedAt, end: endOf(outcome) }, this.#job.settings);
    if (this.#scale.trouble !== trouble && this.#scale.trouble !== null) this.#lastFailure = outcome;
    if (this.#scale.limit !== limit) this.#lastRefusal = outcome;
    this.#kept += 1;
    if (outcome.type !== "throttled") this.#job.turns.next();
    else if (this.inFlight === 0) this.#job.turns.wait(this);
    if (this.#unread !== null) this.#leave();
    this.#act();
    if (!this.#stopped) this.#job.look();
  }

  /** Gives the kept places to whoever has the fewest drains, which may be this job. */
  #leave(): void {
    const { gate } = this.#job;
    for (; this.#kept > 0; this.#kept -= 1) gate.leave();
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
