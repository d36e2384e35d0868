import type { ForeignKind } from "./accepted.ts";
import { judgeEvent } from "./kinds/event.ts";
import { judgeRaw } from "./kinds/raw.ts";
import { judgeSubmission } from "./kinds/submission.ts";
import type { IngestKind, Moment, ValidatedMessage, Verdict, Wire } from "./message.ts";
import { Refusal } from "./refusal.ts";
import { nameDenial } from "./rules/deny.ts";
import type { Trust } from "./trust.ts";
import { validate } from "./validate.ts";

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

async function judgeForeign(wire: Wire, kind: ForeignKind, trust: Trust, moment: Moment): Promise<Verdict> {
  try {
    const message = await judgeAs(wire, kind, trust, moment);
    const result = message instanceof Refusal ? message : (nameDenial([message.sender], trust.deny) ?? message);
    if (!(result instanceof Refusal)) return { ok: true, message: result };
    return { ok: false, rejection: { code: result.code, detail: result.detail } };
  } catch (error) {
    // As in `validate`: no input is known to lead here.
    const name = error instanceof Error ? error.name : typeof error;
    return { ok: false, rejection: { code: "bad_message", detail: `validation itself failed (${name})` } };
  }
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
