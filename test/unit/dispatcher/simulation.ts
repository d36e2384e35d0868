import {
  type Drain,
  type DrainEnd,
  decide,
  NOTHING_KNOWN,
  type Reading,
  type ScaleState,
  withEnd,
  withReading,
  withStart,
} from "../../../functions/dispatcher/scaling/scale.ts";
import type { ScaleSettings } from "../../../functions/dispatcher/scaling/settings.ts";

/** A queue, its drains and the dispatcher around `scale.ts`, in virtual time. */
export interface World {
  readonly settings: ScaleSettings;
  /** Messages stored in the step that begins at this millisecond. */
  readonly arrivals: (ms: number) => number;
  /** Until the function takes its first message. */
  readonly coldStartMs: number;
  /** Messages a drain has in hand at a time, and how long each takes. */
  readonly slots: number;
  readonly handlerMs: number;
  readonly budgetMs: number;
  readonly forMs: number;
  readonly pollEveryMs: number;
  /** The function moves nothing at these times, as for a paused job. */
  readonly isPaused?: (ms: number) => boolean;
  /** Every invocation fails at these times. */
  readonly isFailing?: (ms: number) => boolean;
  /** Invocations beyond so many at a time are refused; null: none is. */
  readonly concurrencyLimit?: (ms: number) => number;
}

export interface History {
  readonly started: number;
  readonly fruitless: number;
  readonly refused: number;
  readonly mostInFlight: number;
  /** Longest that a message waited until a drain took it, milliseconds. */
  readonly longestWaitMs: number;
  /** Longest that a message waited while there were fewer drains than `maxInvocations`. */
  readonly longestStarvedMs: number;
  /** Longest that messages were pending while fewer drains ran than are allowed, once as many had run. */
  readonly longestUnusedMs: number;
  /** When the last message was taken; null: some are left. */
  readonly emptyAt: number | null;
  readonly startTimes: readonly number[];
}

interface Running {
  readonly drain: Drain;
  readonly readyAt: number;
  readonly busyUntil: number[];
  moved: number;
  refused: boolean;
}

const STEP_MS = 10;
const EMPTY_DRAIN_MS = 50;

export function simulate(world: World): History {
  return new Simulation(world).run();
}

class Simulation {
  readonly #world: World;
  /** Stored and not taken: when, and how many. */
  readonly #queue: { at: number; count: number }[] = [];
  readonly #running: Running[] = [];
  readonly #startTimes: number[] = [];
  #state: ScaleState = NOTHING_KNOWN;
  #pending = 0;
  #ended = 0;
  #fruitless = 0;
  #refused = 0;
  #mostInFlight = 0;
  #longestWaitMs = 0;
  #longestStarvedMs = 0;
  #usedAt = Number.POSITIVE_INFINITY;
  #longestUnusedMs = 0;
  #emptyAt: number | null = null;
  #nextPoll = 0;

  constructor(world: World) {
    this.#world = world;
  }

