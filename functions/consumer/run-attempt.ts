/** Where a run stands among those of its message. */
export interface RunAttempt {
  /** Of this run, from 1. Deliveries without a run are not counted, and neither are runs that snoozed. */
  readonly number: number;
  /** Runs among those before it that ended with their process. */
  readonly crashes: number;
  /** When the first of them began; null: this is the first. */
  readonly firstRunAt: Date | null;
  /** The server handed the message over before. */
  readonly redelivered: boolean;
}
