import { hash } from "node:crypto";
import { accepted } from "./accepted.ts";
import { digested } from "./cache.ts";
import type { Kind, ValidatedMessage } from "./message.ts";
import { quoted, Refusal } from "./refusal.ts";
import { ambiguityRefusal, collectiveRefusal, RSA_SHA256, signatureRefusal, timeRefusal } from "./rules/checks.ts";
import { nameDenial, nameOfCaller } from "./rules/deny.ts";
import { namesRefusal, type RequestKind, requestKind, v1CallerIdentity, v1CallerRefusal } from "./rules/fields.ts";
import { matchesAny } from "./rules/pattern.ts";
import type { SecuredReply, SecuredRequest } from "./secured.ts";
import type { Trust, V1Trust } from "./trust.ts";
import { type Inner, readReply, readRequest } from "./wire/inner.ts";
import type { SecureRequest } from "./wire/secure.ts";
import { readCertificates } from "./x509/certificate.ts";
import { type ProvenCertificate, verifyCertificates } from "./x509/verify.ts";

export interface V1Context {
  readonly trust: Trust;
  readonly v1: V1Trust;
  readonly nowMs: number;
  readonly revocationMs: number;
}

/** What stands where a certificate and signature belong when go-choria runs without them (v1 constructors.go). */
const INSECURE = "insecure";
const INSECURE_REGISTRATION = {
  pubcert: "insecure registration",
  signature: Buffer.from("insecure registration").toString("base64"),
};

/** Checks 6 to 16 for a v1 request or registration. */
export async function judgeV1Request(request: SecuredRequest, context: V1Context): Promise<ValidatedMessage | Refusal> {
  const { transport, secure } = request;
  const inner = readRequest(secure.signed, "v1", context.trust.limits.maxDepth);
  const kind = requestKind(request.kind, inner);
  const isMarked = hasMarker(secure);
  if (isMarked && !isInsecureRegistration(secure, kind, context.v1)) {
    return new Refusal("insecure_signature", "the message carries a marker instead of a certificate and signature");
  }
  if (inner instanceof Refusal) return inner;
  const refusal =
    ambiguityRefusal(transport, secure, inner) ?? namesRefusal(inner, "v1", kind) ?? v1CallerRefusal(inner.caller);
  if (refusal !== null) return refusal;
  return isMarked ? judgeUnsigned({ secure, inner, kind }, context) : judgeSigned({ secure, inner, kind }, context);
}

interface OpenedRequest {
  readonly secure: SecureRequest;
  readonly inner: Inner;
  readonly kind: RequestKind;
}

function hasMarker({ credential, signature }: SecureRequest): boolean {
  const isMarkedCertificate = credential === INSECURE || credential === INSECURE_REGISTRATION.pubcert;
  return isMarkedCertificate || signature === INSECURE || signature === INSECURE_REGISTRATION.signature;
}

function isInsecureRegistration({ credential, signature }: SecureRequest, kind: Kind, v1: V1Trust): boolean {
  const isRegistrationMarker =
    credential === INSECURE_REGISTRATION.pubcert && signature === INSECURE_REGISTRATION.signature;
  return isRegistrationMarker && kind === "registration" && v1.allowInsecureRegistration;
}

function judgeUnsigned({ secure, inner, kind }: OpenedRequest, context: V1Context): ValidatedMessage | Refusal {
  const refusal =
    nameDenial([inner.sender, nameOfCaller(inner.caller)], context.trust.deny) ??
    registrationRefusal(inner, context.v1) ??
    collectiveRefusal(inner.collective, context.trust.collectives) ??
    timeRefusal(inner, "v1", { nowMs: context.nowMs, ttl: context.trust.ttl });
  if (refusal !== null) return refusal;
  const code = "insecure_registration";
  return accepted(inner, { protocol: "v1", kind, proof: "none", senderProof: "none", code, signed: secure.signed });
}

