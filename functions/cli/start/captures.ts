import * as z from "zod";
import type { Kind, Verdict } from "../../../shared/choria/message.ts";
import { NOBODY } from "../../../shared/choria/rules/deny.ts";
import type { TrustSettings } from "../../../shared/choria/settings.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";

/** Messages recorded from real Choria nodes, judged as on the day they were recorded: their ttl is long over. */

const lineSchema = z.object({
  received: z.string(),
  kind: z.string(),
  payload: z.string(),
});

/** Contents of the capture files, and the keys that were published with them. */
export interface CaptureFiles {
  readonly v1Jsonl: string;
  readonly v2Jsonl: string;
  readonly v1CaPem: string;
  /** ed25519 public key of the organisation `choria`, hex. */
  readonly v2Issuer: string;
}

export interface JudgedCapture {
  readonly kind: Kind;
  readonly verdict: Verdict;
}

/** Judges every capture that is a Choria message (events and submissions are not), each at its time of arrival. */
export async function judgeCaptures(files: CaptureFiles): Promise<JudgedCapture[]> {
  const trust = createTrust(captureTrust(files));
  const lines = `${files.v1Jsonl}\n${files.v2Jsonl}`.split("\n").filter((line) => line.trim() !== "");
  const captures = lines.map((line) => lineSchema.parse(JSON.parse(line)));
  const judged = captures.map(async ({ received, kind: label, payload }) => {
    const kind = kindOf(label);
    if (kind === null) return null;
    return { kind, verdict: await validate(Buffer.from(payload, "base64"), kind, trust, Date.parse(received)) };
  });
  return (await Promise.all(judged)).filter((capture) => capture !== null);
}

function kindOf(label: string): Kind | null {
  if (label === "registration") return "registration";
  if (label.startsWith("rpc.request")) return "request";
  return label.startsWith("rpc.reply") ? "reply" : null;
}

function captureTrust({ v1CaPem, v2Issuer }: CaptureFiles): TrustSettings {
  return {
    v1: {
      caPem: v1CaPem,
      crlPem: "",
      acceptStaleCrl: false,
      allow: ["\\.mcollective$"],
      privileged: [],
      nodes: ["^node[0-9]+\\.fleet\\.test$"],
      allowInsecureRegistration: false,
    },
    v2: {
      issuers: { choria: v2Issuer.trim() },
      trustedSigners: null,
      requireSignedReplies: true,
      delegatorsMayNameAnyCaller: false,
    },
    deny: NOBODY,
    collectives: ["mcollective"],
    ttl: { minSeconds: 1, maxSeconds: 60 },
    limits: { maxBytes: 1_048_576, maxDepth: 32 },
    cacheEntries: 1_000,
  };
}

/** `18 registration, 7 request…` for one line of the demo: accepted and rejected captures by kind. */
export function captureSummary(judged: readonly JudgedCapture[]): string {
  const byKind = (ok: boolean) => {
    const kinds: readonly Kind[] = ["registration", "request", "reply"];
    const counts = kinds.map((kind) => [kind, judged.filter((c) => c.kind === kind && c.verdict.ok === ok).length]);
    return counts
      .filter(([, count]) => count !== 0)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(", ");
  };
  const rejected = byKind(false);
  return `${judged.length} recorded messages: accepted ${byKind(true) || "none"}; rejected ${rejected || "none"}`;
}
