import assert from "node:assert/strict";
import { test } from "node:test";
import { createCounters } from "../../../functions/bridge/accounting/counters.ts";
import { type Evidence, ledgerTerms, type States } from "../../../functions/cli/start/books.ts";
import { demoConfig } from "../../../functions/cli/start/demo-config.ts";
import { ledger } from "../../../functions/cli/start/ledger.ts";
import { createJobCounters } from "../../../functions/consumer/counters.ts";
import { trustSection } from "../../../functions/simulate/trust.ts";
import { parseConfig } from "../../../shared/config/load.ts";

const trust = trustSection({ caFile: "/ca.pem", issuerPublicKey: "ab".repeat(32) }, "mcollective");
const text = demoConfig({ servers: ["nats://127.0.0.1:4222"], collective: "mcollective", trust });
const config = parseConfig(text, "demo.yaml", {});

const makeStates = (registrations: number, inventory: number): States => ({
  streams: new Map([
    ["registrations", { lastSequence: registrations, messages: 3 }],
    ["inventory", { lastSequence: inventory, messages: inventory }],
  ]),
  jobs: new Map(),
});

/** A run: 100 sent, 10 of them hostile, 1 shed before validation, 2 from the buffer, 1 duplicate; 86 stored. */
function makeEvidence(changes: Partial<Evidence> = {}): Evidence {
  const bridge = createCounters(["registrations"], ["registrations"]);
  Object.assign(bridge.ingests.get("registrations") ?? {}, { received: 100, overload: 1, rejected: { bad_utf8: 10 } });
  Object.assign(bridge.streams.get("registrations") ?? {}, { stored: 86, duplicate: 1, shed: { buffer_full: 2 } });
  const job = { ...createJobCounters(), published: 85, publishedDuplicates: 1 };
  Object.assign(job.settled, { done: 85, dead: 1, retried: 4 });
  const fleet = {
    sent: 100,
    good: 90,
    bad: 10,
    byProtocol: { v1: 50, v2: 50 },
    badByExpectedCode: { bad_utf8: 10 },
    unconfirmed: 0,
    skipped: 0,
  };
  const jobs = new Map([["republish", job]]);
  const states = { before: makeStates(1_000, 500), after: makeStates(1_086, 584) };
  return { config, fleet, delivered: 100, bridge, jobs, ...states, ...changes };
}

test("the counts of a run find their place in the books", () => {
  const { lines, balanced } = ledger(ledgerTerms(makeEvidence()));

  assert.equal(balanced, true, lines.join("\n"));
  assert.deepEqual(lines.slice(2, 5), [
    "ok  stream registrations: received 100 = stored 86 + duplicate 1 + rejected 10 + shed 3 (buffer_full 2, overload 1)",
    "ok  job republish: before 3 + stored 86 = done 85 + dropped 0 + dead 1 + left 3",
    "ok  republished to inventory: outputs 85 = stored 84 + duplicate 1",
  ]);
});

test("stored is what the server says, not what the bridge counted", () => {
  const { mismatches } = ledger(ledgerTerms(makeEvidence({ after: makeStates(1_085, 584) })));
  assert.equal(mismatches.length, 2);
});

test("a server that is away at the end leaves what it alone knows unknown", () => {
  const { mismatches } = ledger(ledgerTerms(makeEvidence({ after: null })));

  assert.deepEqual(mismatches, [
    "stream registrations: nobody could say: stored",
    "job republish: nobody could say: stored, left",
    "republished to inventory: nobody could say: stored",
  ]);
});

test("a fleet that ended without a report leaves what it sent unknown", () => {
  const { mismatches } = ledger(ledgerTerms(makeEvidence({ fleet: "no report" })));
  assert.deepEqual(mismatches, ["sent: nobody could say: sent"]);
});

test("a server that was restarted has not counted the whole run: no loss is read from it", () => {
  const evidence = makeEvidence({ delivered: 40 });
  evidence.bridge.connections.set("ingest demo", { disconnects: 1, disconnectedMs: 3_000, downSince: null });

  assert.equal(ledgerTerms(evidence).clientLoss, null);
  assert.equal(ledgerTerms(makeEvidence({ delivered: 99 })).clientLoss, -1);
});

test("a delivery count that the server does not give is unknown, not zero", () => {
  const { mismatches } = ledger(ledgerTerms(makeEvidence({ delivered: null })));
  assert.match(mismatches[0] ?? "", /^client loss: of unknown size/);
});
