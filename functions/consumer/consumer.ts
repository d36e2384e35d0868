import type { Job } from "./job.ts";

/** Something that pulls messages of one durable consumer until it is stopped. */
export interface Consumer {
  /** Messages taken and not settled yet. */
  readonly held: number;
  /** Why nothing can be pulled right now; null when it can. */
  readonly trouble: string | null;
  /** A drain found nothing more and has settled everything it took. Never resolves for a worker. */
  readonly emptied: Promise<void>;
  /** Resolves when `stop` has ended. */
  readonly stopped: Promise<void>;
  disconnected(): void;
  reconnected(): void;
  /** Stops within `deadlineMs`; resolves with the number of messages still unsettled then. */
  stop(deadlineMs: number): Promise<number>;
}

/** Consumes one job. */
export interface JobRunner extends Consumer {
  readonly job: Job;
  /** Runs under way. */
  readonly running: number;
  /** Most messages held or asked for right now. */
  readonly prefetch: number;
  /** Messages in hand that wait behind an earlier one of their key, or for its delay. */
  readonly heldBack: number;
  readonly isPaused: boolean;
  /** Begins no more runs until `resume`; what runs may end. */
  pause(): void;
  resume(): void;
}
