import type { JobHandler } from "../../shared/jobs/handler.ts";
import type { RetryPolicy } from "../../shared/jobs/retry.ts";

/** A job with everything decided: what the configuration says, and what its handler overrides. */
export interface Job {
  readonly name: string;
  readonly handler: JobHandler;
  /** Stream and durable consumer on the server. */
  readonly stream: string;
  readonly durable: string;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly ackWaitMs: number;
  /** Runs at the same time, in this process. */
  readonly concurrency: number;
}

/**
 * Messages held or asked for per running slot. With two, a message waits at most one timeout for its slot and runs for
 * another: together the default lease. More would let leases run out in the buffer.
 */
const HELD_PER_SLOT = 2;

/** Most messages a job holds or has asked for. */
export function prefetchOf(job: Job): number {
  return job.concurrency * HELD_PER_SLOT;
}
