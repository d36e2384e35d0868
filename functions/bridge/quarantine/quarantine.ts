import { createHash } from "node:crypto";
import { headerText } from "../../../shared/jetstream/header-text.ts";
import type { Lane, LaneMessage, Settle } from "../../../shared/jetstream/lane.ts";
import type { QuarantineCounters } from "../accounting/counters.ts";
import { Budget, WaitingLine } from "./budget.ts";

/** Headers of a quarantined message; the body is what arrived, byte for byte unless truncated. */
export const QUARANTINE_HEADERS = {
  code: "Choria-Quarantine-Code",
  detail: "Choria-Quarantine-Detail",
  ingest: "Choria-Quarantine-Ingest",
  subject: "Choria-Quarantine-Subject",
  /** Milliseconds since 1970 at which the bridge received it: replay judges the age by this. */
  receivedAt: "Choria-Quarantine-Received-At",
  /** `<name>: <value>`, once for each header it came with: a submission is proven by them. */
  header: "Choria-Quarantine-Header",
  /** `true` where a header was left out: too much of them, or a token, which is never stored. */
  headersCut: "Choria-Quarantine-Headers-Cut",
  /** Present when the body was cut: SHA-256 (hex) and length of the whole. */
  digest: "Choria-Quarantine-Digest",
  bytes: "Choria-Quarantine-Bytes",
} as const;

/** Room left for headers when deciding whether a body fits the server's max_payload. */
const HEADER_ROOM_BYTES = 4_096;
const TRUNCATED_BYTES = 65_536;
/** Details and subjects may quote what a hostile sender wrote. */
const DETAIL_CHARACTERS = 512;
/** Of the headers a message came with, within the room that is left for all. */
const CARRIED_BYTES = 2_048;
const TOKEN = /^choria-token$/i;
const HEADERS_CUT: [string, string] = [QUARANTINE_HEADERS.headersCut, "true"];

export interface QuarantineEntry {
  readonly code: string;
  readonly detail: string;
  readonly ingest: string;
  readonly subject: string;
  readonly receivedAtMs: number;
  readonly arrivedAt: number;
  readonly body: Uint8Array;
  /** What it came with. */
  readonly headers: () => readonly (readonly [name: string, value: string])[];
  /** They are too many to be looked at: `headers` does not have them. */
  readonly headersLeftOut: boolean;
}

export interface QuarantineSettings {
  /** Subjects are `<prefix>.<code>`. */
  readonly prefix: string;
  /** Most copies a second of messages that nobody sends again; and as many, for each ingest, of those that can wait. */
  readonly perSecond: number;
  /** Unique to this process: makes message ids that no restart repeats. */
  readonly instance: string;
  readonly maxPayload: () => number;
}

/**
 * Keeps rejected messages: on its own lane and within a budget per second, so that a flood of rubbish can neither fill the
 * disk nor take anything from accepted messages. What nobody sends again is kept best effort, and counted by code when it
 * is not. What can wait waits for the budget, so that whoever sends it is slowed down and nothing of it is lost.
 */
export class Quarantine {
  readonly #lane: Pick<Lane, "offer">;
  readonly #settings: QuarantineSettings;
  readonly #counters: QuarantineCounters;
  readonly #now: () => number;
  readonly #budget: Budget;
  readonly #lines = new Map<string, WaitingLine<Waiting>>();
  #sequence = 0;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(
    lane: Pick<Lane, "offer">,
    settings: QuarantineSettings,
    counters: QuarantineCounters,
    now: () => number,
  ) {
    this.#lane = lane;
    this.#settings = settings;
    this.#counters = counters;
    this.#now = now;
    this.#budget = new Budget(settings.perSecond);
  }

  /** `settled` is kept when the copy is stored or never will be; null: nobody can send the message again. */
  keep(entry: QuarantineEntry, settled: Settle | null): void {
    if (settled !== null) this.#lineOf(entry.ingest).add({ entry, settled });
    else if (this.#budget.take(this.#now())) this.#store(entry, null);
    else this.#counters.dropped += 1;
  }

  /** What waits has to come again. */
  close(): void {
    for (const line of this.#lines.values()) for (const { settled } of line.close()) settled(false);
  }

  /** A line for each ingest: a flood on one must not delay the rejected messages of another. */
  #lineOf(ingest: string): WaitingLine<Waiting> {
    const known = this.#lines.get(ingest);
    if (known !== undefined) return known;
    const store = ({ entry, settled }: Waiting) => this.#store(entry, settled);
    const line = new WaitingLine(new Budget(this.#settings.perSecond), store, this.#now);
    this.#lines.set(ingest, line);
    return line;
  }

  #store(entry: QuarantineEntry, settled: Settle | null): void {
    this.#sequence += 1;
    const id = `${this.#settings.instance}.${this.#sequence}`;
    this.#lane.offer({ ...quarantineMessage(entry, id, this.#settings), settled });
  }
}

interface Waiting {
  readonly entry: QuarantineEntry;
  readonly settled: Settle;
}

function quarantineMessage(
  entry: QuarantineEntry,
  id: string,
  settings: QuarantineSettings,
): Omit<LaneMessage, "settled"> {
  const headers: (readonly [string, string])[] = [
    [QUARANTINE_HEADERS.code, entry.code],
    [QUARANTINE_HEADERS.detail, headerText(entry.detail, DETAIL_CHARACTERS)],
    [QUARANTINE_HEADERS.ingest, entry.ingest],
    [QUARANTINE_HEADERS.subject, headerText(entry.subject, DETAIL_CHARACTERS)],
    [QUARANTINE_HEADERS.receivedAt, String(entry.receivedAtMs)],
    ...(entry.headersLeftOut ? [HEADERS_CUT] : carriedHeaders(entry.headers())),
  ];
  const room = Math.max(0, settings.maxPayload() - HEADER_ROOM_BYTES);
  let { body } = entry;
  if (entry.code === "too_large_to_store" || body.length > room) {
    headers.push([QUARANTINE_HEADERS.digest, createHash("sha256").update(body).digest("hex")]);
    headers.push([QUARANTINE_HEADERS.bytes, String(body.length)]);
    body = body.subarray(0, Math.min(TRUNCATED_BYTES, room));
  }
  // A copy: what arrived is a view into what the socket read, 64 kB that would be kept alive and not counted.
  body = Uint8Array.from(body);
  // Its own key for each: quarantined messages have no order to keep.
  const subject = `${settings.prefix}.${entry.code}`;
  return { subject, id, key: id, origin: entry.ingest, headers, body, arrivedAt: entry.arrivedAt };
}

/** Headers that do not fit, or hold a token, cost the message its replay and nothing else. */
function carriedHeaders(carried: readonly (readonly [name: string, value: string])[]): [string, string][] {
  const kept = carried
    .filter(([name]) => !TOKEN.test(name))
    .map(([name, value]) => headerText(`${name}: ${value}`, CARRIED_BYTES));
  const isCut = kept.length < carried.length;
  const bytes = kept.reduce((sum, line) => sum + QUARANTINE_HEADERS.header.length + Buffer.byteLength(line), 0);
  if (bytes > CARRIED_BYTES) return [HEADERS_CUT];
  const lines = kept.map((line): [string, string] => [QUARANTINE_HEADERS.header, line]);
  return isCut ? [...lines, HEADERS_CUT] : lines;
}
