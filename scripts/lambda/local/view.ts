import { setTimeout as wait } from "node:timers/promises";
import type { BridgeCounters } from "../../../functions/bridge/accounting/counters.ts";
import type { Dispatcher } from "../../../functions/dispatcher/dispatcher.ts";
import { type DrainAnswer, drainReportSchema } from "../../../shared/lambda/event.ts";
import type { LambdaEmulator } from "../../../test/support/lambda/emulator.ts";
import type { InvocationRecord } from "../../../test/support/lambda/invocation.ts";

const POLL_MS = 50;

/** What was seen of the functions so far. */
interface Seen {
  dispatched: number;
  scheduled: number;
  swept: number;
  cold: number;
  failed: number;
  processed: number;
  billedMs: number;
}

/** One line a second: from the messages that the bridge stores to those that the functions have processed. */
export class LocalView {
  readonly #bridge: () => BridgeCounters;
  readonly #dispatcher: Dispatcher;
  readonly #seen: Seen = { dispatched: 0, scheduled: 0, swept: 0, cold: 0, failed: 0, processed: 0, billedMs: 0 };
  #before = { atMs: performance.now(), stored: 0, processed: 0 };

  constructor(emulator: LambdaEmulator, bridge: () => BridgeCounters, dispatcher: Dispatcher) {
    this.#bridge = bridge;
    this.#dispatcher = dispatcher;
    emulator.onInvocation((record) => this.#note(record));
  }

  /** `now`: monotonic milliseconds. */
  line(now: number): string {
    const seconds = (now - this.#before.atMs) / 1_000;
    const stored = this.#stored();
    const { dispatched, scheduled, swept, cold, failed, processed } = this.#seen;
    const rate = (count: number): number => Math.round(count / seconds);
    const storedRate = rate(stored - this.#before.stored);
    const processedRate = rate(processed - this.#before.processed);
    this.#before = { atMs: now, stored, processed };
    const waiting = this.#dispatcher.jobs.reduce((sum, { reading }) => sum + (reading?.pending ?? 0), 0);
    const running = this.#dispatcher.jobs.reduce((sum, { inFlight }) => sum + inFlight, 0);
    return [
      `stored ${storedRate}/s`,
      `waiting ${waiting}`,
      `drains: by dispatcher ${dispatched}, by schedule ${scheduled}, running ${running}, cold ${cold}, failed ${failed}`,
      `sweeps ${swept}`,
      `processed ${processedRate}/s`,
    ].join("  ");
  }

  /** Waits until nothing waits and nothing runs, or the time is over: what was stored is seen by the next look. */
  async empty(ms: number): Promise<void> {
    const seenFrom = performance.now();
    const isEmpty = (): boolean =>
      this.#dispatcher.jobs.every(
        ({ reading, inFlight }) =>
          inFlight === 0 && reading !== null && reading.takenAt > seenFrom && reading.pending + reading.unsettled === 0,
      );
    while (!isEmpty() && performance.now() - seenFrom < ms) await wait(POLL_MS);
  }

  summary(): string {
    const { dispatched, scheduled, processed, billedMs } = this.#seen;
    return `stored ${this.#stored()}, processed ${processed} by ${dispatched + scheduled} drains, ${billedMs} ms billed`;
  }

  #stored(): number {
    return [...this.#bridge().streams.values()].reduce((sum, { stored }) => sum + stored, 0);
  }

  #note({ function: name, type, cold, outcome, billedMs, payload }: InvocationRecord): void {
    const seen = this.#seen;
    seen.billedMs += billedMs;
    if (cold) seen.cold += 1;
    if (outcome !== "ok") seen.failed += 1;
    if (!name.endsWith("consumer")) {
      seen.swept += 1;
      return;
    }
    if (type === "Event") seen.scheduled += 1;
    else seen.dispatched += 1;
    seen.processed += reportOf(payload)?.processed ?? 0;
  }
}

function reportOf(payload: string | null): DrainAnswer | null {
  if (payload === null) return null;
  const read = drainReportSchema.safeParse(JSON.parse(payload));
  return read.success ? read.data : null;
}
