import { randomUUID } from "node:crypto";
import { appendAudit } from "../../../shared/jetstream/audit.ts";
import { openAudit } from "../../replay/audit-trail.ts";
import type { CommandConnections } from "../command-connections.ts";
import type { OpenConfig } from "../config-file.ts";

/** Who paused or resumed which job. */
export interface PauseRecord {
  readonly action: "jobs.pause" | "jobs.resume";
  readonly by: string;
  readonly at: Date;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Stores a record; rejects when the audit stream did not confirm it. */
export type AppendRecord = (record: PauseRecord) => Promise<void>;

/** Appends to the configuration's audit stream, which is made when it is missing. */
export function auditWriter({ config }: OpenConfig, { channels }: CommandConnections): AppendRecord {
  return async (record) => {
    const { channel, stream } = await openAudit({ config, channels });
    await appendAudit(channel, stream, { ...record, run: randomUUID(), part: 0 });
  };
}
