import {
  composeV1RequestInPool,
  composeV2RequestInPool,
  type RequestFields,
  sealV1Request,
  sealV2Request,
  signV1,
  signV2,
  v1RequestText,
  v2RequestText,
} from "../../shared/choria/compose.ts";
import type { Protocol, RejectionCode } from "../../shared/choria/message.ts";
import type { SimulatedPki, Standing } from "./pki.ts";

/** Ways in which a message lies, and the code a strict receiver refuses each with. */
export const ATTACKS = {
  /** A node with a good credential speaks for another one. */
  forged_sender: { v1: "sender_mismatch", v2: "sender_mismatch" },
  /** The payload was changed on the way. */
  tampered: { v1: "signature_invalid", v2: "signature_invalid" },
  /** Recorded and sent again two minutes later. */
  replayed: { v1: "ttl_expired", v2: "ttl_expired" },
  /** Signed by an authority nobody here trusts. */
  rogue_authority: { v1: "untrusted_cert", v2: "token_unknown_issuer" },
  /** Signed with a credential that is over. */
  expired_credential: { v1: "cert_expired", v2: "token_expired" },
  /** The marker go-choria sends where security is off. */
  unsigned: { v1: "insecure_signature", v2: "insecure_signature" },
  /** Bytes that are no message. */
  garbage: { v1: "bad_utf8", v2: "bad_utf8" },
} as const satisfies Record<string, Record<Protocol, RejectionCode>>;

export type Attack = keyof typeof ATTACKS;
export const ATTACK_NAMES: readonly Attack[] = Object.freeze([
  "forged_sender",
  "tampered",
  "replayed",
  "rogue_authority",
  "expired_credential",
  "unsigned",
  "garbage",
]);

const REPLAY_AGE_NS = 120_000_000_000n;
const GARBAGE = Buffer.from([0xff, 0xfe, 0x00, 0x80]);

/** A registration about to be signed. */
export interface Draft {
  readonly protocol: Protocol;
  /** Whose credential signs. */
  readonly identity: string;
  readonly fields: RequestFields;
}

/** Signs a registration with its node's credential of that standing. */
export async function composeReport(draft: Draft, pki: SimulatedPki, standing: Standing = "trusted"): Promise<Buffer> {
  return draft.protocol === "v1"
    ? composeV1RequestInPool(draft.fields, await pki.v1(draft.identity, standing))
    : composeV2RequestInPool(draft.fields, await pki.v2(draft.identity, standing));
}

/** The draft, made hostile. `victim` is another node's identity. */
export async function composeHostile(
  attack: Attack,
  draft: Draft & { readonly victim: string },
  pki: SimulatedPki,
): Promise<Buffer> {
  const { fields } = draft;
  switch (attack) {
    case "forged_sender":
      return composeReport({ ...draft, fields: { ...fields, sender: draft.victim } }, pki);
    case "tampered":
      return seal(draft, { ...fields, payload: `${fields.payload} ` }, pki);
    case "replayed":
      return composeReport({ ...draft, fields: { ...fields, timeNs: fields.timeNs - REPLAY_AGE_NS } }, pki);
    case "rogue_authority":
      return composeReport(draft, pki, "rogue");
    case "expired_credential":
      return composeReport(draft, pki, "expired");
    case "unsigned":
      return unsigned(draft, pki);
    case "garbage":
      return Buffer.concat([GARBAGE, Buffer.from(fields.requestId)]);
  }
}

/** Signs the draft and sends `sent` under that signature. */
async function seal({ protocol, identity, fields }: Draft, sent: RequestFields, pki: SimulatedPki): Promise<Buffer> {
  if (protocol === "v1") {
    const { certPem, privateKey } = await pki.v1(identity, "trusted");
    const signature = signV1(v1RequestText(fields), privateKey).toString("base64");
    return sealV1Request(v1RequestText(sent), { signature, credential: certPem }, sent);
  }
  const { token, privateKey } = await pki.v2(identity, "trusted");
  const signature = signV2(v2RequestText(fields), privateKey).toString("base64");
  return sealV2Request(v2RequestText(sent), { signature, credential: token }, sent);
}

async function unsigned({ protocol, identity, fields }: Draft, pki: SimulatedPki): Promise<Buffer> {
  if (protocol === "v1") {
    const marker = "insecure registration";
    const signature = Buffer.from(marker).toString("base64");
    return sealV1Request(v1RequestText(fields), { signature, credential: marker }, fields);
  }
  const { token } = await pki.v2(identity, "trusted");
  const signature = Buffer.from("insecure").toString("base64");
  return sealV2Request(v2RequestText(fields), { signature, credential: token }, fields);
}
