import { judge } from "../../../shared/choria/judge.ts";
import type { Rejection } from "../../../shared/choria/message.ts";
import { adapterOutput } from "../../../shared/choria/output.ts";
import type { Trust } from "../../../shared/choria/trust.ts";
import { streamName } from "../../../shared/config/names.ts";
import type { Config } from "../../../shared/config/schema.ts";
import type { StoredMessage } from "../../../shared/jetstream/browse.ts";
import type { PubAckResult } from "../../../shared/jetstream/puback.ts";
import type { Publication } from "../../../shared/jetstream/publish-once.ts";
import { compileTemplate } from "../../../shared/subjects/template.ts";
import { unacceptable } from "../ingest.ts";
import { ingestSettings } from "../policy.ts";
import { QUARANTINE_HEADERS } from "./quarantine.ts";

/** A quarantined message, read back. */
export interface Quarantined {
  readonly sequence: number;
  readonly code: string;
  readonly detail: string;
  readonly ingest: string;
  /** Where it had arrived. */
  readonly subject: string;
  readonly receivedAt: Date;
  /** Length of the whole message, also where only its beginning was kept. */
  readonly bytes: number;
  readonly truncated: boolean;
  readonly body: Uint8Array;
  /** What it came with. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Some of the headers are missing: too much of them, or a token. */
  readonly headersCut: boolean;
}

export function readQuarantined(message: StoredMessage): Quarantined {
  const text = (name: string) => message.header(name) ?? "";
  const whole = message.header(QUARANTINE_HEADERS.bytes);
  return {
    sequence: message.sequence,
    code: text(QUARANTINE_HEADERS.code),
    detail: text(QUARANTINE_HEADERS.detail),
    ingest: text(QUARANTINE_HEADERS.ingest),
    subject: text(QUARANTINE_HEADERS.subject),
    receivedAt: new Date(Number(text(QUARANTINE_HEADERS.receivedAt))),
    bytes: whole === null ? message.data.length : Number(whole),
    truncated: message.header(QUARANTINE_HEADERS.digest) !== null,
    body: message.data,
    headers: message
      .headers()
      .filter(([name]) => name === QUARANTINE_HEADERS.header)
      .map(([, line]) => headerOf(line)),
    headersCut: message.header(QUARANTINE_HEADERS.headersCut) !== null,
  };
}

function headerOf(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

export type ReplayResult =
  | { readonly type: "stored"; readonly duplicate: boolean }
  | { readonly type: "rejected"; readonly rejection: Rejection }
  | { readonly type: "unusable"; readonly reason: string }
  | { readonly type: "failed"; readonly stream: string; readonly detail: string };

export interface ReplayContext {
  readonly config: Config;
  readonly trust: Trust;
  /** Unix milliseconds: what revocation is judged by. */
  readonly nowMs: number;
  /** Publishes to a stream, named as in the configuration. */
  readonly publish: (stream: string, publication: Publication) => Promise<PubAckResult>;
}

/**
 * Judges a quarantined message again, as of the moment it arrived, and stores it in its ingest's streams if it passes:
 * what one needs after mending a wrong CA. Stored in some streams but not in all counts as failed; trying again is safe
 * inside the duplicate window.
 */
export async function replay(entry: Quarantined, context: ReplayContext): Promise<ReplayResult> {
  const ingest = Object.hasOwn(context.config.ingest, entry.ingest) ? context.config.ingest[entry.ingest] : undefined;
  if (entry.truncated) return { type: "unusable", reason: "only the beginning of the message was kept" };
  if (ingest === undefined) return { type: "unusable", reason: `ingest "${entry.ingest}" is not in the configuration` };
  if (entry.headersCut && STORES_HEADERS.has(ingest.kind)) {
    return {
      type: "unusable",
      reason: "its token is not kept, or its headers were too large: it has to be sent again",
    };
  }
  const { subject: arrivedOn, body: data, sequence } = entry;
  const receivedAtMs = entry.receivedAt.getTime();
  const wire = {
    subject: arrivedOn,
    data,
    headers: () => entry.headers,
    arrivalId: `${entry.ingest}.${receivedAtMs}.${sequence}`,
  };
  const verdict = await judge(wire, ingest.kind, context.trust, { receivedAtMs, nowMs: context.nowMs });
  if (!verdict.ok) return { type: "rejected", rejection: verdict.rejection };
  const settings = ingestSettings(entry.ingest, ingest);
  const refused = unacceptable(verdict.message, { data, receivedAtMs }, settings);
  if (refused !== null) return { type: "rejected", rejection: refused };

  let duplicate = true;
  for (const stream of ingest.to) {
    const { subject, body: form } = context.config.streams[stream] ?? missing(stream);
    const { headers, body } = adapterOutput(verdict.message, form);
    const result = await context.publish(stream, {
      subject: compileTemplate(subject).render(verdict.message),
      stream: streamName(context.config, stream),
      id: verdict.message.messageId,
      headers,
      body: typeof body === "string" ? Buffer.from(body) : body,
    });
    if (!result.stored) return { type: "failed", stream, detail: `${result.failure}: ${result.detail}` };
    duplicate &&= result.duplicate;
  }
  return { type: "stored", duplicate };
}

/** What came with them is stored with them, or proves them. */
const STORES_HEADERS: ReadonlySet<string> = new Set(["submission", "raw"]);

function missing(stream: string): never {
  throw new RangeError(`the configuration has no stream "${stream}"`);
}
