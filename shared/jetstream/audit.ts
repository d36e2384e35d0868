import { setTimeout as wait } from "node:timers/promises";
import { type PublishChannel, publishOnce } from "./publish-once.ts";

/** Who did what to a queue. */
export interface AuditRecord {
  /** Such as `dead.replay` or `jobs.pause`; its subject is `<stream>.<action>`. */
  readonly action: string;
  /** Such as `user@host`. */
  readonly by: string;
  readonly at: Date;
  /** The same for all records of one command, so that they can be put together; `part` numbers them from 0. */
  readonly run: string;
  readonly part: number;
  /** What was asked for and what was done, as JSON has it. */
  readonly details: Readonly<Record<string, unknown>>;
}

const TRIES = 3;
const BETWEEN_TRIES_MS = 500;

/** Stores a record; rejects when the stream did not confirm it: what leaves no trace must not go on. */
export async function appendAudit(channel: PublishChannel, stream: string, record: AuditRecord): Promise<void> {
  const { action, by, at, run, part, details } = record;
  const body = Buffer.from(JSON.stringify({ action, by, at: at.toISOString(), run, part, ...details }));
  const publication = { subject: `${stream}.${action}`, stream, id: `${run}:${part}`, headers: [], body };
  let told = "";
  for (let sent = 0; sent < TRIES; sent++) {
    if (sent > 0) await wait(BETWEEN_TRIES_MS);
    const result = await publishOnce(channel, publication);
    if (result.stored) return;
    told = `${result.failure}: ${result.detail}`;
  }
  throw new Error(`the audit stream "${stream}" did not take a record (${told})`);
}