async function judgeSigned(request: OpenedRequest, context: V1Context): Promise<ValidatedMessage | Refusal> {
  const { secure, inner, kind } = request;
  const { proven } = context.v1;
  const credential = digested(secure.credential);
  const known = freshlyKnown(proven.get(credential, context.nowMs), context);
  const certificate = known ?? proveCertificate(secure.credential, context);
  if (certificate instanceof Refusal) return certificate;
  const names = [...certificate.names, inner.sender, nameOfCaller(inner.caller)];
  const refusal =
    nameDenial(names, context.trust.deny) ??
    nameRefusal(request, certificate, context.v1) ??
    collectiveRefusal(inner.collective, context.trust.collectives) ??
    (await signatureRefusal(secure, certificate.key, RSA_SHA256));
  if (refusal !== null) return refusal;
  // Not before: with remarks around it, anybody could write another's certificate in as many ways as the cache has room.
  if (known === undefined) proven.set(credential, certificate);
  const late = timeRefusal(inner, "v1", { nowMs: context.nowMs, ttl: context.trust.ttl });
  if (late !== null) return late;
  const senderProof = kind === "registration" ? "signature" : "none";
  return accepted(inner, { protocol: "v1", kind, proof: "signature", senderProof, code: "ok", signed: secure.signed });
}

/** A certificate is not believed from memory once the revocation lists it was held against are due. */
function freshlyKnown(
  known: ProvenCertificate | undefined,
  { revocationMs }: V1Context,
): ProvenCertificate | undefined {
  return known !== undefined && revocationMs <= known.listsFreshUntilMs ? known : undefined;
}

/** Check 12. */
function proveCertificate(pem: string, { v1, nowMs, revocationMs }: V1Context): ProvenCertificate | Refusal {
  const certificates = readCertificates(pem);
  if (typeof certificates !== "string") return verifyCertificates(certificates, v1.anchors, { nowMs, revocationMs });
  return new Refusal("bad_pubcert", `the certificate is unusable: ${certificates}`);
}

/** Check 14 without the collective. Lists and names are judged per message, whatever is remembered. */
function nameRefusal({ inner, kind }: OpenedRequest, certificate: ProvenCertificate, v1: V1Trust): Refusal | null {
  if (kind === "registration") return nodeNameRefusal(inner, certificate) ?? registrationRefusal(inner, v1);
  if (certificate.names.some((name) => matchesAny(v1.privileged, name))) return null;
  const identity = v1CallerIdentity(inner.caller);
  if (identity === null) {
    return new Refusal(
      "caller_invalid",
      `caller ${quoted(inner.caller)} is not "kind=name", and its holder is not privileged`,
    );
  }
  if (!certificate.names.includes(identity)) return callerMismatch(identity, certificate);
  if (matchesAny(v1.allow, identity)) return null;
  return new Refusal("not_allowed", `caller ${quoted(identity)} matches no pattern of trust.v1.allow`);
}

function nodeNameRefusal({ caller }: Inner, certificate: ProvenCertificate): Refusal | null {
  const identity = v1CallerIdentity(caller);
  const isCertified = identity !== null && certificate.names.includes(identity);
  return isCertified ? null : callerMismatch(identity ?? caller, certificate);
}

function callerMismatch(identity: string, certificate: ProvenCertificate): Refusal {
  const detail = `caller ${quoted(identity)} is not a name of the certificate, which are ${quoted(certificate.names.join(", "))}`;
  return new Refusal("caller_mismatch", detail);
}

/** A registration is of the node by itself: caller, sender and list must agree. */
function registrationRefusal({ caller, sender }: Inner, v1: V1Trust): Refusal | null {
  const identity = v1CallerIdentity(caller);
  if (identity === null || caller !== `choria=${identity}`) {
    return new Refusal("caller_mismatch", `a registration's caller is "choria=<identity>", not ${quoted(caller)}`);
  }
  if (sender !== identity)
    return new Refusal("sender_mismatch", `sender ${quoted(sender)} is not the caller ${quoted(identity)}`);
  if (matchesAny(v1.nodes, identity)) return null;
  return new Refusal("not_allowed", `node ${quoted(identity)} matches no pattern of trust.v1.nodes`);
}

/** Checks 7 to 15 for a v1 reply, which nobody signs: the hash shows that it is whole, not who made it. */
export function judgeV1Reply({ transport, secure }: SecuredReply, context: V1Context): ValidatedMessage | Refusal {
  const inner = readReply(secure.signed, "v1", context.trust.limits.maxDepth);
  if (inner instanceof Refusal) return inner;
  const refusal =
    ambiguityRefusal(transport, secure, inner) ??
    namesRefusal(inner, "v1", "reply") ??
    nameDenial([inner.sender], context.trust.deny);
  if (refusal !== null) return refusal;
  if (hash("sha256", secure.signed, "base64") !== secure.hash) {
    return new Refusal("hash_mismatch", "hash is not the SHA-256 of the reply");
  }
  const proof = { proof: "hash", senderProof: "none", code: "ok" } as const;
  return accepted(inner, { ...proof, protocol: "v1", kind: "reply", signed: secure.signed });
}
