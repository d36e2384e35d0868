import { counter, gauge, histogram } from "./definition.ts";

export const BRIDGE_METRICS = {
  received: counter("received_total", ["ingest"], "Messages received."),
  receivedBytes: counter("received_bytes_total", ["ingest"], "Bytes received."),
  validated: counter("validated_total", ["ingest", "protocol", "proof"], "Messages whose security was proven."),
  rejected: counter("rejected_total", ["ingest", "code"], "Messages refused, by reason code (docs/errors.md)."),
  overload: counter("overload_total", ["ingest"], "Messages shed before validation: too many in hand."),
  validating: gauge("validating", [], "Messages being validated."),
  accepted: counter("accepted_total", ["stream"], "Proven messages given to a stream's lane."),
  stored: counter("stored_total", ["stream"], "Messages a PubAck confirmed as stored."),
  duplicate: counter("duplicate_total", ["stream"], "Messages the stream held already."),
  maybeDuplicate: counter("maybe_duplicate_total", ["stream"], "Stored by a retry later than the duplicate window."),
  shed: counter("shed_total", ["stream", "reason"], "Proven messages not stored, by reason."),
  publishRetries: counter(
    "publish_retries_total",
    ["stream", "failure"],
    "Publishes that were not stored and are retried.",
  ),
  bufferMessages: gauge("buffer_messages", ["stream"], "Messages accepted and not yet stored."),
  bufferBytes: gauge("buffer_bytes", ["stream"], "Bytes accepted and not yet stored."),
  inFlight: gauge("publish_in_flight", ["stream"], "Publishes awaiting their PubAck."),
  suspended: gauge("stream_suspended", ["stream"], "1 while publishes fail or the connection is down."),
  storeSeconds: histogram("store_seconds", ["stream"], "Seconds from arrival to PubAck."),
  quarantined: counter("quarantined_total", [], "Rejected messages kept in the quarantine stream."),
  quarantineDropped: counter("quarantine_dropped_total", [], "Rejected messages that were counted but not kept."),
  disconnects: counter(
    "disconnects_total",
    ["connection"],
    "Lost connections. On an ingest, what was published meanwhile is lost.",
  ),
  disconnectedSeconds: counter("disconnected_seconds_total", ["connection"], "Seconds without that connection."),
} as const;

export const WORKER_METRICS = {
  received: counter("job_received_total", ["job"], "Messages a worker was given."),
  settled: counter(
    "job_settled_total",
    ["job", "outcome"],
    "Messages that left the worker, by outcome: done, retried, snoozed, parked, dead, dropped or returned.",
  ),
  published: counter("job_published_total", ["job"], "Outputs a sink confirmed."),
  publishedDuplicates: counter("job_published_duplicate_total", ["job"], "Outputs the sink held already."),
  publishedMaybeDuplicates: counter(
    "job_published_maybe_duplicate_total",
    ["job"],
    "Outputs written again by a once-guard after a write whose end nobody knows.",
  ),
  invalidInput: counter("job_invalid_input_total", ["job"], "Messages that did not fit the handler's schema."),
  ackUnconfirmed: counter("job_ack_unconfirmed_total", ["job"], "Acknowledgements the server never confirmed."),
  leaseOver: counter("job_lease_over_total", ["job"], "Messages whose lease ended before they were settled."),
  deadLetterFailed: counter("job_dead_letter_failed_total", ["job"], "Dead letters that could not be stored yet."),
  pullTroubles: counter("job_pull_trouble_total", ["job"], "Pull requests that failed and were tried again."),
  held: gauge("job_held", [], "Messages in the worker's hands."),
  runSeconds: histogram("job_run_seconds", ["job"], "Seconds a handler ran."),
  latencySeconds: histogram("job_latency_seconds", ["job"], "Seconds from being stored to being settled."),
} as const;

/** Upper bounds in seconds, close enough together to read percentiles off them. */
export const LATENCY_BUCKETS_SECONDS = [
  0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
  120,
] as const;
