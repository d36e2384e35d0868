import assert from "node:assert/strict";
import { test } from "node:test";
import { type LedgerTerms, ledger } from "../../../functions/cli/start/ledger.ts";

/** A run of 1,000 messages, 20 of them hostile and one a duplicate, in which everything adds up. */
function makeTerms(changes: Partial<LedgerTerms> = {}): LedgerTerms {
  const rejected = { sender_mismatch: 12, bad_utf8: 8 };
  return {
    sent: { confirmed: 1_000, unconfirmed: 0, hostile: rejected },
    received: 1_000,
    clientLoss: 0,
    disconnects: 0,
    rejected,
    streams: [
      {
        name: "registrations",
        received: 1_000,
        released: 0,
        stored: 975,
        duplicate: 1,
        rejected,
        shed: { buffer_full: 4 },
      },
    ],
    jobs: [{ name: "republish", before: 5, stored: 975, done: 970, dropped: 2, dead: 3, parked: 0, left: 5 }],
    targets: [{ name: "inventory", outputs: 970, stored: 968, duplicate: 2 }],
    ...changes,
  };
}

const stream = makeTerms().streams[0]!;
const job = makeTerms().jobs[0]!;
const target = makeTerms().targets[0]!;
const sent = { confirmed: 1_000, unconfirmed: 0, hostile: makeTerms().rejected };

test("books that add up are balanced", () => {
  const { lines, balanced, mismatches } = ledger(makeTerms());

  assert.equal(balanced, true);
  assert.deepEqual(mismatches, []);
  assert.deepEqual(lines, [
    "ok  sent: sent 1 000 = received 1 000 + client loss 0",
    "ok  bad_utf8: sent hostile 8 = rejected 8",
    "ok  sender_mismatch: sent hostile 12 = rejected 12",
    "ok  stream registrations: received 1 000 = stored 975 + duplicate 1 + rejected 20 + shed 4 (buffer_full 4)",
    "ok  job republish: before 5 + stored 975 = done 970 + dropped 2 + dead 3 + left 5",
    "ok  republished to inventory: outputs 970 = stored 968 + duplicate 2",
    "balanced",
  ]);
});

test("messages that wait outside their queue for a long delay are accounted for on both ways", () => {
  const { lines, balanced } = ledger(
    makeTerms({
      streams: [{ ...stream, released: 7, stored: 982 }],
      jobs: [{ ...job, stored: 982, parked: 7 }],
    }),
  );

  assert.equal(balanced, true, lines.join("\n"));
  assert.match(lines.join("\n"), /received 1 000 \+ released 7 = stored 982 .*\n.* \+ dead 3 \+ parked 7 \+ left 5/);
});

