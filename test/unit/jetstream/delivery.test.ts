import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAckSubject } from "../../../shared/jetstream/delivery.ts";

const facts = {
  stream: "JOBS",
  deliveryCount: 3,
  streamSequence: 42,
  consumerSequence: 7,
  timestampMs: 1_763_632_800_123,
};

const forms: readonly (readonly [string, string])[] = [
  ["nine tokens", "$JS.ACK.JOBS.work.3.42.7.1763632800123456789.5"],
  ["eleven tokens, with domain and account", "$JS.ACK.hub.ACCHASH.JOBS.work.3.42.7.1763632800123456789.5"],
  ["twelve tokens, with a random one", "$JS.ACK.hub.ACCHASH.JOBS.work.3.42.7.1763632800123456789.5.rAnDoM"],
  ["an underscore for no domain", "$JS.ACK._.ACCHASH.JOBS.work.3.42.7.1763632800123456789.5.rAnDoM"],
];

for (const [name, subject] of forms) {
  test(`the ack subject is read in its form of ${name}`, () => assert.deepEqual(parseAckSubject(subject), facts));
}

test("another subject is no ack subject", () => {
  for (const subject of ["", "_INBOX.a.b", "$JS.ACK.JOBS.work", "$JS.API.CONSUMER.MSG.NEXT.JOBS.work.1.2.3"]) {
    assert.equal(parseAckSubject(subject), null, subject);
  }
});
