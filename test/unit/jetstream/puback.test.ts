import assert from "node:assert/strict";
import { test } from "node:test";
import { headers, type Msg } from "nats";
import { type PublishFailure, readPubAck } from "../../../shared/jetstream/puback.ts";

/** The parts of a reply that are read: what a server sent, as the client hands it over. */
function makeReply(body: string, code = 0): Msg {
  const data = Buffer.from(body);
  const json = () => JSON.parse(body);
  return { data, json, headers: code === 0 ? undefined : headers(code, "No Responders") } as unknown as Msg;
}

const makeError = (errCode: number, code = 503) =>
  makeReply(JSON.stringify({ error: { code, err_code: errCode, description: "as the server says" } }));

test("an ack with a sequence is stored; the server says whether it held the id already", () => {
  assert.deepEqual(readPubAck(makeReply('{"stream":"S","seq":7}')), { stored: true, sequence: 7, duplicate: false });
  const copy = makeReply('{"stream":"S","seq":7,"duplicate":true}');
  assert.deepEqual(readPubAck(copy), { stored: true, sequence: 7, duplicate: true });
});

const FAILURES: readonly (readonly [name: string, reply: Msg | null, failure: PublishFailure])[] = [
  ["no answer in time", null, "timeout"],
  ["nobody listens on the subject", makeReply("", 503), "no_stream"],
  ["JetStream is off", makeError(10076), "no_stream"],
  ["the stream is full, with the same 503", makeError(10077), "full"],
  ["no leader", makeError(10008), "unavailable"],
  ["out of storage", makeError(10047, 500), "unavailable"],
  ["the subject belongs to another stream", makeError(10060, 400), "wrong_stream"],
  ["the message is too large for the stream", makeError(10054, 400), "too_large"],
  ["an error nobody knows", makeError(19999), "refused"],
  ["an error without its code", makeReply('{"error":{"code":503}}'), "refused"],
  ["an answer that is no JSON", makeReply("?"), "refused"],
  ["an answer without a sequence", makeReply("{}"), "refused"],
  ["an answer that is JSON but no object", makeReply("null"), "refused"],
  ["the account's limits are reached", makeError(10002, 400), "full"],
  ["a copy is in process, old clusters", makeReply('{"stream":"S","seq":0,"duplicate":true}'), "unavailable"],
  ["a copy is in process, newer clusters", makeError(10158, 409), "unavailable"],
  ["too many messages wait at the stream", makeError(10167, 429), "unavailable"],
];

for (const [name, reply, failure] of FAILURES) {
  test(`a publish is not stored: ${name}`, () => {
    const result = readPubAck(reply);

    assert.equal(result.stored, false);
    assert.equal(result.stored === false && result.failure, failure);
  });
}
