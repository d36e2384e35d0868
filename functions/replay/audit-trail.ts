import { randomUUID } from "node:crypto";
import { keptConnection } from "../../shared/config/names.ts";
import { auditSpec } from "../../shared/config/resolve.ts";
import { appendAudit } from "../../shared/jetstream/audit.ts";
import type { Channel } from "../../shared/jetstream/channel.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import { ensureStream } from "../../shared/jetstream/topology.ts";
import type { Reach } from "./store.ts";

/** Something done, as the audit keeps it. */
export interface AuditEntry {
  readonly sequence: number;
  readonly job: string;
  readonly id?: string;
}

export interface AuditedCommand {
  readonly action: string;
  readonly by: string;
  /** In the words of who did it. */
  readonly why?: string;
  /** Options and arguments that chose what it is done to. */
  readonly selection: Readonly<Record<string, unknown>>;
}

export interface AuditStream {
  readonly channel: Channel;
  readonly stream: string;
}

const MOST_ENTRIES = 1_000;
/** An id may have a thousand characters: a record of many has to stay below the server's `max_payload`. */
const MOST_CHARACTERS = 256 * 1_024;

/** The audit stream's channel and name; the stream is made if it is missing. */
export async function openAudit({ config, channels }: Reach): Promise<AuditStream> {
  const channel = await channels.get(keptConnection(config, "audit") ?? "");
  const spec = auditSpec(config);
  await ensureStream(await manage(channel.connection), spec, { apply: false });
  return { channel, stream: spec.name };
}

/**
 * Records what a command does, as it does it: that it begins, each thousand of what it has done, and how it ended. A run
 * without an end was cut off, and what it did last may be missing: at most a record's worth.
 */
export class AuditTrail {
  readonly #audit: AuditStream;
  readonly #command: AuditedCommand;
  readonly #run = randomUUID();
  #part = 0;
  #entries: AuditEntry[] = [];
  #characters = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(audit: AuditStream, command: AuditedCommand) {
    this.#audit = audit;
    this.#command = command;
  }

  begin(): Promise<void> {
    this.#append({ type: "begin", ...this.#asked() });
    return this.#writing;
  }

  add(entry: AuditEntry): void {
    this.#entries.push(entry);
    this.#characters += entry.job.length + (entry.id?.length ?? 0);
    if (this.#entries.length >= MOST_ENTRIES || this.#characters >= MOST_CHARACTERS) this.#flush();
  }

  /** Resolves when every record so far is stored; rejects when one is not, and then nothing more should be done. */
  written(): Promise<void> {
    return this.#writing;
  }

  end(totals: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#entries.length > 0) this.#flush();
    this.#append({ type: "end", ...this.#asked(), totals });
    return this.#writing;
  }

  #asked() {
    const { why, selection } = this.#command;
    return why === undefined ? { selection } : { why, selection };
  }

  #flush(): void {
    const done = this.#entries;
    this.#entries = [];
    this.#characters = 0;
    this.#append({ type: "done", done });
  }

  #append(details: Readonly<Record<string, unknown>>): void {
    const { action, by } = this.#command;
    const { channel, stream } = this.#audit;
    const record = { action, by, at: new Date(), run: this.#run, part: this.#part, details };
    this.#part += 1;
    this.#writing = this.#writing.then(() => appendAudit(channel, stream, record));
    this.#writing.catch(() => {}); // reported by `written` and `end`
  }
}
