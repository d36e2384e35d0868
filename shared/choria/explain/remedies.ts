import type { RejectionCode } from "../message.ts";

export interface Remedy {
  readonly meaning: string;
  /** What an operator can do about it when the sender is one of theirs. */
  readonly remedy: string;
}

const LEGACY = "Nothing on this side: the sender does not speak the protocol as go-choria does.";
const TAMPERED = "Treat it as forged or damaged on the way. Look at who may publish on the subject.";

/** Every rejection code in words. docs/errors.md shows this table; a test holds the two equal. */
export const REMEDIES: Readonly<Record<RejectionCode, Remedy>> = {
  too_large: {
    meaning:
      "The message is larger than `trust.limits.maxBytes` or the ingest's `accept.maxBytes`, or its headers than 8 KiB (of a submission or raw message its own: than 4 kB).",
    remedy: "Raise the limit, or make the payload smaller (registration compression).",
  },
  bad_utf8: { meaning: "The message is not valid UTF-8.", remedy: LEGACY },
  bad_json: {
    meaning: "The message is not JSON.",
    remedy: "Check the ingest's subject: it carries something that is no Choria message.",
  },
  too_deep: {
    meaning: "A protocol document is nested deeper than `trust.limits.maxDepth`.",
    remedy: "Raise the limit if the sender is yours; no known sender comes near the default.",
  },
  unknown_protocol: {
    meaning: "The outer document names no Choria transport protocol.",
    remedy:
      "Check the ingest's `kind`: events (`event`), submissions (`submission`) and the rest (`raw`) are no transports.",
  },
  protocol_not_enabled: {
    meaning: "The protocol version has no section in `trust`.",
    remedy: "Configure `trust.v1` or `trust.v2`, or keep these senders away.",
  },
  bad_transport: { meaning: "The transport's headers or data have the wrong type.", remedy: LEGACY },
  bad_data_encoding: { meaning: "The transport's data is not canonical base64.", remedy: LEGACY },
  bad_secure: { meaning: "The secure document is broken, or a required field is missing or empty.", remedy: LEGACY },
  protocol_mismatch: {
    meaning: "An inner document is of another protocol or kind than expected.",
    remedy: "Check the ingest's `kind`: a subject of replies carries no requests.",
  },
  insecure_signature: {
    meaning: "The message carries a marker instead of a signature, or proves less than the ingest's `proof`.",
    remedy: "Give the node a certificate; `trust.v1.allowInsecureRegistration` lets such registrations in as unproven.",
  },
  bad_message: { meaning: "The request or reply does not follow go-choria's schema.", remedy: LEGACY },
  ambiguous_key: {
    meaning: "A key is repeated, or a known field is spelled in other letters: two readers would see two messages.",
    remedy: "Treat it as an attack: no known sender does this.",
  },
  requestid_invalid: { meaning: "The request id is not well-formed.", remedy: LEGACY },
  sender_invalid: {
    meaning:
      "The sender's name cannot be part of a NATS subject, or the subject it is taken from cannot stand in a header.",
    remedy:
      "Give the node an identity of letters, digits, `_`, `-` and single dots; raw senders a subject without controls.",
  },
  agent_invalid: {
    meaning: "The agent cannot be part of a NATS subject, or a registration names another agent than `registration`.",
    remedy: "Check the ingest's `kind` and subject.",
  },
  caller_invalid: {
    meaning: "The caller does not have the form `kind=name`, or holds characters no header may carry.",
    remedy: "Only holders of a certificate in `trust.v1.privileged` may use other forms.",
  },
  bad_pubcert: {
    meaning: "The certificate is no PEM, is broken, or is something else.",
    remedy: "Check the certificate file on the sender.",
  },
  untrusted_cert: {
    meaning:
      "No configured CA vouches for the certificate, a rule for chains is broken, or a revocation list is stale.",
    remedy:
      "Compare the certificate's issuer with the configured CAs; add the CA, or send the intermediate along; renew the CRL.",
  },
  cert_expired: {
    meaning: "The certificate, or one above it, has expired.",
    remedy: "Renew it on the sender. Check this machine's clock.",
  },
  cert_not_yet_valid: {
    meaning: "The certificate, or one above it, is not valid yet.",
    remedy: "Check the clocks of this machine and of the CA.",
  },
  cert_usage: {
    meaning: "The certificate is not for client authentication.",
    remedy: "Issue one with extended key usage clientAuth, or without that extension.",
  },
  cert_revoked: {
    meaning: "The CA has revoked the certificate.",
    remedy: "If the node is legitimate, enrol it again.",
  },
  unsupported_key: {
    meaning: "The certificate's key is not RSA of at least 2048 bits.",
    remedy: "Issue an RSA certificate: Choria v1 signs with RSA alone.",
  },
  token_malformed: { meaning: "The token is no JWT, or a claim has the wrong type.", remedy: "Issue the token again." },
  token_alg: {
    meaning: "The token is signed with something other than EdDSA.",
    remedy: "Issue tokens with ed25519 keys.",
  },
  token_purpose: {
    meaning: "The token is for another purpose: servers register and reply, clients make requests.",
    remedy: "Check the ingest's `kind`, and which token the sender uses.",
  },
  token_unknown_issuer: {
    meaning: "No configured issuer or signer stands for the token.",
    remedy: "Compare the token's organisation unit with `trust.v2.issuers`, or its signer with `trustedSigners`.",
  },
  token_signature: {
    meaning: "The token's signature does not fit the issuer's key.",
    remedy: "Check the key in `trust.v2`; when it is right the token is forged.",
  },
  token_chain_invalid: {
    meaning: "The token comes from a chain issuer, but the chain does not hold.",
    remedy: "Check that the chain issuer was made by this organisation, and issue the token again.",
  },
  token_expired: {
    meaning: "The token has expired, or never would.",
    remedy: "Issue the token again, with an expiry. Check this machine's clock.",
  },
  token_not_yet_valid: {
    meaning: "The token is not valid yet.",
    remedy: "Check the clocks of this machine and of the issuer.",
  },
  issuer_expired: { meaning: "The chain issuer of the token has expired.", remedy: "Renew the chain issuer's token." },
  token_no_public_key: {
    meaning: "The token names no ed25519 key of its holder.",
    remedy: "Issue the token with the holder's public key.",
  },
  token_permission: {
    meaning: "The token lacks the permission that the message needs.",
    remedy:
      "Issue the token with `fleet_management` (callers), `authentication_delegator` (AAA signers) or `submission` (nodes).",
  },
  delegation_required: {
    meaning: "The caller may make requests only through a delegator, and none signed.",
    remedy: "Have the client use its AAA signer.",
  },
  caller_mismatch: {
    meaning: "The caller is not the one the certificate or token is for.",
    remedy: "Check the sender's identity setting against its certificate or token.",
  },
  sender_mismatch: {
    meaning: "The sender is not the node the certificate or token is for.",
    remedy: "Check the node's identity setting; one node may not speak for another.",
  },
  not_allowed: {
    meaning: "The identity is on none of the allow lists.",
    remedy: "Add a pattern to `trust.v1.nodes` (registrations) or `trust.v1.allow` (requests).",
  },
  collective_not_allowed: {
    meaning: "The collective is not configured, or not in the node's token.",
    remedy: "Add it to `trust.collectives`, or to the token.",
  },
  bad_signature_encoding: {
    meaning: "The signature is not base64 (of a submission: hex) of the right length.",
    remedy: LEGACY,
  },
  signature_invalid: { meaning: "The signature does not fit the message and the key.", remedy: TAMPERED },
  hash_mismatch: { meaning: "The hash does not fit the reply.", remedy: TAMPERED },
  reply_unsigned: {
    meaning: "A reply carries no signature (those of v1 never do), and one is asked for.",
    remedy:
      "v2: turn on `plugin.security.choria.sign_replies` on the node, or write `requireSignedReplies: false`; and `proof: hash`.",
  },
  ttl_out_of_range: {
    meaning: "The ttl is outside `trust.ttl`, or below the protocol's minimum.",
    remedy: "Check the sender's ttl setting, or widen `trust.ttl`.",
  },
  ttl_expired: {
    meaning: "The message is older than its ttl.",
    remedy:
      "Check both clocks; a replayed or long delayed message looks the same. `inspect --now` judges a recorded one.",
  },
  future_time: {
    meaning: "The message comes from further in the future than its ttl allows.",
    remedy: "Check both clocks.",
  },
  denied: {
    meaning: "The token, its public key or the identity is on the deny list.",
    remedy: "Look up why it was denied; take it off `trust.deny` when it should be believed again.",
  },
  bad_event: {
    meaning: "The message is no lifecycle or machine event.",
    remedy: "See what publishes on the subject; `kind: raw` takes anything.",
  },
  bad_submission: {
    meaning: "Half of token and signature is missing, a header comes twice, or none says who submitted it.",
    remedy: "Submit through a node's spool, with a token where it signs; or take the subject with `kind: raw`.",
  },
  submission_unsigned: {
    meaning: "The submission carries no signature, and the ingest asks for one.",
    remedy: "Submit with `--sign`, or accept unsigned ones with `proof: none`.",
  },
  not_accepted: {
    meaning: "The message is proven, but the ingest's `accept` does not take it.",
    remedy: "Widen `accept`, or see why the sender publishes there.",
  },
};
