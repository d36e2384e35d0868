import assert from "node:assert/strict";
import { test } from "node:test";
import { adapterOutput } from "../../../../shared/choria/output.ts";
import { createTrust } from "../../../../shared/choria/trust.ts";
import { makeTrustSettings, VECTOR_NOW_MS } from "../../../support/vectors.ts";
import { acceptWire, judgeWire, makeWire } from "../../../support/wire.ts";

test("anything is taken as it is, its sender being the subject it came by", async () => {
  const message = await acceptWire(makeWire('{"t":21.5}', { subject: "site1.boiler-7.temp" }), "raw");
  assert.deepEqual(
    [message.protocol, message.kind, message.proof, message.senderProof, message.sender, message.payload],
    ["none", "raw", "none", "none", "site1.boiler-7.temp", '{"t":21.5}'],
  );
  assert.equal(message.timeNs, BigInt(VECTOR_NOW_MS) * 1_000_000n);
});

test("two equal readings are two messages, one that is delivered again is one", async () => {
  const ids = await Promise.all(
    ["a.1", "a.2", "a.2"].map(
      async (arrivalId) => (await acceptWire(makeWire("21.5", { arrivalId }), "raw")).messageId,
    ),
  );
  assert.deepEqual(ids, ["a.1", "a.2", "a.2"]);
});

test("bytes that are no text are carried whole, in memory of their own", async () => {
  const socket = Buffer.alloc(65_536, 0xff);
  const { payload } = await acceptWire({ ...makeWire(""), data: socket.subarray(100, 104) }, "raw");
  assert.ok(payload instanceof Uint8Array);
  assert.deepEqual([...payload], [0xff, 0xff, 0xff, 0xff]);
  assert.equal(payload.buffer.byteLength, 4);
});

test("no header of a sender is stored under the name it came with", async () => {
  const given = [
    ["Nats-Rollup", "all"],
    ["nats-expected-stream", "OTHER"],
    ["Nats-Msg-Id", "1"],
    ["Job-Id", "other"],
    ["choria-sender", "node1.example.net"],
    ["Choria-Token", "eyJhbGciOi.secret.x"],
    ["traceparent", "00-1-2-3"],
    ["Content-Type", "text/plain"],
    ["bad name", "x"],
  ] as const;
  const { headers } = adapterOutput(await acceptWire(makeWire("x", { given }), "raw"), "payload");
  const own = headers.slice(0, 9).map(([name]) => name);
  assert.ok(own.includes("Choria-Sender"));
  assert.deepEqual(headers.slice(9), [
    ["Choria-Subject", "some.subject"],
    ["Raw-Header-Job-Id", "other"],
    ["Raw-Header-choria-sender", "node1.example.net"],
    ["Raw-Header-Content-Type", "text/plain"],
  ]);
});

test("headers are bounded in number too: each takes memory, however short it is", async () => {
  const numbered = (count: number) => Array.from({ length: count }, (_, n) => [`H${n}`, ""] as const);
  const most = await acceptWire(makeWire("x", { given: numbered(64) }), "raw");
  const refused = await judgeWire(makeWire("x", { given: numbered(65) }), "raw");
  assert.equal(most.headers.filter(([name]) => name.startsWith("Raw-Header-")).length, 64);
  assert.ok("code" in refused && refused.code === "too_large", "they are not refused");
});

test("what comes with a message cannot say a second time what the bridge says of it", async () => {
  const message = await acceptWire(makeWire("x"), "raw");
  const { headers } = adapterOutput({ ...message, headers: [["choria-SENDER", "mallory"]] }, "payload");
  assert.deepEqual(
    headers.filter(([name]) => /^choria-sender$/i.test(name)),
    [["Choria-Sender", "some.subject"]],
  );
});

test("control characters of a header's value do not reach a stream", async () => {
  const given = [["X-Name", "a\u0000b\u001b[2Jc"]] as const;
  const { headers } = await acceptWire(makeWire("x", { given }), "raw");
  assert.deepEqual(headers.at(-1), ["Raw-Header-X-Name", "a?b?[2Jc"]);
});

const REFUSED = {
  "a message beyond the size limit": [makeWire("12345"), "too_large"],
  "headers beyond 4 kB": [makeWire("1", { given: [["X", "y".repeat(5_000)]] }), "too_large"],
  "a subject with control characters": [makeWire("1", { subject: "a.\u0007.b" }), "sender_invalid"],
  "a subject longer than a header should be": [makeWire("1", { subject: "a".repeat(1_025) }), "sender_invalid"],
} as const;

for (const [name, [wire, code]] of Object.entries(REFUSED)) {
  test(`${name} is refused`, async () => {
    const trust = createTrust(makeTrustSettings({ limits: { maxBytes: 4, maxDepth: 32 } }));
    const result = await judgeWire(wire, "raw", trust);
    assert.equal(result.code, code);
  });
}
