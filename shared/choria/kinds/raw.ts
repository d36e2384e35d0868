import { acceptedForeign } from "../accepted.ts";
import type { Moment, ValidatedMessage, Wire } from "../message.ts";
import { Refusal } from "../refusal.ts";
import { type Limits, sizeRefusal } from "../wire/transport.ts";
import { rawHeaders } from "./sender-headers.ts";
import { subjectRefusal } from "./wire-checks.ts";

/**
 * Anything on a subject, for senders that know nothing of Choria. Its subject is all that says where it comes from, so the
 * whole of it is the sender: messages of one subject keep their order, and `{sender}` repeats the subject.
 */
export function judgeRaw(wire: Wire, limits: Limits, { receivedAtMs }: Moment): ValidatedMessage | Refusal {
  const refusal = sizeRefusal(wire.data, limits) ?? subjectRefusal(wire);
  if (refusal !== null) return refusal;
  const headers = rawHeaders(wire);
  if (headers instanceof Refusal) return headers;
  return acceptedForeign({
    kind: "raw",
    proof: "none",
    senderProof: "none",
    sender: wire.subject,
    agent: "",
    requestId: "",
    payload: wire.data,
    messageId: wire.arrivalId,
    headers: [["Choria-Subject", wire.subject], ...headers],
    receivedAtMs,
  });
}
