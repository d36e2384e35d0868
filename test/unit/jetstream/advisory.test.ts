import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readSpentAdvisory } from "../../../shared/jetstream/advisory.ts";

// As nats-server 2.15.1 sends it.
const ADVISORY = {
  type: "io.nats.jetstream.advisory.v1.max_deliver",
  id: "tvTssCLy3iAZE5i8LasDoo",
  timestamp: "2026-11-24T13:32:12.425366759Z",
  stream: "JOBS",
  consumer: "work",
  stream_seq: 1,
  deliveries: 2,
};
const read = (value: unknown) => readSpentAdvisory(Buffer.from(JSON.stringify(value)));

test("an advisory says which message of which consumer is spent, and when", () => {
  assert.deepEqual(read(ADVISORY), {
    stream: "JOBS",
    consumer: "work",
    streamSequence: 1,
    deliveries: 2,
    at: new Date("2026-11-24T13:32:12.425Z"),
  });
});

test("anything else is none, whatever the bytes", () => {
  for (const changes of [
    { type: "other" },
    { stream: 1 },
    { consumer: null },
    { stream_seq: "1" },
    { timestamp: "" },
  ]) {
    assert.equal(read({ ...ADVISORY, ...changes }), null, JSON.stringify(changes));
  }
  fc.assert(fc.property(fc.uint8Array(), (bytes) => readSpentAdvisory(bytes) === null));
  fc.assert(fc.property(fc.jsonValue(), (value) => read(value) === null));
});
