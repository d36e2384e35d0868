import type { IngestKind, Moment, Verdict, Wire } from "./message.ts";
import type { Trust } from "./trust.ts";
import { validate } from "./validate.ts";

/**
 * The verdict on a message taken from a subject of which the ingest says that it carries `kind`. Never rejects, whatever
 * the message is.
 */
export async function judge(wire: Wire, kind: IngestKind, trust: Trust, moment: Moment): Promise<Verdict> {
  switch (kind) {
    case "registration":
    case "request":
    case "reply":
      return validate(wire.data, kind, trust, moment.receivedAtMs, moment.nowMs);
    default:
      return { ok: false, rejection: { code: "bad_message", detail: `kind ${kind} is not supported yet` } };
  }
}
