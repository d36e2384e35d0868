import { counter, gauge, histogram } from "./definition.ts";

export const BRIDGE_METRICS = {
  received: counter("received_total", ["ingest"], "Messages received."),
  receivedBytes: counter("received_bytes_total", ["ingest"], "Bytes received."),
  validated: counter("validated_total", ["ingest", "protocol", "proof"], "Messages whose security was proven."),
  rejected: counter("rejected_total", ["ingest", "code"], "Messages refused, by reason code (docs/errors.md)."),
  overload: counter("overload_total", ["ingest"], "Messages shed before validation: too many in hand."),
  validating: gauge("validating", [], "Messages being validated."),
  verifySeconds: histogram(
    "verify_seconds",
    ["ingest"],
    "Seconds from taking a message up to its verdict, waits for the crypto threads included; one message in 16 is timed.",
  ),
  senderClockSkew: histogram(
    "sender_clock_skew_seconds",
    ["ingest"],
    "What the sender's signed time is ahead of the arrival, of one message in 16; negative: behind, travel time included. v1 counts whole seconds.",
  ),
  cacheHits: counter("credential_cache_hits_total", ["protocol"], "Certificates and tokens that were proven before."),
  cacheMisses: counter("credential_cache_misses_total", ["protocol"], "Certificates and tokens verified from scratch."),
  cacheEntries: gauge("credential_cache_entries", ["protocol"], "Proven credentials that are remembered."),
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
  quarantineWaiting: gauge(
    "quarantine_waiting",
    [],
    "Rejected messages whose copy the quarantine stream has not confirmed.",
  ),
  quarantineSuspended: gauge(
    "quarantine_suspended",
    [],
    "1 while publishes to the quarantine stream fail or its connection is down. What is refused of a source waits for it.",
  ),
  sourcePending: gauge("source_pending", ["ingest"], "Messages in the source stream that no bridge was given yet."),
  sourceHeld: gauge("source_held", ["ingest"], "Messages taken from the source stream and not yet settled."),
  sourceExpired: counter(
    "source_expired_total",
    ["ingest"],
    "Messages the source let go of before they were handed over; every bridge counts all. Absent where it has other subjects.",
  ),
  sourceRedelivered: counter(
    "source_redelivered_total",
    ["ingest"],
    "Messages the source handed over again: given back, or their lease had ended.",
  ),
  sourceReturned: counter("source_returned_total", ["ingest"], "Messages given back to the source; they come again."),
  disconnects: counter(
    "disconnects_total",
    ["connection"],
    "Lost connections. On an ingest, what was published meanwhile is lost.",
  ),
  disconnectedSeconds: counter("disconnected_seconds_total", ["connection"], "Seconds without that connection."),
  credentialExpiry: gauge(
    "credential_expiry_seconds",
    ["connection"],
    "Seconds until the first credential in a connection's files ends, negative when it has. Absent where none ends.",
  ),
  trustChanges: counter("trust_changes_total", [], "Times another trust was taken into force without a restart."),
  trustRefusals: counter("trust_refusals_total", [], "Times trust was read again and refused; the old one stays."),
  trustRefused: gauge("trust_refused", [], "1 while what was read last is refused, and an older trust is in force."),
  crlNextUpdate: gauge(
    "crl_next_update_timestamp_seconds",
    [],
    "When the first revocation list is due for renewal. Absent without one.",
  ),
} as const;

/** Upper bounds in seconds of what takes a fraction of a millisecond when nothing waits. */
export const VERIFY_BUCKETS_SECONDS = [
  0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
] as const;

/** Upper bounds in seconds, on both sides of the right time; the default ttl refuses what is more than 60 s off. */
export const SKEW_BUCKETS_SECONDS = [
  -60, -30, -10, -5, -2, -1, -0.5, -0.1, -0.01, 0, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60,
] as const;

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
