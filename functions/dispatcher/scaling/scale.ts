import { type Limit, limitedAt, refused, unlessOld, withTry } from "./limit.ts";
import { doubled, type ScaleSettings } from "./settings.ts";

/** What a look at a job's queue said. */
export interface Reading {
  /** When it was asked for: it says nothing about what came later. Monotonic milliseconds, as every time here. */
  readonly takenAt: number;
  /** Messages never handed over. */
  readonly pending: number;
  /** Messages handed over and not settled: in somebody's hands, or waiting for their retry. */
  readonly unsettled: number;
  /** Deliveries that are over, ever. */
  readonly ended: number;
  /** Age of the oldest message never handed over; null when there is none, or it is not known. */
  readonly oldestMs: number | null;
  /** The server delivers nothing now. */
  readonly paused: boolean;
}

/** A drain that was started. */
export interface Drain {
  readonly startedAt: number;
  /** Nothing was pending: it was to see whether a retry is due. */
  readonly forRetries: boolean;
}

/** How a drain ended, as far as it matters here. */
export type DrainEnd =
  /** `left`: messages the queue still had; null when nobody knows. */
  | { readonly type: "drained"; readonly moved: number; readonly left: number | null }
  /** `atLeastMs`: no other one before this time is over. `throttled`: it never ran, as too many run already. */
  | { readonly type: "failed" | "throttled"; readonly atLeastMs: number };

interface Trouble {
  readonly since: number;
  /** Nothing is started before. */
  readonly until: number;
  readonly times: number;
}

/** Where the speed is measured from: a look at which drains were running and messages were pending. */
interface Mark {
  readonly at: number;
  readonly ended: number;
  readonly inFlight: number;
}

/** Everything known of a job; each step makes a new one. */
export interface ScaleState {
  readonly reading: Reading | null;
  readonly inFlight: number;
  readonly lastStartAt: number;
  readonly lastEndAt: number;
  /** Drains in flight may double from here until the ramp's time is over, then from what there is by then. */
  readonly ramp: { readonly from: number; readonly since: number };
  /** Messages a second that one drain ends while there are enough of them; null: not known yet. */
  readonly rate: number | null;
  readonly mark: Mark | null;
  /** Null once a drain that was started later has moved something. */
  readonly trouble: Trouble | null;
  /** Null while none was refused beside others that run. */
  readonly limit: Limit | null;
  /** The last drain found its queue empty: somebody was faster, which may happen once. */
  readonly beaten: boolean;
  /** Drains in a row that looked for due retries and found none. */
  readonly vainLooks: number;
}

export interface Decision {
  /** Start one drain now, then ask again. */
  readonly start: boolean;
  readonly forRetries: boolean;
  /** How many there should be. */
  readonly wanted: number;
  /** When to ask again though nothing new is known; null: only then. */
  readonly againAt: number | null;
}

const LONG_AGO = Number.NEGATIVE_INFINITY;
/** Less says more about the moment than about the drains. */
const SHORTEST_SAMPLE_MS = 250;

export const NOTHING_KNOWN: ScaleState = {
  reading: null,
  inFlight: 0,
  lastStartAt: LONG_AGO,
  lastEndAt: LONG_AGO,
  ramp: { from: 0, since: LONG_AGO },
  rate: null,
  mark: null,
  trouble: null,
  limit: null,
  beaten: false,
  vainLooks: 0,
};

/** Whether to start a drain now, and if not, when it may be time. */
export function decide(state: ScaleState, settings: ScaleSettings, now: number): Decision {
  const { reading, inFlight } = state;
  const wanted = wantedDrains(state, settings, now);
  const none: Decision = { start: false, forRetries: false, wanted, againAt: null };
  // What a drain took is still pending in a look from before its end; a new look is on its way.
  if (reading === null || wanted <= inFlight || reading.takenAt < state.lastEndAt) return none;
  const forRetries = reading.pending === 0;
  const earliest = Math.max(
    state.trouble?.until ?? LONG_AGO,
    state.lastStartAt + settings.minIntervalMs,
    rampedAt(state, settings),
    limitedAt(state.limit, inFlight),
    forRetries ? state.lastEndAt + doubled(settings, state.vainLooks) : LONG_AGO,
  );
  return now < earliest ? { ...none, againAt: earliest } : { ...none, start: true, forRetries };
}

/** One while there is anything to do; more when that is not enough to keep messages younger than `targetAge`. */
function wantedDrains({ reading, inFlight, rate }: ScaleState, settings: ScaleSettings, now: number): number {
  if (reading === null || reading.paused) return 0;
  // A retry may be due: nobody tells when, and without a drain of ours nobody takes it before the schedule does.
  if (reading.pending === 0) return reading.unsettled > 0 && inFlight === 0 ? 1 : inFlight;
  const isLate = reading.oldestMs !== null && reading.oldestMs + (now - reading.takenAt) > settings.targetAgeMs;
  const byRate = rate === null ? 1 : Math.ceil(reading.pending / ((rate * settings.targetAgeMs) / 1_000));
  const wanted = isLate ? settings.maxInvocations : byRate;
  return Math.max(1, Math.min(wanted, settings.maxInvocations, inFlight + reading.pending));
}

