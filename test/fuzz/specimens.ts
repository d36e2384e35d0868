import { readFileSync } from "node:fs";
import { readCaptures } from "../../shared/choria/captures.ts";
import { signV2 } from "../../shared/choria/compose.ts";
import { judge } from "../../shared/choria/judge.ts";
import type { IngestKind } from "../../shared/choria/message.ts";
import { createTrust, type Trust } from "../../shared/choria/trust.ts";
import { makeTrustSettings, readVectors, VECTOR_NOW_MS, v2Credential, vectorFile } from "../support/vectors.ts";
import type { WireHeaders } from "../support/wire.ts";

/** A genuine message to start from, and the trust and moment under which it is accepted. */
export interface Specimen {
  readonly name: string;
  readonly kind: IngestKind;
  readonly data: Buffer;
  readonly subject: string;
  readonly headers: WireHeaders;
  readonly trust: Trust;
  readonly nowMs: number;
}

const CAPTURES = new URL("../fixtures/captures/", import.meta.url);
const MOST_BYTES = 20_000;

/** What `judge` accepts of the vectors, the captures and the recorded events. */
export async function loadSpecimens(): Promise<readonly Specimen[]> {
  const candidates = [
    ...vectorSpecimens(),
    ...captureSpecimens("v1"),
    ...captureSpecimens("v2"),
    ...foreignSpecimens(),
  ];
  const small = candidates.filter(({ data }) => data.length <= MOST_BYTES);
  const verdicts = await Promise.all(small.map((specimen) => judgeSpecimen(specimen)));
  return small.filter((_, at) => verdicts[at]?.ok);
}

function judgeSpecimen({ data, subject, headers, kind, trust, nowMs }: Specimen) {
  const wire = { data, subject, headers: () => headers, arrivalId: "arrival" };
  return judge(wire, kind, trust, { receivedAtMs: nowMs, nowMs });
}

/** Lenient where that opens more of the code: unsigned registrations and replies get as far as they can. */
export function fuzzTrust(): Trust {
  return createTrust(
    makeTrustSettings({ v1: { allowInsecureRegistration: true }, v2: { requireSignedReplies: false } }),
  );
}

function vectorSpecimens(): Specimen[] {
  const trust = fuzzTrust();
  return readVectors().map(({ name, kind, raw, now }) => ({
    ...{ name, kind, data: Buffer.from(raw, "base64"), subject: "mcollective.x", headers: [] },
    ...{ trust, nowMs: Date.parse(now) },
  }));
}

function captureSpecimens(protocol: "v1" | "v2"): Specimen[] {
  const read = (name: string) => readFileSync(new URL(name, CAPTURES), "utf8");
  const captures = readCaptures(read(`${protocol}.jsonl`));
  if (typeof captures === "string") throw new Error(captures);
  const trust = createTrust(
    makeTrustSettings({
      v1: { caPem: read("v1-ca.pem"), nodes: ["\\.fleet\\.test$"] },
      v2: { issuers: { choria: read("v2-issuer.public").trim() } },
    }),
  );
  return captures.map(({ kind, payload, subject, receivedMs, headers, seq }) => ({
    ...{ name: `${protocol} capture ${seq}`, kind: ingestKindOf(kind), data: Buffer.from(payload), subject, headers },
    ...{ trust, nowMs: receivedMs },
  }));
}

function ingestKindOf(captured: string): IngestKind {
  if (/^(lifecycle|machine)/.test(captured)) return "event";
  return captured === "submission" ? "submission" : "auto";
}

function foreignSpecimens(): Specimen[] {
  const trust = fuzzTrust();
  const nowMs = VECTOR_NOW_MS;
  const events: { payload: unknown; subject: string; name: string }[] = JSON.parse(
    vectorFile("meta/lifecycle-events.json"),
  );
  const common = { trust, nowMs, headers: [] };
  const payload = '{"hello":"from a node"}';
  const { token, privateKey } = v2Credential("server");
  const headers: WireHeaders = [
    ["Nats-Msg-Id", "c6a0e65b-9811-4a9d-a153-2654832c1dba"],
    ["Choria-Identity", "node1.example.net"],
    ["Choria-Token", token],
    ["Choria-Signature", signV2(payload, privateKey).toString("hex")],
  ];
  return [
    ...events.map(({ name, subject, payload: event }) => ({
      ...{
        ...common,
        name: `event ${name}`,
        kind: "event" as const,
        subject,
        data: Buffer.from(JSON.stringify(event)),
      },
    })),
    {
      ...{ ...common, name: "signed submission", kind: "submission", data: Buffer.from(payload), headers },
      subject: "mcollective.submission.in.audit",
    },
    { ...common, name: "raw", kind: "raw", data: Buffer.from('{"t":21.5}'), subject: "site.a.temp" },
  ];
}
