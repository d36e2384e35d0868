/**
 * The moment at which a job was enqueued travels in its run's number: the process that enqueues and the one that runs read
 * the same monotonic clock of the system, whose epoch `hrtime` shares between processes.
 */
function microseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** A run's number that holds this moment. */
export function runOfNow(): string {
  return `00000000-0000-4000-8000-${microseconds().toString(16).padStart(12, "0")}`;
}

/** Milliseconds since the run's number was made. */
export function waitMs(run: string): number {
  return (microseconds() - Number.parseInt(run.slice(-12), 16)) / 1_000;
}