/** When another drain would be within the ramp; now, when it is. */
function rampedAt({ inFlight, ramp }: ScaleState, { rampUpMs }: ScaleSettings): number {
  return inFlight < Math.max(1, 2 * ramp.from) ? LONG_AGO : ramp.since + rampUpMs;
}

export function withReading(state: ScaleState, reading: Reading, settings: ScaleSettings): ScaleState {
  const trouble = unlessOver(state, reading, settings);
  const limit = unlessOld(state.limit, reading.takenAt, settings);
  return { ...state, ...measured(state, reading), reading, trouble, limit };
}

/** With nothing left to do nobody can say any more that it fails. */
function unlessOver({ trouble, inFlight }: ScaleState, reading: Reading, settings: ScaleSettings): Trouble | null {
  if (trouble === null || reading.pending + reading.unsettled + inFlight > 0) return trouble;
  return reading.takenAt >= trouble.since + settings.maxCoolDownMs ? null : trouble;
}

/** The speed of drains that are never out of messages, from what the consumers counted between two looks. */
function measured({ mark, rate, inFlight }: ScaleState, reading: Reading): Pick<ScaleState, "mark" | "rate"> {
  if (reading.pending === 0 || inFlight === 0) return { mark: null, rate };
  const { takenAt: at, ended } = reading;
  if (mark === null) return { mark: { at, ended, inFlight }, rate };
  if (at - mark.at < SHORTEST_SAMPLE_MS) return { mark, rate };
  const drains = (mark.inFlight + inFlight) / 2;
  const sample = (ended - mark.ended) / ((at - mark.at) / 1_000) / drains;
  // None at all: a cold start, or handlers that run for long; age will tell.
  return { mark: { at, ended, inFlight }, rate: sample > 0 ? averaged(rate, sample) : rate };
}

function averaged(rate: number | null, sample: number): number {
  return rate === null ? sample : (rate + sample) / 2;
}

export function withStart(state: ScaleState, now: number, settings: ScaleSettings): ScaleState {
  const isOver = now - state.ramp.since >= settings.rampUpMs;
  const ramp = isOver ? { from: state.inFlight, since: now } : state.ramp;
  const limit = withTry(state.limit, state.inFlight, now, settings);
  return { ...state, inFlight: state.inFlight + 1, lastStartAt: now, ramp, limit };
}

/** The pause is over at `now`: what it was made for may be over too. */
export function withPauseOver(state: ScaleState, now: number): ScaleState {
  const { trouble } = state;
  return trouble === null ? state : { ...state, trouble: { ...trouble, until: Math.min(trouble.until, now) } };
}

/** What has to be told of a drain's end besides how it ended. */
export interface Ended extends Drain {
  readonly endedAt: number;
  readonly end: DrainEnd;
}

export function withEnd(state: ScaleState, ended: Ended, settings: ScaleSettings): ScaleState {
  const next = { ...state, inFlight: state.inFlight - 1, lastEndAt: ended.endedAt };
  if (ended.end.type === "throttled" && next.inFlight > 0) {
    // The others run: what they are allowed is no reason to pause when one of them ends.
    const refusal = { now: ended.endedAt, running: next.inFlight, atLeastMs: ended.end.atLeastMs };
    return { ...next, limit: refused(state.limit, refusal, settings) };
  }
  if (ended.end.type !== "drained") return { ...next, trouble: worse(next, ended, settings) };
  if (ended.end.moved > 0) return progressed(next, ended, ended.end);
  if (ended.forRetries) return { ...next, vainLooks: state.vainLooks + 1 };
  if (ended.end.left === 0 && !state.beaten) return { ...next, beaten: true };
  return { ...next, trouble: worse(next, ended, settings) };
}

type Drained = Extract<DrainEnd, { type: "drained" }>;

/** Only a drain that was started after the trouble began proves that it is over. */
function progressed(state: ScaleState, { startedAt, endedAt }: Ended, { moved, left }: Drained): ScaleState {
  const { trouble } = state;
  const isOver = trouble !== null && startedAt >= trouble.since;
  const perSecond = moved / (Math.max(1, endedAt - startedAt) / 1_000);
  const hadEnough = left !== null && left > 0;
  // One that ran out of messages could have done more: it can only show that the rate was taken for too low.
  const known = state.rate ?? Number.POSITIVE_INFINITY;
  const rate = hadEnough ? averaged(state.rate, perSecond) : perSecond > known ? perSecond : state.rate;
  return { ...state, rate, trouble: isOver ? null : trouble, beaten: false, vainLooks: 0 };
}

/** Doubles the pause; drains that were under way when it began say nothing new. */
function worse({ trouble }: ScaleState, { startedAt, endedAt, end }: Ended, settings: ScaleSettings): Trouble {
  const atLeastMs = end.type !== "drained" ? Math.min(end.atLeastMs, settings.maxCoolDownMs) : 0;
  if (trouble !== null && startedAt < trouble.since) {
    return { ...trouble, until: Math.max(trouble.until, endedAt + atLeastMs) };
  }
  const times = (trouble?.times ?? 0) + 1;
  const pauseMs = Math.max(atLeastMs, doubled(settings, times - 1));
  return { since: endedAt, until: endedAt + pauseMs, times };
}