  run(): History {
    for (let now = 0; now <= this.#world.forMs; now += STEP_MS) this.#step(now);
    return {
      started: this.#startTimes.length,
      fruitless: this.#fruitless,
      refused: this.#refused,
      mostInFlight: this.#mostInFlight,
      longestWaitMs: this.#longestWaitMs,
      longestStarvedMs: this.#longestStarvedMs,
      longestUnusedMs: this.#longestUnusedMs,
      emptyAt: this.#pending === 0 ? this.#emptyAt : null,
      startTimes: this.#startTimes,
    };
  }

  #step(now: number): void {
    const wasEmpty = this.#pending === 0;
    const count = this.#world.arrivals(now);
    if (count > 0) {
      this.#queue.push({ at: now, count });
      this.#pending += count;
    }
    const woken = wasEmpty && count > 0;
    const someEnded = this.#drainAll(now);
    if (woken || someEnded || now >= this.#nextPoll) this.#look(now);
    this.#act(now);
    const oldest = this.#queue[0];
    const waited = oldest === undefined ? 0 : now - oldest.at;
    this.#longestWaitMs = Math.max(this.#longestWaitMs, waited);
    if (this.#state.inFlight < this.#world.settings.maxInvocations) {
      this.#longestStarvedMs = Math.max(this.#longestStarvedMs, waited);
    }
    const { settings, concurrencyLimit } = this.#world;
    const accepted = this.#running.filter((running) => !running.refused).length;
    const allowed = Math.min(settings.maxInvocations, concurrencyLimit?.(now) ?? Number.POSITIVE_INFINITY);
    const isUsed = accepted >= allowed || (this.#pending === 0 && this.#usedAt < now);
    if (isUsed) this.#usedAt = now;
    this.#longestUnusedMs = Math.max(this.#longestUnusedMs, now - this.#usedAt);
  }

  #look(now: number): void {
    this.#nextPoll = now + this.#world.pollEveryMs;
    const oldest = this.#queue[0];
    const inHand = this.#running.reduce((sum, { busyUntil }) => sum + busyUntil.length, 0);
    const reading: Reading = {
      takenAt: now,
      pending: this.#pending,
      unsettled: inHand,
      ended: this.#ended,
      oldestMs: oldest === undefined ? null : now - oldest.at,
      paused: false,
    };
    this.#state = withReading(this.#state, reading, this.#world.settings);
  }

  #act(now: number): void {
    const { settings, coldStartMs, concurrencyLimit } = this.#world;
    for (;;) {
      const decision = decide(this.#state, settings, now);
      if (!decision.start) return;
      this.#state = withStart(this.#state, now, settings);
      const accepted = this.#running.filter((running) => !running.refused).length;
      const refused = accepted >= (concurrencyLimit?.(now) ?? Number.POSITIVE_INFINITY);
      const drain = { startedAt: now, forRetries: decision.forRetries };
      this.#running.push({ drain, readyAt: now + coldStartMs, busyUntil: [], moved: 0, refused });
      this.#startTimes.push(now);
      this.#mostInFlight = Math.max(this.#mostInFlight, this.#state.inFlight);
    }
  }

  /** True when a drain ended. */
  #drainAll(now: number): boolean {
    const before = this.#running.length;
    for (const running of [...this.#running]) {
      const end = this.#drain(running, now);
      if (end !== null) this.#finish(running, end, now);
    }
    return this.#running.length < before;
  }

  #drain(running: Running, now: number): DrainEnd | null {
    const { isPaused, isFailing, budgetMs } = this.#world;
    const age = now - running.drain.startedAt;
    if (running.refused) return { type: "throttled", atLeastMs: 0 };
    if (isFailing?.(now) === true && age >= EMPTY_DRAIN_MS) return { type: "failed", atLeastMs: 0 };
    if (now < running.readyAt) return null;
    this.#settle(running, now);
    const mayTake = isPaused?.(now) !== true && age < budgetMs * 0.9;
    if (mayTake) this.#take(running, now);
    const isIdle = running.busyUntil.length === 0;
    const isOver = age >= budgetMs || (isIdle && age >= EMPTY_DRAIN_MS && (!mayTake || this.#pending === 0));
    return isOver ? { type: "drained", moved: running.moved, left: this.#pending } : null;
  }

  #settle(running: Running, now: number): void {
    const over = running.busyUntil.filter((until) => until <= now).length;
    running.busyUntil.splice(0, over);
    running.moved += over;
    this.#ended += over;
  }

  #take(running: Running, now: number): void {
    const { slots, handlerMs } = this.#world;
    while (running.busyUntil.length < slots && this.#queue[0] !== undefined) {
      const oldest = this.#queue[0];
      oldest.count -= 1;
      this.#pending -= 1;
      running.busyUntil.push(now + handlerMs);
      if (oldest.count === 0) this.#queue.shift();
      if (this.#pending === 0) this.#emptyAt = now;
    }
  }

  #finish(running: Running, end: DrainEnd, now: number): void {
    this.#running.splice(this.#running.indexOf(running), 1);
    if (running.refused) this.#refused += 1;
    if (running.moved === 0) this.#fruitless += 1;
    this.#state = withEnd(this.#state, { ...running.drain, endedAt: now, end }, this.#world.settings);
  }
}
