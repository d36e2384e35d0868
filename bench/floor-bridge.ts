import { createPublicKey, hash, type KeyObject, verify, X509Certificate } from "node:crypto";
import { createInbox, headers as makeHeaders, type NatsConnection } from "nats";
import type { Meter } from "./measure.ts";

/**
 * The least a bridge can do: receive, decode the layers, verify with 64 in flight, one digest, the same envelope and
 * headers, publish with matched PubAcks. It checks nothing else, so it is no bridge; it is what ours is measured against.
 */
export interface FloorBridge {
  readonly protocol: "v1" | "v2";
  readonly subject: string;
  readonly target: { readonly stream: string; readonly subjectPrefix: string };
}

const VERIFICATIONS_IN_FLIGHT = 64;

interface Decoded {
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly key: KeyObject;
  readonly payload: string;
  readonly sender: string;
  readonly caller: string;
  readonly agent: string;
  readonly collective: string;
  readonly requestId: string;
  readonly time: string;
}

export function runFloorBridge(connection: NatsConnection, floor: FloorBridge, meter: Meter): void {
  const decode = floor.protocol === "v1" ? decodeV1 : decodeV2;
  const algorithm = floor.protocol === "v1" ? "sha256" : null;
  const publish = publisher(connection, floor, meter);
  const waiting: Uint8Array[] = [];
  let head = 0;
  let verifying = 0;
  const pump = () => {
    for (let data = waiting[head]; data !== undefined && verifying < VERIFICATIONS_IN_FLIGHT; data = waiting[head]) {
      head += 1;
      verifying += 1;
      const decoded = decode(data);
      verify(algorithm, decoded.signed, decoded.key, decoded.signature, (error, valid) => {
        verifying -= 1;
        if (error !== null || !valid) throw new Error("the load does not verify");
        publish(decoded);
        pump();
      });
    }
    if (head > 4_096) {
      waiting.splice(0, head);
      head = 0;
    }
  };
  connection.subscribe(floor.subject, {
    callback: (_error, message) => {
      waiting.push(message.data);
      pump();
    },
  });
}

function publisher(connection: NatsConnection, { protocol, target }: FloorBridge, meter: Meter) {
  const inbox = `${createInbox()}.`;
  const awaiting = new Map<string, number>();
  let next = 0;
  connection.subscribe(`${inbox}*`, {
    callback: (_error, reply) => {
      const ack = reply.json<{ seq?: number }>();
      if (!awaiting.delete(reply.subject.slice(inbox.length)) || ack.seq === undefined) {
        throw new Error(`not stored: ${reply.string()}`);
      }
      meter.count();
    },
  });
  return (decoded: Decoded) => {
    const { sender, caller, agent, collective, requestId, time } = decoded;
    const id = hash("sha256", decoded.signed, "hex");
    const body = JSON.stringify({
      protocol: "choria:adapters:choria_streams:output:1",
      data: decoded.payload,
      sender,
      time,
      requestid: requestId,
      schema: 1,
    });
    const headers = makeHeaders();
    headers.append("Choria-Sender", sender);
    headers.append("Choria-Caller", caller);
    headers.append("Choria-Agent", agent);
    headers.append("Choria-Collective", collective);
    headers.append("Choria-Request-Id", requestId);
    headers.append("Choria-Time", time);
    headers.append("Choria-Protocol", protocol);
    headers.append("Choria-Proof", "signature");
    headers.append("Choria-Sender-Proof", "signature");
    headers.append("Nats-Msg-Id", id);
    headers.append("Nats-Expected-Stream", target.stream);
    next += 1;
    const token = next.toString(36);
    awaiting.set(token, next);
    connection.publish(`${target.subjectPrefix}.${sender}`, Buffer.from(body), { headers, reply: inbox + token });
  };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
const fromBase64 = (encoded: string): Buffer => Buffer.from(encoded, "base64");
const keys = new Map<string, KeyObject>();

function keyOf(credential: string, make: (credential: string) => KeyObject): KeyObject {
  let key = keys.get(credential);
  if (key === undefined) {
    key = make(credential);
    keys.set(credential, key);
  }
  return key;
}

function decodeV1(data: Uint8Array): Decoded {
  const transport = JSON.parse(text(data));
  const secure = JSON.parse(fromBase64(transport.data).toString());
  const { message, envelope } = JSON.parse(secure.message);
  return {
    signed: Buffer.from(secure.message),
    signature: fromBase64(secure.signature),
    key: keyOf(secure.pubcert, (pem) => new X509Certificate(pem).publicKey),
    payload: message,
    sender: envelope.senderid,
    caller: envelope.callerid,
    agent: envelope.agent,
    collective: envelope.collective,
    requestId: envelope.requestid,
    time: new Date(envelope.time * 1_000).toISOString(),
  };
}

function decodeV2(data: Uint8Array): Decoded {
  const transport = JSON.parse(text(data));
  const secure = JSON.parse(fromBase64(transport.data).toString());
  const signed = fromBase64(secure.request);
  const request = JSON.parse(signed.toString());
  return {
    signed,
    signature: fromBase64(secure.signature),
    key: keyOf(secure.caller, tokenKey),
    payload: fromBase64(request.message).toString(),
    sender: request.sender,
    caller: request.caller,
    agent: request.agent,
    collective: request.collective,
    requestId: request.id,
    time: new Date(request.time / 1e6).toISOString(),
  };
}

function tokenKey(token: string): KeyObject {
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const x = Buffer.from(claims.public_key, "hex").toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
