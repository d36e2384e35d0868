import { hash } from "node:crypto";
import { accepted } from "./accepted.ts";
import type { ValidatedMessage } from "./message.ts";
import { quoted, Refusal } from "./refusal.ts";
import { ambiguityRefusal, collectiveRefusal, ED25519, signatureRefusal, timeRefusal } from "./rules/checks.ts";
import { nameDenial, nameOfCaller } from "./rules/deny.ts";
import { namesRefusal, requestKind, v2CallerRefusal } from "./rules/fields.ts";
import type { SecuredReply, SecuredRequest } from "./secured.ts";
import { type CallerCredential, proveClient, proveServer } from "./token/credential.ts";
import type { Trust, V2Trust } from "./trust.ts";
import { type Inner, readReply, readRequest } from "./wire/inner.ts";
import type { SecureReply, SecureRequest } from "./wire/secure.ts";

export interface V2Context {
  readonly trust: Trust;
  readonly v2: V2Trust;
  readonly nowMs: number;
}

/** go-choria with security off, and every request to agent aaa_signer, sign with this word. */
const INSECURE_SIGNATURES: ReadonlySet<string> = new Set(["insecure", Buffer.from("insecure").toString("base64")]);

/** Checks 6 to 16 for a v2 request or registration. */
export async function judgeV2Request(request: SecuredRequest, context: V2Context): Promise<ValidatedMessage | Refusal> {
  const { limits, ttl } = context.trust;
  const { transport, secure } = request;
  if (INSECURE_SIGNATURES.has(secure.signature)) {
    return new Refusal("insecure_signature", "the message carries a marker instead of a signature");
  }
  const inner = readRequest(secure.signed, "v2", limits.maxDepth);
  if (inner instanceof Refusal) return inner;
  const kind = requestKind(request.kind, inner);
  const refusal =
    ambiguityRefusal(transport, secure, inner) ?? namesRefusal(inner, "v2", kind) ?? v2CallerRefusal(inner.caller);
  if (refusal !== null) return refusal;
  const credential = await (kind === "registration" ? nodeCredential : callerCredential)(secure, inner, context);
  if (credential instanceof Refusal) return credential;
  const late =
    (await signatureRefusal(secure, credential.key, ED25519)) ??
    timeRefusal(inner, "v2", { nowMs: context.nowMs, ttl });
  if (late !== null) return late;
  const senderProof = kind === "registration" ? "signature" : "none";
  return accepted(inner, { protocol: "v2", kind, proof: "signature", senderProof, code: "ok", signed: secure.signed });
}

/** Checks 13 and 14 for requests. */
async function callerCredential(
  secure: SecureRequest,
  inner: Inner,
  context: V2Context,
): Promise<CallerCredential | Refusal> {
  const credential = await proveClient(secure.credential, secure.signer, context);
  if (credential instanceof Refusal) return credential;
  const denial = messageDenial(inner, context);
  if (denial !== null) return denial;
  const mayNameAnyone = secure.signer !== "" && context.v2.delegatorsMayNameAnyCaller;
  if (!mayNameAnyone && inner.caller !== credential.claims.callerId) {
    return new Refusal("caller_mismatch", `caller ${quoted(inner.caller)} is not the callerid of its token`);
  }
  return collectiveRefusal(inner.collective, context.trust.collectives) ?? credential;
}

/** Checks 13 and 14 for registrations, which a server signs for itself; go-choria has no rule for them yet. */
async function nodeCredential(
  secure: SecureRequest,
  inner: Inner,
  context: V2Context,
): Promise<CallerCredential | Refusal> {
  if (secure.signer !== "")
    return new Refusal("token_purpose", "a registration is signed by the node, not by a delegator");
  const credential = await proveServer(secure.credential, context);
  if (credential instanceof Refusal) return credential;
  const denial = messageDenial(inner, context);
  if (denial !== null) return denial;
  const { identity, collectives } = credential.claims;
  if (inner.caller !== identity) {
    return new Refusal("caller_mismatch", `caller ${quoted(inner.caller)} is not the identity of its token`);
  }
  if (inner.sender !== identity) {
    return new Refusal("sender_mismatch", `sender ${quoted(inner.sender)} is not the identity of its token`);
  }
  if (!collectives.includes(inner.collective)) {
    return new Refusal("collective_not_allowed", `collective ${quoted(inner.collective)} is not in the node's token`);
  }
  return collectiveRefusal(inner.collective, context.trust.collectives) ?? credential;
}

/** The token has been held against the deny list; the message may name others. */
function messageDenial({ sender, caller }: Inner, { trust }: V2Context): Refusal | null {
  return nameDenial([sender, nameOfCaller(caller)], trust.deny);
}

/** Checks 7 to 15 for a v2 reply. */
export async function judgeV2Reply(
  { transport, secure }: SecuredReply,
  context: V2Context,
): Promise<ValidatedMessage | Refusal> {
  const inner = readReply(secure.signed, "v2", context.trust.limits.maxDepth);
  if (inner instanceof Refusal) return inner;
  const refusal = ambiguityRefusal(transport, secure, inner) ?? namesRefusal(inner, "v2", "reply");
  if (refusal !== null) return refusal;
  // A signature without a token proves nothing, nor does a token without a signature.
  const isSigned = secure.signature !== "" && secure.sender !== "";
  const late = isSigned
    ? await signedReplyRefusal(secure, inner, context)
    : unsignedReplyRefusal(secure, inner, context);
  if (late !== null) return late;
  const proof = isSigned ? "signature" : "hash";
  const senderProof = isSigned ? "signature" : "none";
  return accepted(inner, { protocol: "v2", kind: "reply", proof, senderProof, code: "ok", signed: secure.signed });
}

async function signedReplyRefusal(secure: SecureReply, inner: Inner, context: V2Context): Promise<Refusal | null> {
  const credential = await proveServer(secure.sender, context);
  if (credential instanceof Refusal) return credential;
  const denial = nameDenial([inner.sender], context.trust.deny);
  if (denial !== null) return denial;
  if (inner.sender !== credential.claims.identity) {
    return new Refusal("sender_mismatch", `sender ${quoted(inner.sender)} is not the identity of its token`);
  }
  return hashRefusal(secure) ?? (await signatureRefusal(secure, credential.key, ED25519));
}

function unsignedReplyRefusal(secure: SecureReply, inner: Inner, { trust, v2 }: V2Context): Refusal | null {
  const refusal = nameDenial([inner.sender], trust.deny) ?? hashRefusal(secure);
  if (refusal !== null || !v2.requireSignedReplies) return refusal;
  return new Refusal("reply_unsigned", "the reply carries no signature with its token");
}

function hashRefusal({ signed, hash: claimed }: SecureReply): Refusal | null {
  if (hash("sha256", signed, "base64") === claimed) return null;
  return new Refusal("hash_mismatch", "hash is not the SHA-256 of the reply");
}
