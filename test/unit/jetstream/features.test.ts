import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkFeatures,
  type FeatureFinding,
  featureNeeds,
  featuresOf,
  losesSpentMessages,
  requireFeatures,
  ServerTooOldError,
} from "../../../shared/jetstream/features.ts";
import { makeConfigValue, parseValue } from "../../support/config.ts";

const makeConfig = (overrides = {}) => parseValue(makeConfigValue(overrides));

const CASES: readonly (readonly [version: string, present: readonly string[]])[] = [
  ["2.8.4", []],
  ["2.9.10", ["jobQueue"]],
  ["2.10.3", ["jobQueue", "overlapCheck"]],
  ["2.10.4", ["jobQueue", "overlapCheck", "termReason"]],
  ["2.11.0", ["jobQueue", "overlapCheck", "termReason", "consumerPause", "messageTtl"]],
  ["2.12.15", ["jobQueue", "overlapCheck", "termReason", "consumerPause", "messageTtl", "schedules"]],
  ["2.15.1-beta", ["jobQueue", "overlapCheck", "termReason", "consumerPause", "messageTtl", "schedules"]],
  ["v3.0", ["jobQueue", "overlapCheck", "termReason", "consumerPause", "messageTtl", "schedules"]],
  ["nightly", []],
  ["", []],
];

for (const [version, present] of CASES) {
  test(`nats-server "${version}" has ${present.length} of the features`, () => {
    const found = Object.entries(featuresOf(version)).flatMap(([feature, has]) => (has ? [feature] : []));

    assert.deepEqual(found, present);
  });
}

test("a job needs a job queue, and on an old server it can be paused by its flag alone", () => {
  const findings = checkFeatures(featureNeeds(makeConfig(), "main"), "2.9.10");

  assert.deepEqual(
    findings.map(({ feature, neededBy, present, mode }) => [feature, neededBy, present, mode]),
    [
      ["jobQueue", "jobs republish", true, "refuse"],
      ["consumerPause", "jobs republish", false, "reduced"],
    ],
  );
  assert.match(
    findings[1]?.text ?? "",
    /nats-server 2\.9\.10 does not have it \(2\.11\.0 does\), jobs republish: a pause/,
  );
});

test("jobs that share a work queue want the server's check of overlaps", () => {
  const jobs = {
    a: { stream: "inventory", sink: "nodes", filter: "choria.reg.a" },
    b: { stream: "inventory", sink: "nodes", filter: "choria.reg.b" },
  };

  const needs = featureNeeds(makeConfig({ jobs }), "main");

  assert.equal(needs.find(({ feature }) => feature === "overlapCheck")?.neededBy, "jobs a, b");
});

test("a job with order does not want its consumers paused: they come and go", () => {
  const streams = {
    inventory: { connection: "main", subject: "choria.reg.{partition:4}.{sender}" },
    nodes: { connection: "main", subject: "nodes.{sender}", retention: "limits" },
  };
  const jobs = { republish: { stream: "inventory", sink: "nodes", order: {} } };

  const needs = featureNeeds(makeConfig({ streams, jobs }), "main");

  assert.deepEqual(
    needs.map(({ feature }) => feature),
    ["jobQueue"],
  );
});

test("a connection without a job needs nothing", () => {
  assert.deepEqual(featureNeeds(makeConfig(), "other"), []);
});

test("a start says each reduced mode by name, and is refused by a server that cannot hold a queue", () => {
  const needs = featureNeeds(makeConfig(), "main");
  const reduced: FeatureFinding[] = [];

  requireFeatures(needs, "2.9.10", (finding) => reduced.push(finding));

  assert.deepEqual(
    reduced.map(({ feature }) => feature),
    ["consumerPause"],
  );
  assert.throws(
    () => requireFeatures(needs, "2.8.4", () => {}),
    (error) => {
      assert.ok(error instanceof ServerTooOldError);
      assert.equal(error.code, "SERVER_TOO_OLD");
      assert.match(error.message, /jobQueue: nats-server 2\.8\.4 does not have it \(2\.9\.0 does\), jobs republish/);
      return true;
    },
  );
});

test("releases that lose messages of replicated work queues are known", () => {
  assert.deepEqual(["2.12.2", "2.12.3", "2.12.4", "2.12.5"].map(losesSpentMessages), [false, true, true, false]);
});
