import { type JetStreamClient, headers as makeHeaders } from "nats";
import type { StoredMessage } from "../../shared/jetstream/browse.ts";
import { makeConfigValue } from "./config.ts";

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

/** Stores a dead letter with its number as id and as place in its stream; resolves with its sequence. */
export async function publishDead(
  js: JetStreamClient,
  number: number,
  changes: Readonly<Record<string, string>> = {},
  body = `body ${number}`,
): Promise<number> {
  const own = { "Dead-Message-Id": `id-${number}`, "Dead-Sequence": String(number), "Dead-Subject": "jobs.n1" };
  const headers = makeHeaders();
  for (const [name, text] of Object.entries({ ...makeDeadHeaders(own), ...changes })) headers.set(name, text);
  return (await js.publish(`CHORIA_DEAD.${headers.get("Dead-Job")}`, body, { headers })).seq;
}

/** Stores so many, `first` the number of the first, some at a time: the order in which they are stored is open. */
export async function publishManyDead(
  js: JetStreamClient,
  count: number,
  changes: Readonly<Record<string, string>> = {},
  first = 1,
): Promise<void> {
  for (let from = 0; from < count; from += 250) {
    const size = Math.min(250, count - from);
    await Promise.all(Array.from({ length: size }, (_, at) => publishDead(js, first + from + at, changes)));
  }
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

/** A configuration with work queue JOBS and job `work`, whose dead letters the functions here fill. `job`: its times. */
export function deadLetterConfig(server: string, job: object): object {
  return makeConfigValue({
    connections: { main: { servers: [server] } },
    trust: { v2: { issuers: { choria: "ab".repeat(32) } } },
    ingest: {},
    streams: {
      JOBS: { connection: "main", subject: "jobs.{sender}", allowUnprovenSender: true },
      OUT: { connection: "main", subject: "out.{sender}", retention: "limits", allowUnprovenSender: true },
    },
    jobs: { work: { stream: "JOBS", sink: "store", ...job } },
    sinks: { store: { type: "jetstream", to: "OUT" } },
  });
}
