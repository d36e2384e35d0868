import { DEAD_HEADERS, JOB_HEADERS } from "../jobs/headers.ts";
import type { StoredMessage } from "./browse.ts";

/** A dead letter, read back. What a header does not say is empty, 0 or null. */
export interface DeadLetter {
  /** Its place in the dead-letter stream. */
  readonly sequence: number;
  readonly job: string;
  readonly handler: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly diedAt: Date;
  readonly firstRunAt: Date | null;
  readonly sender: string;
  /** The stream it came from. */
  readonly stream: string;
  readonly streamSequence: number;
  readonly subject: string;
  readonly storedAt: Date | null;
  /** What its outputs are keyed by: the same in every life of the message. */
  readonly id: string;
  /** How often it was replayed before it died. */
  readonly replays: number;
  /** Length of the whole body where only a part was kept. */
  readonly truncatedFrom: number | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

export function readDeadLetter(message: StoredMessage): DeadLetter {
  const text = (name: string): string => message.header(name) ?? "";
  const truncatedFrom = message.header(DEAD_HEADERS.truncatedFrom);
  return {
    sequence: message.sequence,
    job: text(DEAD_HEADERS.job),
    handler: text(DEAD_HEADERS.handler),
    reason: text(DEAD_HEADERS.reason),
    error: text(DEAD_HEADERS.error),
    attempts: count(text(DEAD_HEADERS.attempts)),
    diedAt: instant(text(DEAD_HEADERS.at)) ?? message.storedAt,
    firstRunAt: instant(text(DEAD_HEADERS.firstRunAt)),
    sender: text("Choria-Sender"),
    stream: text(DEAD_HEADERS.stream),
    streamSequence: count(text(DEAD_HEADERS.sequence)),
    subject: text(DEAD_HEADERS.subject),
    storedAt: instant(text(DEAD_HEADERS.storedAt)),
    id: idOf(text),
    replays: count(text(JOB_HEADERS.replays)),
    truncatedFrom: truncatedFrom === null ? null : count(truncatedFrom),
    headers: message.headers(),
    body: message.data,
  };
}

/** The text that a worker keys outputs by (`inputId`): for a message without an id its place in its stream, and its time. */
function idOf(text: (name: string) => string): string {
  const given = text(JOB_HEADERS.id) || text(DEAD_HEADERS.messageId);
  const storedAt = instant(text(DEAD_HEADERS.storedAt));
  if (given !== "" || storedAt === null) return given;
  return `${text(DEAD_HEADERS.stream)}:${text(DEAD_HEADERS.sequence)}:${storedAt.getTime()}`;
}

function count(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

function instant(text: string): Date | null {
  const date = new Date(text);
  return text === "" || Number.isNaN(date.getTime()) ? null : date;
}

/** Which dead letters are meant; null: whatever it is. */
export interface DeadLetterFilter {
  readonly job: string | null;
  readonly reason: string | null;
  readonly sender: string | null;
  readonly id: string | null;
  readonly diedBefore: Date | null;
  readonly diedAfter: Date | null;
}

export function fits(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  const isEqual = (["job", "reason", "sender", "id"] as const).every(
    (name) => filter[name] === null || filter[name] === letter[name],
  );
  const { diedBefore, diedAfter } = filter;
  return (
    isEqual && (diedBefore === null || letter.diedAt < diedBefore) && (diedAfter === null || letter.diedAt > diedAfter)
  );
}
