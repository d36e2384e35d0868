import type { Explanation } from "../../shared/choria/explain/explain.ts";
import type { Fact, Layer } from "../../shared/choria/explain/presentable.ts";
import { REMEDIES } from "../../shared/choria/explain/remedies.ts";
import type { ValidatedMessage, Verdict } from "../../shared/choria/message.ts";
import { formatRfc3339 } from "../../shared/choria/rfc3339.ts";

/** An explanation as one JSON object; accepted messages carry what was proven, every message its layers. */
export function explanationFacts({ kind, layers, verdict }: Explanation): Readonly<Record<string, unknown>> {
  const facts = Object.fromEntries(layers.map((layer) => [layer.name, layer.facts]));
  return verdict.ok
    ? { ok: true, code: verdict.message.code, kind, proven: provenFacts(verdict.message), layers: facts }
    : { ok: false, code: verdict.rejection.code, detail: verdict.rejection.detail, kind, layers: facts };
}

function provenFacts(message: ValidatedMessage): Readonly<Record<string, Fact>> {
  return {
    protocol: message.protocol,
    proof: message.proof,
    senderProof: message.senderProof,
    sender: message.sender,
    caller: message.caller,
    agent: message.agent,
    collective: message.collective,
    requestId: message.requestId,
    time: formatRfc3339(message.timeNs),
    messageId: message.messageId,
  };
}

/** An explanation on one line, for lists. */
export function explanationLine({ kind, verdict }: Explanation): string {
  if (!verdict.ok) return `${kind}  REJECTED ${verdict.rejection.code}: ${verdict.rejection.detail}`;
  const { code, sender, proof, senderProof } = verdict.message;
  return `${kind}  ${code}  sender ${sender} (${proven(senderProof)}), proof ${proof}`;
}

/** An explanation as indented text: each layer, the verdict, and what to do about it. */
export function explanationText(explanation: Explanation): string {
  const { kind, layers, verdict } = explanation;
  return [...layers.map(layerText), verdictText(kind, verdict)].join("\n\n");
}

function layerText({ name, facts }: Layer): string {
  const lines = Object.entries(facts).map(([fact, value]) => `  ${fact.padEnd(18)} ${factText(value)}`);
  return [name, ...lines].join("\n");
}

function factText(value: Fact): string {
  return typeof value === "object" ? value.join(", ") || "(none)" : String(value);
}

function verdictText(kind: string, verdict: Verdict): string {
  if (verdict.ok) return acceptedText(kind, verdict.message);
  const { code, detail } = verdict.rejection;
  const { meaning, remedy } = REMEDIES[code];
  return [`REJECTED as ${kind}: ${code}`, `  ${detail}`, `  meaning: ${meaning}`, `  what to do: ${remedy}`].join("\n");
}

function acceptedText(kind: string, message: ValidatedMessage): string {
  return [
    `accepted as ${kind}: ${message.code}`,
    `  proof ${message.proof}; sender ${message.sender} is ${proven(message.senderProof)}`,
    `  message id ${message.messageId}`,
  ].join("\n");
}

function proven(senderProof: ValidatedMessage["senderProof"]): string {
  return senderProof === "signature" ? "proven" : "self-declared";
}
