import { createHash, type KeyObject, sign } from "node:crypto";

/**
 * Builds signed Choria messages byte for byte as go-choria v0.30 does (field order, Go's JSON escapes): the counterpart
 * of validation, for simulated fleets, tests and load. Identities, ids and time come in as arguments.
 */

export interface RequestFields {
  /** v1: 32 characters; v2: a ksuid. */
  readonly requestId: string;
  readonly sender: string;
  /** v1: `choria=<identity>`; v2 registrations: the bare identity. */
  readonly caller: string;
  readonly collective: string;
  readonly agent: string;
  readonly ttlSeconds: number;
  /** Nanoseconds since 1970; v1 carries whole seconds, rounded down. */
  readonly timeNs: bigint;
  /** v1 carries text only: bytes are taken as UTF-8. */
  readonly payload: string | Uint8Array;
  /** Subject for replies; registrations name `dev.null`. Unsigned. */
  readonly replyTo: string;
  /** Server the sender is connected to, for the unsigned hop header; null leaves the header out. */
  readonly server: string | null;
}

export interface ReplyFields {
  readonly requestId: string;
  readonly sender: string;
  readonly agent: string;
  readonly timeNs: bigint;
  readonly payload: string | Uint8Array;
  readonly server: string | null;
}

/** An RSA key and its certificate, with any intermediates after it. */
export interface V1Credential {
  readonly certPem: string;
  readonly privateKey: KeyObject;
}

/** An ed25519 key and the token that names its public half. */
export interface V2Credential {
  readonly token: string;
  readonly privateKey: KeyObject;
}

const EMPTY_FILTER = { fact: [], cf_class: [], agent: [], identity: [], compound: [] };
const HTML_ESCAPES = /[<>&\u2028\u2029]/g;

/** JSON text with Go's extra escapes, so that a signature made elsewhere over the same fields fits. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    HTML_ESCAPES,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString("base64");
const text = (payload: string | Uint8Array): string =>
  typeof payload === "string" ? payload : Buffer.from(payload).toString("utf8");

/** The text a v1 request's signature covers. */
export function v1RequestText(fields: RequestFields): string {
  return goJson({
    protocol: "choria:request:1",
    message: text(fields.payload),
    envelope: {
      requestid: fields.requestId,
      senderid: fields.sender,
      callerid: fields.caller,
      collective: fields.collective,
      agent: fields.agent,
      ttl: fields.ttlSeconds,
      time: Number(fields.timeNs / 1_000_000_000n),
      filter: EMPTY_FILTER,
    },
  });
}

/** The text a v2 request's signature covers; `time` keeps all its digits, which a JavaScript number would not. */
export function v2RequestText(fields: RequestFields): string {
  const head = goJson({
    protocol: "io.choria.protocol.v2.request",
    message: base64(fields.payload),
    id: fields.requestId,
    sender: fields.sender,
    caller: fields.caller,
    collective: fields.collective,
    agent: fields.agent,
    ttl: fields.ttlSeconds,
  });
  return `${head.slice(0, -1)},"time":${fields.timeNs},"filter":${goJson(EMPTY_FILTER)}}`;
}

/** RSASSA-PKCS1-v1_5 with SHA-256: the only v1 signature. */
export const signV1 = (signed: string, key: KeyObject): Buffer => sign("sha256", Buffer.from(signed), key);
/** Pure ed25519: the only v2 signature. */
export const signV2 = (signed: string, key: KeyObject): Buffer => sign(null, Buffer.from(signed), key);

function signInPool(algorithm: "sha256" | null, signed: string, key: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(algorithm, Buffer.from(signed), key, (error, signature) => (error ? reject(error) : resolve(signature)));
  });
}

type Hop = Pick<RequestFields, "sender" | "server">;
const hops = (hop: Hop): readonly string[][] | undefined =>
  hop.server === null ? undefined : [[hop.server, hop.sender, hop.server]];

function v1Transport(secure: object, hop: Hop, replyTo?: string): Buffer {
  const headers = { "reply-to": replyTo, mc_sender: hop.sender, "seen-by": hops(hop) };
  return Buffer.from(goJson({ protocol: "choria:transport:1", data: base64(goJson(secure)), headers }));
}

