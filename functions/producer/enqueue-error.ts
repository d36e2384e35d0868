import type { PublishFailure } from "../../shared/jetstream/puback.ts";
import type { InputIssue } from "../../shared/jobs/document.ts";

/** Why a message was not enqueued. */
export type EnqueueFailure =
  | "ENQUEUE_INVALID"
  | "ENQUEUE_FULL"
  | "ENQUEUE_NO_STREAM"
  | "ENQUEUE_REFUSED"
  | "ENQUEUE_UNAVAILABLE"
  | "ENQUEUE_UNCONFIRMED";

interface Facts {
  readonly code: EnqueueFailure;
  readonly retryable: boolean;
}

const FACTS: Readonly<Record<PublishFailure, Facts>> = {
  timeout: { code: "ENQUEUE_UNCONFIRMED", retryable: true },
  full: { code: "ENQUEUE_FULL", retryable: true },
  unavailable: { code: "ENQUEUE_UNAVAILABLE", retryable: true },
  no_stream: { code: "ENQUEUE_NO_STREAM", retryable: true },
  wrong_stream: { code: "ENQUEUE_REFUSED", retryable: false },
  too_large: { code: "ENQUEUE_REFUSED", retryable: false },
  refused: { code: "ENQUEUE_REFUSED", retryable: false },
};

/** A message that was not enqueued, or nobody knows whether it was (`ENQUEUE_UNCONFIRMED`). */
export class EnqueueError extends Error {
  override readonly name = "EnqueueError";
  readonly code: EnqueueFailure;
  /** Whether the same call may succeed later. With the same `id` it enqueues nothing twice. */
  readonly retryable: boolean;
  /** The id that the message has, or would have had. */
  readonly id: string;
  /** What is wrong with the payload, and where; empty unless the code is `ENQUEUE_INVALID`. */
  readonly issues: readonly InputIssue[];

  constructor(message: string, facts: Facts & { readonly id: string; readonly issues?: readonly InputIssue[] }) {
    super(message);
    this.code = facts.code;
    this.retryable = facts.retryable;
    this.id = facts.id;
    this.issues = facts.issues ?? [];
  }
}

/** What a publish that was not confirmed means for whoever enqueues. */
export function factsOfFailure(failure: PublishFailure): Facts {
  return FACTS[failure];
}
