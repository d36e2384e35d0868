import { CredentialCache } from "../../shared/choria/cache.ts";
import { composeV1Request, composeV2Request, type RequestFields, signV2 } from "../../shared/choria/compose.ts";
import { judge } from "../../shared/choria/judge.ts";
import type { IngestKind, Verdict } from "../../shared/choria/message.ts";
import { tokenForm } from "../../shared/choria/token/compact.ts";
import { anchorsOf } from "../../shared/choria/token/verify.ts";
import type { Trust } from "../../shared/choria/trust.ts";
import { certificateForm } from "../../shared/choria/x509/compact.ts";
import { VECTOR_NOW_MS, v1Credential, v2Credential } from "../support/vectors.ts";
import type { WireHeaders } from "../support/wire.ts";
import { fuzzTrust, type Specimen } from "./specimens.ts";

/** What is judged, with everything the verdict depends on but the trust. */
export interface Judged {
  readonly data: Buffer;
  readonly kind: IngestKind;
  readonly subject: string;
  readonly headers: WireHeaders;
  readonly nowMs: number;
}

export function judgeWith(trust: Trust, { data, kind, subject, headers, nowMs }: Judged): Promise<Verdict> {
  const wire = { data, subject, headers: () => headers, arrivalId: "arrival" };
  return judge(wire, kind, trust, { receivedAtMs: nowMs, nowMs });
}

/** A message may cost this many times what a valid one of its size does. */
const MOST_TIMES = 4;
/** Below this, what is measured is the runtime: a collection, a function compiled anew. */
const FLOOR_MS = 0.2;
/** First to see whether there is anything to see, then to be sure, however busy the machine is. */
const ROUNDS = [2, 7, 40];

/**
 * Finds messages that are dear for their size, in CPU time. One slow run says little, so it only raises a suspicion: the
 * message and a valid one of the same size are then run in turn, each time by somebody who has seen neither credential, and
 * the fastest of each are compared.
 */
export class CostWatch {
  /** The largest ratio that was measured, and of what. */
  worst = 0;
  worstCase = "";
  suspicions = 0;
  readonly #usual = new Map<Judged, number>();

  /** What is wrong with what the message cost; null when nothing is. */
  async violation(judged: Judged, specimen: Specimen, usedMs: number): Promise<string | null> {
    const valid = validTwin(judged, specimen);
    const usual = await this.#usualMs(valid);
    if (usedMs <= MOST_TIMES * usual) return null;
    if ((await measured(judged)) <= MOST_TIMES * usual) return null; // a collection, most often
    this.suspicions += 1;
    const { ownMs, validMs } = await compare(judged, valid);
    const ratio = ownMs / Math.max(validMs, FLOOR_MS);
    const costs = `${ownMs.toFixed(2)} ms, a valid message of that size ${validMs.toFixed(2)} ms`;
    const text = `${judged.data.length} bytes cost ${costs}`;
    if (ratio > this.worst) {
      this.worst = ratio;
      this.worstCase = `${specimen.name} judged as ${judged.kind}: ${text}`;
    }
    return ratio <= MOST_TIMES ? null : text;
  }

  async #usualMs(valid: Judged): Promise<number> {
    const known = this.#usual.get(valid);
    if (known !== undefined) return known;
    const verdict = await judgeWith(unseen(), valid);
    if (!verdict.ok) throw new Error(`what others are compared with is not valid: ${verdict.rejection.code}`);
    const { validMs } = await compare(valid, valid);
    const usual = Math.max(FLOOR_MS, validMs);
    this.#usual.set(valid, usual);
    return usual;
  }
}

async function compare(own: Judged, valid: Judged): Promise<{ ownMs: number; validMs: number }> {
  let [ownMs, validMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const rounds of ROUNDS) {
    for (let round = 0; round < rounds; round += 1) {
      ownMs = Math.min(ownMs, await measured(own));
      validMs = Math.min(validMs, await measured(valid));
    }
    if (own !== valid && ownMs <= MOST_TIMES * Math.max(validMs, FLOOR_MS)) break;
  }
  return { ownMs, validMs };
}

async function measured(judged: Judged): Promise<number> {
  const trust = unseen();
  const start = cpuMs();
  await judgeWith(trust, judged);
  return cpuMs() - start;
}

