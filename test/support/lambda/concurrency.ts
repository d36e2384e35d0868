import type { LambdaFunction } from "./function.ts";

/** Reasons of a TooManyRequestsException that the emulator has (API reference, Invoke). */
export type ThrottleReason = "ConcurrentInvocationLimitExceeded" | "ReservedFunctionConcurrentInvocationLimitExceeded";

/** Counts what runs against the functions' reservations and what the others share. */
export class Concurrency {
  readonly #unreserved: number;
  readonly #running = new Map<string, number>();
  readonly #throttled = new Set<string>();
  #unreservedRunning = 0;

  constructor(unreserved: number) {
    this.#unreserved = unreserved;
  }

  /** Takes a place, to be given back with `release`, or says why there is none. */
  take({ name, reservedConcurrency }: LambdaFunction): ThrottleReason | null {
    if (this.#throttled.has(name)) return "ConcurrentInvocationLimitExceeded";
    if (reservedConcurrency !== null) {
      if (this.running(name) >= reservedConcurrency) return "ReservedFunctionConcurrentInvocationLimitExceeded";
    } else {
      if (this.#unreservedRunning >= this.#unreserved) return "ConcurrentInvocationLimitExceeded";
      this.#unreservedRunning++;
    }
    this.#running.set(name, this.running(name) + 1);
    return null;
  }

  release({ name, reservedConcurrency }: LambdaFunction): void {
    if (reservedConcurrency === null) this.#unreservedRunning--;
    this.#running.set(name, this.running(name) - 1);
  }

  running(name: string): number {
    return this.#running.get(name) ?? 0;
  }

  /** Refuses everything, as when other functions of the account use all there is. */
  throttle(name: string, on: boolean): void {
    if (on) this.#throttled.add(name);
    else this.#throttled.delete(name);
  }
}
