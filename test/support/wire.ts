import { judge } from "../../shared/choria/judge.ts";
import type { IngestKind, Rejection, ValidatedMessage, Wire } from "../../shared/choria/message.ts";
import { createTrust, type Trust } from "../../shared/choria/trust.ts";
import { makeTrustSettings, VECTOR_NOW_MS } from "./vectors.ts";

export type WireHeaders = readonly (readonly [name: string, value: string])[];

/** A message as a subscription hands it over. */
export function makeWire(data: Uint8Array | string, values: Partial<Wire> & { given?: WireHeaders } = {}): Wire {
  const { given = [], ...rest } = values;
  return { data: Buffer.from(data), subject: "some.subject", arrivalId: "arrival.1", headers: () => given, ...rest };
}

const trusted = createTrust(makeTrustSettings());

/** The message, or the refusal, of a wire that arrived when the vectors' messages are alive. */
export async function judgeWire(
  wire: Wire,
  kind: IngestKind,
  trust: Trust = trusted,
): Promise<ValidatedMessage | Rejection> {
  const moment = { receivedAtMs: VECTOR_NOW_MS, nowMs: VECTOR_NOW_MS };
  const verdict = await judge(wire, kind, trust, moment);
  return verdict.ok ? verdict.message : verdict.rejection;
}

/** As `judgeWire`, for a message that is accepted. */
export async function acceptWire(wire: Wire, kind: IngestKind, trust?: Trust): Promise<ValidatedMessage> {
  const result = await judgeWire(wire, kind, trust);
  if ("detail" in result) throw new Error(`${result.code}: ${result.detail}`);
  return result;
}
