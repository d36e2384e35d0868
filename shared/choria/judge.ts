import type { ForeignKind } from "./accepted.ts";
import { judgeEvent } from "./kinds/event.ts";
import { judgeRaw } from "./kinds/raw.ts";
import { judgeSubmission } from "./kinds/submission.ts";
import type { IngestKind, Moment, ValidatedMessage, Verdict, Wire } from "./message.ts";
import { Refusal } from "./refusal.ts";
import { nameDenial } from "./rules/deny.ts";
import type { Trust } from "./trust.ts";
import { validate, verdictOf } from "./validate.ts";

/**
 * The verdict on a message taken from a subject of which the ingest says that it carries `kind`. Never rejects, whatever
 * the message is. How strong a proof has to be is the ingest's to say.
 */
export function judge(wire: Wire, kind: IngestKind, trust: Trust, moment: Moment): Promise<Verdict> {
  switch (kind) {
    case "event":
    case "submission":
    case "raw":
      return judgeForeign(wire, kind, trust, moment);
    default:
      return validate(wire.data, kind, trust, moment.receivedAtMs, moment.nowMs);
  }
}

function judgeForeign(wire: Wire, kind: ForeignKind, trust: Trust, moment: Moment): Promise<Verdict> {
  return verdictOf(async () => {
    const message = await judgeAs(wire, kind, trust, moment);
    return message instanceof Refusal ? message : (nameDenial([message.sender], trust.deny) ?? message);
  });
}

async function judgeAs(
  wire: Wire,
  kind: ForeignKind,
  trust: Trust,
  moment: Moment,
): Promise<ValidatedMessage | Refusal> {
  switch (kind) {
    case "event":
      return judgeEvent(wire, trust.limits, moment);
    case "submission":
      return judgeSubmission(wire, trust, moment);
    case "raw":
      return judgeRaw(wire, trust.limits, moment);
  }
}
