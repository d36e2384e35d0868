import type { StoredMessage } from "../../shared/jetstream/browse.ts";

/** The headers of a dead letter as a worker writes them. */
export function makeDeadHeaders(changes: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    "Choria-Sender": "n1.example.net",
    "Dead-Reason": "NO_SUCH_HOST",
    "Dead-Error": "who is that",
    "Dead-Attempts": "3",
    "Dead-Job": "work",
    "Dead-Handler": "store",
    "Dead-Stream": "JOBS",
    "Dead-Sequence": "7",
    "Dead-Subject": "jobs.a",
    "Dead-Message-Id": "abc",
    "Dead-Stored-At": "2026-11-20T10:00:00.123Z",
    "Dead-At": "2026-11-20T11:00:00.000Z",
    ...changes,
  };
}

/** A message of the dead-letter stream, as if read from it. */
export function makeStored(headers: Readonly<Record<string, string>>, body = "body"): StoredMessage {
  return {
    sequence: 1,
    subject: "DEAD.work",
    storedAt: new Date("2026-11-20T11:00:01Z"),
    header: (name) => headers[name] || null,
    headers: () => Object.entries(headers),
    data: Buffer.from(body),
  };
}
