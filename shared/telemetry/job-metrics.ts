import { counter, gauge, histogram } from "./definition.ts";

/** What becomes of a queue's messages besides being received and settled, and what its workers share. */
export const JOB_QUEUE_METRICS = {
  // Attempts
  runs: counter("job_runs_total", ["job"], "Handler runs that began. A delivery without a run is none."),
  crashes: counter("job_crashes_total", ["job"], "Runs found to have ended with their process, not with an outcome."),
  snoozed: counter("job_snoozed_total", ["job"], "Runs that asked to be run later, at no cost of an attempt."),
  deadByReason: counter("job_dead_total", ["job", "reason"], "Dead letters stored, by reason code (docs/errors.md)."),
  replayed: counter("job_replayed_total", ["job"], "Messages received that were put back from the dead letters."),

  // Waiting
  parked: counter("job_parked_total", ["job"], "Messages moved to the delayed stream for a long delay."),
  parkFailed: counter("job_park_failed_total", ["job"], "Long delays waited for in the queue: the move failed."),
  released: counter("delayed_released_total", ["connection"], "Messages put back from the delayed stream."),
  releaseFailed: counter("delayed_release_failed_total", ["connection"], "Puts back that failed and are tried again."),
  delayed: gauge("delayed_messages", ["connection"], "Messages waiting in the delayed stream."),
  pending: gauge("job_pending", ["job"], "Messages in the stream that no worker has been given yet."),
  inFlight: gauge("job_in_flight", ["job"], "Messages given to workers, all of them together, and not settled."),
  oldestSeconds: gauge("job_oldest_seconds", ["job"], "Age of the oldest message that is not settled."),
  startSeconds: histogram("job_start_seconds", ["job"], "Seconds from being stored to the start of the first run."),

  // Leases
  leaseRenewals: counter("job_lease_renewals_total", ["job"], "Leases whose renewal the server confirmed."),
  leaseRenewalFailed: counter("job_lease_renewal_failed_total", ["job"], "Renewals that were not confirmed in time."),
  eventLoopLag: gauge("event_loop_lag_seconds", [], "Longest the event loop was held up lately."),
  prefetch: gauge("job_prefetch", ["job"], "Messages the worker may hold; it shrinks when lag threatens leases."),

  // Order
  partitionsOwned: gauge("job_partitions_owned", ["job"], "Partitions this worker owns."),
  partitionsPaused: gauge(
    "job_partitions_paused",
    ["job"],
    "Owned partitions that wait: too much behind blocked keys.",
  ),
  partitionChanges: counter(
    "job_partition_changes_total",
    ["job", "change"],
    "Partitions that changed hands: taken, given_up or lost.",
  ),
  keysBlocked: gauge("job_keys_blocked", ["job"], "Keys whose first message is run or waits for a retry."),
  heldBack: gauge("job_held_back", ["job"], "Messages held back behind an earlier one of their key."),

  // Operations
  paused: gauge("job_paused", ["job"], "1 while the job is paused."),
  stranded: gauge("job_stranded", ["job"], "Messages that no worker will be given again; 0 in a healthy queue."),
  swept: counter("job_swept_total", ["job"], "Stranded messages that the sweeper moved to the dead letters."),
  sweepFailed: counter("job_sweep_failed_total", ["job"], "Sweeps that did not end."),

  // Sinks
  sinkSeconds: histogram("sink_write_seconds", ["sink"], "Seconds until a sink confirmed an output."),
  sinkFailed: counter("sink_failed_total", ["sink", "code"], "Outputs a sink did not confirm, by error code."),
} as const;
