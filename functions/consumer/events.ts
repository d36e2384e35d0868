/**
 * How a message left a worker's hands. `snoozed`: again later, uncounted. `parked`: moved to the delayed stream. `returned`: given
 * back untouched or unfinished, because the worker stops or pauses.
 */
export type SettledOutcome = "done" | "retried" | "snoozed" | "parked" | "dead" | "dropped" | "returned";

/**
 * `taken`, `released`, `lost`: this worker owns the partition, no longer, or could not keep it. `paused`, `resumed`: as many messages
 * as allowed wait behind keys that are held, so nothing is pulled. `restarted`: deliveries may have been lost on their way, so the
 * server is made to begin again with the oldest message that is not settled.
 */
export type PartitionChange = "taken" | "released" | "lost" | "paused" | "resumed" | "restarted";

/**
 * What happens in a worker, for those who count it: metrics, the ledger, the live view. `job` is the name in the
 * configuration. Each event is reported where it happens, never worked out from others.
 */
export type JobEvent =
  | { readonly type: "received"; readonly job: string }
  /** A run ended, whatever its outcome. */
  | { readonly type: "ran"; readonly job: string; readonly runMs: number }
  /** The server confirmed the acknowledgement. `sequence`: the message's place in the job's stream. `latencyMs`: since the stream took the message. `reason`: a code, or "". */
  | {
      readonly type: "settled";
      readonly job: string;
      readonly outcome: SettledOutcome;
      readonly reason: string;
      readonly sequence: number;
      readonly latencyMs: number;
    }
  /** An output was stored by a sink; `duplicate`: it held it already, `maybeDuplicate`: it may hold it twice. */
  | {
      readonly type: "published";
      readonly job: string;
      readonly sink: string;
      readonly duplicate: boolean;
      readonly maybeDuplicate: boolean;
      readonly writeMs: number;
    }
  /** A sink did not confirm an output; `code`: of the error. */
  | { readonly type: "publish_failed"; readonly job: string; readonly sink: string; readonly code: string }
  /** The body did not fit the handler's schema: it is dead-lettered. */
  | { readonly type: "invalid_input"; readonly job: string }
  /** An acknowledgement was sent and never confirmed: the message may come again. */
  | { readonly type: "ack_unconfirmed"; readonly job: string; readonly outcome: SettledOutcome }
  /** The lease ended before the message was settled: nothing was sent, and it comes again. */
  | { readonly type: "lease_over"; readonly job: string }
  /** A lease of a message in hand was renewed, and the server confirmed it. */
  | { readonly type: "lease_renewed"; readonly job: string }
  /** An earlier run of the message never told how it ended: its process died, or lost the message. */
  | { readonly type: "crashed"; readonly job: string }
  /** What a message has spent cannot be read or written: its run waits, or it is given back. */
  | { readonly type: "records_unavailable"; readonly job: string; readonly detail: string }
  /** A parked message is back in its queue. */
  | { readonly type: "released"; readonly job: string }
  /** A message whose deliveries were spent was found and taken to the dead letters. */
  | { readonly type: "swept"; readonly job: string; readonly reason: string }
  /** A message that lay in its queue, unseen by its consumer, was put back at the end of it. */
  | { readonly type: "requeued"; readonly job: string }
  /** A sweep did not end; the next one tries again. `job`: what it was about, a stream or a job. */
  | { readonly type: "sweep_failed"; readonly job: string; readonly detail: string }
  /** The dead-letter stream did not take a copy: the message is held, and the copy tried again. */
  | { readonly type: "dead_letter_failed"; readonly job: string }
  /** Something became of a partition of an ordered job. */
  | { readonly type: "partition"; readonly job: string; readonly partition: number; readonly change: PartitionChange }
  /** Pulling failed and is tried again. */
  | { readonly type: "pull_trouble"; readonly job: string; readonly detail: string };

export type JobObserver = (event: JobEvent) => void;
