/**
 * Headers that a job's messages carry through parking, replay and death. Whoever may publish to the stream may write them:
 * like all that stands in a work queue they are trusted as far as its publishers are.
 */
export const JOB_HEADERS = {
  /** What outputs are keyed by, on copies whose own message id is another: parked ones and replays. */
  id: "Job-Id",
  /** Runs that the message has spent in earlier lives. */
  attempts: "Job-Attempts",
  /** Runs among them that ended with their process. */
  crashes: "Job-Crashes",
  /** How often it was parked. */
  parks: "Job-Parks",
  /** How often it was replayed out of the dead letters. */
  replays: "Job-Replays",
  /** `<stream>:<sequence>:<milliseconds>` of the message it was a copy of that lay in its queue unseen. */
  requeuedFrom: "Job-Requeued-From",
  /** When its first run began, RFC 3339. */
  firstRunAt: "Job-First-Run-At",
} as const;

/** Headers of a message that waits in the delayed stream. */
export const DELAY_HEADERS = {
  /** Milliseconds since 1970. */
  until: "Delay-Until",
  /** Where it goes then. */
  subject: "Delay-Subject",
  stream: "Delay-Stream",
  /** The message id it gets there. */
  id: "Delay-Message-Id",
} as const;

/** Headers of a dead letter, besides those the message had. */
export const DEAD_HEADERS = {
  reason: "Dead-Reason",
  error: "Dead-Error",
  attempts: "Dead-Attempts",
  job: "Dead-Job",
  handler: "Dead-Handler",
  stream: "Dead-Stream",
  sequence: "Dead-Sequence",
  subject: "Dead-Subject",
  messageId: "Dead-Message-Id",
  storedAt: "Dead-Stored-At",
  firstRunAt: "Dead-First-Run-At",
  at: "Dead-At",
  truncatedFrom: "Dead-Truncated-From",
  sha256: "Dead-Sha256",
} as const;
