import type { Delivery } from "../../shared/jetstream/delivery.ts";
import { JOB_HEADERS } from "../../shared/jobs/headers.ts";
import { countIn } from "../../shared/jobs/identity.ts";
import type { RunAttempt } from "./run-attempt.ts";

/** What a copy of a message says about runs in earlier lives: it was parked. */
export function spentBefore(delivery: Delivery): {
  readonly runs: number;
  readonly crashes: number;
  readonly firstRunAt: string;
} {
  const firstRunAt = delivery.header(JOB_HEADERS.firstRunAt);
  return {
    runs: countIn(delivery.header(JOB_HEADERS.attempts)),
    crashes: countIn(delivery.header(JOB_HEADERS.crashes)),
    firstRunAt: Number.isNaN(Date.parse(firstRunAt)) ? "" : firstRunAt,
  };
}

/** The run of a message's first delivery. Read when asked for: it costs parsing the headers, and most runs are simply done. */
export class FirstAttempt implements RunAttempt {
  readonly redelivered = false;
  readonly #delivery: Delivery;
  #spent: ReturnType<typeof spentBefore> | null = null;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  get number(): number {
    return this.#before().runs + 1;
  }

  get crashes(): number {
    return this.#before().crashes;
  }

  get firstRunAt(): Date | null {
    const { firstRunAt } = this.#before();
    return firstRunAt === "" ? null : new Date(firstRunAt);
  }

  #before() {
    this.#spent ??= spentBefore(this.#delivery);
    return this.#spent;
  }
}
