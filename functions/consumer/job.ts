import type { BatchJobHandler } from "../../shared/jobs/batch.ts";
import type { JobHandler } from "../../shared/jobs/handler.ts";
import type { RetryPolicy } from "../../shared/jobs/retry.ts";
import type { RateLimit } from "../../shared/jobs/token-bucket.ts";

export type AnyHandler = JobHandler | BatchJobHandler;

/** A job with everything decided: what the configuration says, and what its handler overrides. */
export interface Job {
  readonly name: string;
  readonly handler: AnyHandler;
  /** Stream and durable consumer on the server. */
  readonly stream: string;
  readonly durable: string;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly ackWaitMs: number;
  /** Runs at the same time, in this process. */
  readonly concurrency: number;
  readonly rate: RateLimit | null;
  /** Runs that end with their process; then the message is dead. */
  readonly crashes: number;
  /** Longer delays are waited for outside the queue; null: never, for messages that keep their order or their place. */
  readonly parkAfterMs: number | null;
}
