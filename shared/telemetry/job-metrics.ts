import { counter, gauge, histogram } from "./definition.ts";

/** What becomes of a queue's messages besides being received and settled, and what its workers share. */
export const JOB_QUEUE_METRICS = {
  // Attempts
  crashed: counter("job_crashed_total", ["job"], "Runs found to have ended with their process, not with an outcome."),
  deadByReason: counter("job_dead_total", ["job", "reason"], "Messages that died, by reason code (docs/errors.md)."),
  recordsUnavailable: counter(
    "job_records_unavailable_total",
    ["job"],
    "Times that what a message has spent could not be read or written.",
  ),

  // Waiting
  released: counter("job_released_total", ["job"], "Parked messages that are back in their queue."),
  delayed: gauge("delayed_messages", ["connection"], "Messages waiting in the delayed stream."),
  pending: gauge("job_pending", ["job"], "Messages in the stream that no worker has been given yet."),
  inFlight: gauge("job_in_flight", ["job"], "Messages given to workers, all of them together, and not settled."),
  oldestSeconds: gauge("job_oldest_seconds", ["job"], "Age of the oldest message that is not settled."),

  // Leases
  leaseRenewed: counter("job_lease_renewed_total", ["job"], "Leases whose renewal the server confirmed."),
  eventLoopLag: gauge("event_loop_lag_seconds", [], "Longest the event loop was held up in the last ten seconds."),
  prefetch: gauge("job_prefetch", ["job"], "Messages the worker may hold; fewer when lag threatens leases."),

  // Order
  partitionChanges: counter(
    "job_partition_changes_total",
    ["job", "change"],
    "What became of partitions: taken, released, lost, paused, resumed or restarted.",
  ),
  partitionsOwned: gauge("job_partitions_owned", ["job"], "Partitions this worker owns."),
  partitionsPaused: gauge("job_partitions_paused", ["job"], "Owned partitions that wait: too much behind held keys."),
  heldBack: gauge("job_held_back", ["job"], "Messages held back behind an earlier one of their key."),

  // Operations
  paused: gauge("job_paused", ["job"], "1 while the job is paused."),
  stranded: gauge("job_stranded", ["job"], "Messages that no worker will be given again; 0 in a healthy queue."),
  swept: counter("job_swept_total", ["job"], "Stranded messages that the sweeper moved to the dead letters."),
  requeued: counter("job_requeued_total", ["job"], "Messages that lay unseen in their queue and were put back."),
  sweepFailed: counter("job_sweep_failed_total", ["job"], "Sweeps that did not end."),

  // Sinks
  sinkSeconds: histogram("sink_write_seconds", ["sink"], "Seconds until a sink confirmed an output."),
  sinkFailed: counter("sink_failed_total", ["job", "sink", "code"], "Outputs a sink did not confirm, by error code."),
} as const;
