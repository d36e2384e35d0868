import { createHash } from "node:crypto";
import { headerText } from "../../../shared/jetstream/header-text.ts";
import type { Lane, LaneMessage } from "../../../shared/jetstream/lane.ts";
import type { QuarantineCounters } from "../accounting/counters.ts";

/** Headers of a quarantined message; the body is what arrived, byte for byte unless truncated. */
export const QUARANTINE_HEADERS = {
  code: "Choria-Quarantine-Code",
  detail: "Choria-Quarantine-Detail",
  ingest: "Choria-Quarantine-Ingest",
  subject: "Choria-Quarantine-Subject",
  /** Milliseconds since 1970 at which the bridge received it: replay judges the age by this. */
  receivedAt: "Choria-Quarantine-Received-At",
  /** Present when the body was cut: SHA-256 (hex) and length of the whole. */
  digest: "Choria-Quarantine-Digest",
  bytes: "Choria-Quarantine-Bytes",
} as const;

/** Room left for headers when deciding whether a body fits the server's max_payload. */
const HEADER_ROOM_BYTES = 4_096;
const TRUNCATED_BYTES = 65_536;
/** Details and subjects may quote what a hostile sender wrote. */
const DETAIL_CHARACTERS = 512;

export interface QuarantineEntry {
  readonly code: string;
  readonly detail: string;
  readonly ingest: string;
  readonly subject: string;
  readonly receivedAtMs: number;
  readonly arrivedAt: number;
  readonly body: Uint8Array;
}

export interface QuarantineSettings {
  /** Subjects are `<prefix>.<code>`. */
  readonly prefix: string;
  readonly perSecond: number;
  /** Unique to this process: makes message ids that no restart repeats. */
  readonly instance: string;
  readonly maxPayload: () => number;
}

/**
 * Keeps rejected messages, best effort: its own lane and a budget per second, so that a flood of rubbish can neither
 * fill the disk nor take anything from accepted messages. What is not kept was still counted by code.
 */
export class Quarantine {
  readonly #lane: Lane;
  readonly #settings: QuarantineSettings;
  readonly #counters: QuarantineCounters;
  #second = 0;
  #keptThisSecond = 0;
  #sequence = 0;

  constructor(lane: Lane, settings: QuarantineSettings, counters: QuarantineCounters) {
    this.#lane = lane;
    this.#settings = settings;
    this.#counters = counters;
  }

  keep(entry: QuarantineEntry): void {
    if (!this.#withinBudget(entry.arrivedAt)) {
      this.#counters.dropped += 1;
      return;
    }
    this.#sequence += 1;
    const id = `${this.#settings.instance}.${this.#sequence}`;
    this.#lane.offer(quarantineMessage(entry, id, this.#settings));
  }

  #withinBudget(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#keptThisSecond = 0;
    }
    this.#keptThisSecond += 1;
    return this.#keptThisSecond <= this.#settings.perSecond;
  }
}

function quarantineMessage(entry: QuarantineEntry, id: string, settings: QuarantineSettings): LaneMessage {
  const headers: (readonly [string, string])[] = [
    [QUARANTINE_HEADERS.code, entry.code],
    [QUARANTINE_HEADERS.detail, headerText(entry.detail, DETAIL_CHARACTERS)],
    [QUARANTINE_HEADERS.ingest, entry.ingest],
    [QUARANTINE_HEADERS.subject, headerText(entry.subject, DETAIL_CHARACTERS)],
    [QUARANTINE_HEADERS.receivedAt, String(entry.receivedAtMs)],
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
  return { subject: `${settings.prefix}.${entry.code}`, id, key: id, headers, body, arrivedAt: entry.arrivedAt };
}
