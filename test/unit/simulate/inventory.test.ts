import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { makeNode, type ReportMoment, registrationFields } from "../../../functions/simulate/node.ts";
import { seeded } from "../../../functions/simulate/random.ts";

const makeMoment = (seed: number, nowMs = 1_795_446_637_528): ReportMoment => ({
  nowMs,
  nowNs: BigInt(nowMs) * 1_000_000n + 7n,
  startedMs: nowMs - 90_000,
  server: "nats://127.0.0.1:4222",
  collective: "mcollective",
  random: seeded(seed),
  idBytes: Buffer.alloc(16, seed),
  gzip: (text) => gzipSync(text),
});

/** Size of the adapter envelope: what the stream stores. */
function storedBytes(index: number): number {
  const fields = registrationFields(makeNode(index, "v1"), makeMoment(index));
  return JSON.stringify({
    protocol: "choria:adapters:choria_streams:output:1",
    data: fields.payload,
    sender: fields.sender,
    time: "2026-11-23T06:52:30.076123456Z",
    requestid: fields.requestId,
  }).length;
}

test("stored registrations have a median near 6.8 kB, a larger mean and a few near 20 kB", () => {
  const sizes = Array.from({ length: 300 }, (_, index) => storedBytes(index)).sort((a, b) => a - b);
  const median = sizes[150] ?? 0;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;

  assert.ok(median > 6_300 && median < 7_300, `median ${median}`);
  assert.ok(mean > median && mean < 10_000, `mean ${mean}`);
  assert.ok((sizes[290] ?? 0) > 15_000 && (sizes[299] ?? 0) < 60_000, `largest ${sizes.slice(-10)}`);
});

test("a node stays the same from run to run, and its reports differ", () => {
  const node = makeNode(3, "v2");
  assert.deepEqual(makeNode(3, "v2"), node);
  assert.notEqual(makeNode(4, "v2").profile.factsJson, node.profile.factsJson);

  const first = registrationFields(node, makeMoment(1));
  assert.deepEqual(registrationFields(node, makeMoment(1)), first);
  assert.notEqual(registrationFields(node, makeMoment(2)).payload, first.payload);
});

test("an inventory has go-choria's fields, with facts that change", () => {
  const plain = makeNode(24, "v1"); // one in 25 does not compress
  const read = (nowMs: number) => JSON.parse(String(registrationFields(plain, makeMoment(1, nowMs)).payload)).content;

  const inventory = read(1_795_446_637_528);
  assert.deepEqual(Object.keys(inventory), [
    "agents",
    "classes",
    "facts",
    "status",
    "collectives",
    "build_info",
    "machines",
  ]);
  assert.equal(inventory.status.identity, "node0025.fleet.example");
  assert.equal(inventory.facts.networking.fqdn, "node0025.fleet.example");
  assert.ok(read(1_795_446_737_528).status.last_message > inventory.status.last_message);
});

test("caller and id follow the protocol, a mixed fleet speaks both", () => {
  const v1 = registrationFields(makeNode(0, "mixed"), makeMoment(1));
  const v2 = registrationFields(makeNode(1, "mixed"), makeMoment(1));

  assert.equal(v1.caller, "choria=node0001.fleet.example");
  assert.match(v1.requestId, /^[0-9a-f]{32}$/);
  assert.equal(v2.caller, "node0002.fleet.example");
  assert.match(v2.requestId, /^[0-9A-Za-z]{27}$/);
});