function v2Transport(secure: object, hop: Hop, replyTo?: string): Buffer {
  const headers = { reply: replyTo, sender: hop.sender, trace: hops(hop) };
  return Buffer.from(goJson({ protocol: "io.choria.protocol.v2.transport", data: base64(goJson(secure)), headers }));
}

/** What stands beside the signed text: any pair, so that hostile messages can be built too. */
export interface Seal {
  /** Base64. */
  readonly signature: string;
  /** v1: certificate PEM; v2: token. */
  readonly credential: string;
}

/** Wraps an already signed v1 request text into its two outer layers. */
export function sealV1Request(signed: string, seal: Seal, hop: Hop & { readonly replyTo: string }): Buffer {
  const secure = {
    protocol: "choria:secure:request:1",
    message: signed,
    signature: seal.signature,
    pubcert: seal.credential,
  };
  return v1Transport(secure, hop, hop.replyTo);
}

/** Wraps an already signed v2 request text into its two outer layers. */
export function sealV2Request(signed: string, seal: Seal, hop: Hop & { readonly replyTo: string }): Buffer {
  const secure = {
    protocol: "io.choria.protocol.v2.secure_request",
    request: base64(signed),
    signature: seal.signature,
    caller: seal.credential,
  };
  return v2Transport(secure, hop, hop.replyTo);
}

/** A signed v1 request, registrations included. */
export function composeV1Request(fields: RequestFields, { certPem, privateKey }: V1Credential): Buffer {
  const signed = v1RequestText(fields);
  return sealV1Request(signed, { signature: base64(signV1(signed, privateKey)), credential: certPem }, fields);
}

/** A signed v2 request, registrations included. */
export function composeV2Request(fields: RequestFields, { token, privateKey }: V2Credential): Buffer {
  const signed = v2RequestText(fields);
  return sealV2Request(signed, { signature: base64(signV2(signed, privateKey)), credential: token }, fields);
}

/** As `composeV1Request`, signing in libuv's thread pool: an RSA signature costs about a millisecond. */
export async function composeV1RequestInPool(fields: RequestFields, credential: V1Credential): Promise<Buffer> {
  const signed = v1RequestText(fields);
  const signature = base64(await signInPool("sha256", signed, credential.privateKey));
  return sealV1Request(signed, { signature, credential: credential.certPem }, fields);
}

/** As `composeV2Request`, signing in libuv's thread pool. */
export async function composeV2RequestInPool(fields: RequestFields, credential: V2Credential): Promise<Buffer> {
  const signed = v2RequestText(fields);
  const signature = base64(await signInPool(null, signed, credential.privateKey));
  return sealV2Request(signed, { signature, credential: credential.token }, fields);
}

/** A v1 reply: it carries a checksum and no signature, there is no stronger form. */
export function composeV1Reply(fields: ReplyFields): Buffer {
  const message = goJson({
    protocol: "choria:reply:1",
    message: text(fields.payload),
    envelope: {
      requestid: fields.requestId,
      senderid: fields.sender,
      agent: fields.agent,
      time: Number(fields.timeNs / 1_000_000_000n),
    },
  });
  const hash = createHash("sha256").update(message).digest("base64");
  return v1Transport({ protocol: "choria:secure:reply:1", message, hash }, fields);
}

/** A v2 reply, signed by the node's token; null leaves the signature out, as `sign_replies = false` does. */
export function composeV2Reply(fields: ReplyFields, credential: V2Credential | null): Buffer {
  const head = goJson({
    protocol: "io.choria.protocol.v2.reply",
    message: base64(fields.payload),
    request: fields.requestId,
    sender: fields.sender,
    agent: fields.agent,
  });
  const reply = `${head.slice(0, -1)},"time":${fields.timeNs}}`;
  const secure = {
    protocol: "io.choria.protocol.v2.secure_reply",
    reply: base64(reply),
    hash: createHash("sha256").update(reply).digest("base64"),
    ...(credential && { signature: base64(signV2(reply, credential.privateKey)), sender: credential.token }),
  };
  return v2Transport(secure, fields);
}