const failures: readonly { readonly name: string; readonly terms: Partial<LedgerTerms>; readonly says: RegExp }[] = [
  {
    name: "a message that never reached the bridge",
    terms: { received: 999 },
    says: /^sent: sent 1 000 is 1 000, received 999 \+ client loss 0 is 999$/,
  },
  {
    name: "a message received that nobody sent",
    terms: { received: 1_001 },
    says: /^sent: .* is 1 000, received 1 001 .* is 1 001$/,
  },
  {
    name: "a measured client loss that does not explain the difference",
    terms: { received: 990, clientLoss: 9 },
    says: /received 990 \+ client loss 9 is 999$/,
  },
  {
    name: "a loss that nobody counted while the bridge was disconnected",
    terms: { received: 990, disconnects: 2 },
    says: /client loss 0 is 990 \(the bridge's connection was lost 2 times\)$/,
  },
  {
    name: "a fleet that never said what it sent",
    terms: { sent: { confirmed: null, unconfirmed: 0, hostile: {} } },
    says: /^sent: nobody could say: sent$/,
  },
  {
    name: "a stream that the server does not tell about any more",
    terms: { streams: [{ ...stream, stored: null }] },
    says: /^stream registrations: nobody could say: stored$/,
  },
  {
    name: "a queue that the server does not tell about any more",
    terms: { jobs: [{ ...job, stored: null, left: null }] },
    says: /^job republish: nobody could say: stored, left$/,
  },
  {
    name: "client loss of unknown size",
    terms: { received: 990, clientLoss: null, disconnects: 2 },
    says: /^client loss: of unknown size .* lost 2 times/,
  },
  {
    name: "messages that the fleet could not confirm",
    terms: { sent: { ...sent, unconfirmed: 3 } },
    says: /^sent: 3 messages were written while/,
  },
  {
    name: "a hostile message that was accepted",
    terms: { rejected: { sender_mismatch: 11, bad_utf8: 8 } },
    says: /^sender_mismatch: sent hostile 12 is 12, rejected 11 is 11$/,
  },
  {
    name: "a good message that was refused",
    terms: { rejected: { ...sent.hostile, ttl_expired: 1 } },
    says: /^ttl_expired: sent hostile 0 is 0, rejected 1 is 1$/,
  },
  {
    name: "a message that is not in the stream",
    terms: { streams: [{ ...stream, stored: 974 }] },
    says: /^stream registrations: received 1 000 is 1 000, stored 974 .* is 999$/,
  },
  { name: "a duplicate not counted", terms: { streams: [{ ...stream, duplicate: 0 }] }, says: /^stream registrations/ },
  { name: "a rejection not counted", terms: { streams: [{ ...stream, rejected: {} }] }, says: /^stream registrations/ },
  { name: "a message shed uncounted", terms: { streams: [{ ...stream, shed: {} }] }, says: /^stream registrations/ },
  {
    name: "a message done twice",
    terms: { jobs: [{ ...job, done: 971 }] },
    says: /^job republish: before 5 \+ stored 975 is 980, .* is 981$/,
  },
  { name: "a message left over uncounted", terms: { jobs: [{ ...job, left: 4 }] }, says: /^job republish.* is 979$/ },
  { name: "a dead letter not counted", terms: { jobs: [{ ...job, dead: 2 }] }, says: /^job republish/ },
  { name: "a dropped message not counted", terms: { jobs: [{ ...job, dropped: 0 }] }, says: /^job republish/ },
  { name: "an unknown start", terms: { jobs: [{ ...job, before: 0 }] }, says: /^job republish/ },
  {
    name: "an output that is not in the target",
    terms: { targets: [{ ...target, stored: 967 }] },
    says: /^republished to inventory: outputs 970 is 970, stored 967 \+ duplicate 2 is 969$/,
  },
];

for (const { name, terms, says } of failures) {
  test(`${name} is named and the books are not balanced`, () => {
    const { lines, balanced, mismatches } = ledger(makeTerms(terms));

    assert.equal(balanced, false);
    assert.equal(mismatches.length, 1, mismatches.join("\n"));
    assert.match(mismatches[0] ?? "", says);
    assert.match(lines.at(-1) ?? "", /^not balanced:\n {2}/);
  });
}

test("without a simulated fleet the books start at what was received", () => {
  const { lines, balanced } = ledger(makeTerms({ sent: null }));

  assert.equal(balanced, true);
  assert.match(lines[0] ?? "", /^ok {2}stream registrations/);
});

test("a measured loss that explains the difference balances, codes are not compared then", () => {
  const rejected = { sender_mismatch: 12, bad_utf8: 7 };
  const terms = makeTerms({
    received: 999,
    clientLoss: 1,
    rejected,
    streams: [{ ...stream, received: 999, rejected }],
  });

  assert.equal(ledger(terms).balanced, true);
});

test("without a fleet there is no client loss to know, as long as the connection held", () => {
  const real = makeTerms({ sent: null, clientLoss: null });
  assert.equal(ledger(real).balanced, true);
  assert.equal(ledger({ ...real, disconnects: 1 }).balanced, false);
});

test("a term that nobody could say is printed as unknown, never as a number", () => {
  const { lines } = ledger(makeTerms({ targets: [{ ...target, stored: null }] }));
  assert.ok(lines.includes("?   republished to inventory: outputs 970 = stored unknown + duplicate 2"));
});

test("every equation that fails is named", () => {
  const terms = makeTerms({ received: 1, jobs: [{ ...job, left: 0 }], targets: [{ ...target, outputs: 0 }] });
  assert.equal(ledger(terms).mismatches.length, 3);
});
