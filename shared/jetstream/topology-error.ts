import { JobsError } from "../jobs/errors.ts";

/** A setting that is not on the server as configured; values as people read them, under NATS's name for the setting. */
export interface SettingDifference {
  readonly setting: string;
  readonly configured: string;
  readonly actual: string;
  /** Whether JetStream can change it on what exists; otherwise it takes a new stream or consumer. */
  readonly isChangeable: boolean;
}

/** A stream or consumer that exists with other settings than configured. It is never used as it is. */
export class TopologyError extends JobsError {
  override readonly name = "TopologyError";
  readonly code = "TOPOLOGY_DIFFERS";
  readonly retryable = false;
  /** As `stream "ORDERS"` or `consumer "work" of stream "ORDERS"`. */
  readonly subject: string;
  readonly differences: readonly SettingDifference[];

  constructor(subject: string, differences: readonly SettingDifference[]) {
    super([`${subject} differs from the configuration:`, ...differences.map(describeDifference)].join("\n"));
    this.subject = subject;
    this.differences = differences;
  }
}

/** The server would not make or change a stream or consumer. */
export class TopologyRefusedError extends JobsError {
  override readonly name = "TopologyRefusedError";
  readonly code = "TOPOLOGY_REFUSED";
  readonly retryable = false;

  constructor(subject: string, reason: string, options?: ErrorOptions) {
    super(`the server refuses ${subject}: ${reason}`, options);
  }
}

export function describeDifference({ setting, configured, actual, isChangeable }: SettingDifference): string {
  const remedy = isChangeable ? "can be changed with --apply" : "cannot be changed: configure it so, or use a new name";
  return `  ${setting}: configured ${configured}, on the server ${actual} (${remedy})`;
}
