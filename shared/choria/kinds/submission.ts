import { acceptedForeign, foreignId } from "../accepted.ts";
import type { Moment, ValidatedMessage, Wire } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import { ED25519, signatureRefusal } from "../rules/checks.ts";
import { isHeaderSafe } from "../rules/fields.ts";
import { SIGNATURE_HEX } from "../token/chain.ts";
import { proveServer } from "../token/credential.ts";
import type { Trust } from "../trust.ts";
import { sizeRefusal } from "../wire/transport.ts";
import { submissionHeaders, valuesOf } from "./sender-headers.ts";
import { identityRefusal, subjectRefusal } from "./wire-checks.ts";

/**
 * Choria Submit (go-choria submission/msg.go): any payload with NATS headers, put on `<collective>.submission.in.<name>` by
 * a node's spool. With `--sign` the node's token and a signature come along. The signature covers the payload and nothing
 * else: not the subject, the id or the time.
 */

/** What stands before the name that was submitted to. */
const PREFIX = /^.*?\.submission\.in\./;
const PERMISSION = "submission";

interface Claimed {
  /** Null when unsigned. */
  readonly seal: { readonly token: string; readonly signature: string } | null;
  /** Null when the headers do not say. */
  readonly identity: string | null;
  readonly id: string | null;
}

export async function judgeSubmission(wire: Wire, trust: Trust, moment: Moment): Promise<ValidatedMessage | Refusal> {
  const refusal = sizeRefusal(wire.data, trust.limits) ?? subjectRefusal(wire);
  if (refusal !== null) return refusal;
  const claimed = readClaimed(wire);
  if (claimed instanceof Refusal) return claimed;
  const headers = submissionHeaders(wire);
  if (headers instanceof Refusal) return headers;
  const sender = await proveSender(wire, claimed, { trust, moment });
  if (sender instanceof Refusal) return sender;
  const isSigned = claimed.seal !== null;
  const proof = isSigned ? "payload" : "none";
  // A signed one may come by any subject and is still the same.
  const scope = isSigned ? sender : wire.subject;
  const { id } = claimed;
  return acceptedForeign({
    kind: "submission",
    proof,
    senderProof: isSigned ? "signature" : "none",
    sender,
    agent: wire.subject.replace(PREFIX, ""),
    requestId: id ?? "",
    payload: wire.data,
    messageId: id === null ? wire.arrivalId : foreignId("submission", proof, scope, id, wire.data),
    headers: [["Choria-Subject", wire.subject], ...headers],
    receivedAtMs: moment.receivedAtMs,
  });
}

function readClaimed(wire: Wire): Claimed | Refusal {
  const [token, signature, identity, id] = [
    only(wire, "choria-token"),
    only(wire, "choria-signature"),
    only(wire, "choria-identity"),
    only(wire, "nats-msg-id"),
  ];
  if (token instanceof Refusal) return token;
  if (signature instanceof Refusal) return signature;
  if (identity instanceof Refusal) return identity;
  if (id instanceof Refusal) return id;
  if ((token === null) !== (signature === null)) {
    return new Refusal(
      "bad_submission",
      token === null ? "a signature without a token" : "a token without a signature",
    );
  }
  if (id !== null && !isHeaderSafe(id)) return new Refusal("bad_submission", "Nats-Msg-Id is not well-formed");
  return { seal: token === null || signature === null ? null : { token, signature }, identity, id };
}

/** The one value of a header; null without any. Two readers must not see two. */
function only(wire: Wire, name: string): string | null | Refusal {
  const [first, ...more] = valuesOf(wire, name);
  if (more.length > 0) return new Refusal("bad_submission", `header ${name} comes more than once`);
  return first === undefined || first === "" ? null : first;
}

interface Context {
  readonly trust: Trust;
  readonly moment: Moment;
}

/** Who submitted: the token's identity where one signed, else what the node says of itself. */
async function proveSender(wire: Wire, claimed: Claimed, context: Context): Promise<string | Refusal> {
  const { seal, identity } = claimed;
  const sender = seal === null ? identity : await signerOf(wire, seal, context);
  if (sender instanceof Refusal) return sender;
  if (sender === null)
    return new Refusal("bad_submission", "neither a token nor Choria-Identity says who submitted it");
  const refusal = identityRefusal(sender);
  if (refusal !== null) return refusal;
  if (identity === null || identity === sender) return sender;
  return new Refusal("sender_mismatch", `Choria-Identity ${quoted(identity)} is not the identity of its token`);
}

async function signerOf(
  wire: Wire,
  seal: NonNullable<Claimed["seal"]>,
  { trust, moment }: Context,
): Promise<string | Refusal> {
  const { v2 } = trust;
  if (v2 === null)
    return new Refusal("protocol_not_enabled", "a signed submission needs trust.v2, which is not configured");
  const credential = await proveServer(seal.token, { trust, v2, nowMs: moment.receivedAtMs });
  if (credential instanceof Refusal) return credential;
  const { identity, permissions } = credential.claims;
  if (identity === null) return new Refusal("token_malformed", "the token names no identity");
  if (!permissions.has(PERMISSION)) {
    return new Refusal("token_permission", `the node's token lacks the permission ${PERMISSION}`);
  }
  if (!SIGNATURE_HEX.test(seal.signature)) {
    return new Refusal("bad_signature_encoding", "Choria-Signature is not the hex of 64 bytes");
  }
  const signature = Buffer.from(seal.signature, "hex").toString("base64");
  return (await signatureRefusal({ signed: wire.data, signature }, credential.key, ED25519)) ?? identity;
}