/** What this process has used on all its threads: unlike the time that passed, it is no matter of who else is running. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

const parsed = fuzzTrust();

/** Trust that remembers no credential. */
function unseen(): Trust {
  const { v1, v2 } = parsed;
  return {
    ...parsed,
    v1: v1 && { ...v1, proven: new CredentialCache(10, certificateForm(10)) },
    v2: v2 && { ...v2, proven: new CredentialCache(10, tokenForm(anchorsOf(v2.issuers), 10)) },
  };
}

const sizeClass = (bytes: number): number => Math.ceil(Math.log2(Math.max(1_024, bytes)) * 2);

const twins = new Map<string, Judged>();

/** Bytes. A twin may turn out a tenth larger, and one beyond the limit of 1 MiB would be refused for nothing. */
const LARGEST_TWIN = 900_000;

/** A valid message of the size, give or take a fifth, of the kind that the other one would pass for. */
function validTwin({ kind, data }: Judged, specimen: Specimen): Judged {
  const isV1 = specimen.data.includes("choria:transport:1");
  const form = kind === "event" || kind === "submission" || kind === "raw" ? kind : isV1 ? "v1" : "v2";
  const key = `${form} ${sizeClass(data.length)}`;
  const known = twins.get(key);
  if (known !== undefined) return known;
  const twin = makeTwin(form, Math.min(LARGEST_TWIN, Math.max(1_024, data.length)));
  twins.set(key, twin);
  return twin;
}

const FACT = '{"name":"eth0","address":"10.0.0.1","up":true,"speed":1000},';

/** What is no ASCII is several times as dear to read as what is, and just as valid. */
const FOREIGN_FACT = FACT.replace("eth0", "Küche");

/** JSON as nodes send it, cut to the size: a text of one letter would be easier to read than anything real. */
function facts(bytes: number, fact = FACT): string {
  return fact.repeat(Math.ceil(bytes / fact.length)).slice(0, bytes);
}

const NODE = "node1.example.net";

function makeTwin(form: "v1" | "v2" | "event" | "submission" | "raw", bytes: number): Judged {
  const common = { subject: "some.subject", headers: [], nowMs: VECTOR_NOW_MS };
  const filler = facts(bytes, FOREIGN_FACT);
  switch (form) {
    case "v1":
      return { ...common, kind: "registration", data: registrationOf(form, bytes) };
    case "v2":
      return { ...common, kind: "registration", data: registrationOf(form, bytes) };
    case "event":
      return {
        ...common,
        kind: "event",
        data: Buffer.from(
          JSON.stringify({ ...EVENT, facts: JSON.parse(`[${filler.slice(0, filler.lastIndexOf(",{"))}]`) }),
        ),
      };
    case "submission":
      return { ...common, kind: "submission", data: Buffer.from(filler), headers: sealOf(filler) };
    case "raw":
      return { ...common, kind: "raw", data: Buffer.from(filler) };
  }
}

/** What the layers make of a payload depends on what is in it: tried until it fits. */
function registrationOf(protocol: "v1" | "v2", bytes: number): Buffer {
  let [payloadBytes, data] = [bytes / 2, registration(protocol, bytes / 2)];
  for (let attempt = 0; attempt < 4 && Math.abs(data.length - bytes) > bytes / 10; attempt += 1) {
    payloadBytes = Math.max(1, payloadBytes + (bytes - data.length) / 2.4);
    data = registration(protocol, payloadBytes);
  }
  return data;
}

function registration(protocol: "v1" | "v2", payloadBytes: number): Buffer {
  const fields: RequestFields = {
    requestId: "0123456789abcdef0123456789abcdef",
    sender: NODE,
    caller: protocol === "v1" ? `choria=${NODE}` : NODE,
    collective: "mcollective",
    agent: "registration",
    ttlSeconds: 60,
    timeNs: BigInt(VECTOR_NOW_MS) * 1_000_000n,
    payload: facts(payloadBytes),
    replyTo: "dev.null",
    server: null,
  };
  return protocol === "v1"
    ? composeV1Request(fields, v1Credential("node1"))
    : composeV2Request(fields, v2Credential("server"));
}

function sealOf(payload: string): WireHeaders {
  const { token, privateKey } = v2Credential("server");
  return [
    ["Choria-Token", token],
    ["Choria-Signature", signV2(payload, privateKey).toString("hex")],
  ];
}

const EVENT = {
  protocol: "io.choria.lifecycle.v1.startup",
  id: "bad3e949-5b1e-4597-a3b3-bbb494037281",
  identity: NODE,
  component: "server",
  timestamp: 1_780_315_200,
};
