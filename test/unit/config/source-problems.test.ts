import assert from "node:assert/strict";
import { test } from "node:test";
import { fedStreams, quarantineConnection } from "../../../shared/config/names.ts";
import { sourceConsumers } from "../../../shared/config/resolve.ts";
import { makeConfigValue, parseValue, problemsOf } from "../../support/config.ts";

const reg = {
  connection: "main",
  subject: "mcollective.broadcast.agent.registration",
  kind: "registration",
  to: ["inventory"],
};
const source = { stream: "REGISTRATIONS" };

interface Case {
  readonly name: string;
  readonly ingest: Readonly<Record<string, object>>;
  readonly path: string;
  readonly problem: RegExp;
  readonly fix: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: "from: stream without a source",
    ingest: { reg: { ...reg, from: "stream" } },
    path: "ingest.reg.source",
    problem: /is missing/,
    fix: /source: \{ stream:/,
  },
  {
    name: "a source with from: core",
    ingest: { reg: { ...reg, source } },
    path: "ingest.reg.source",
    problem: /no effect/,
    fix: /from: stream/,
  },
  {
    name: "a shadow of a stream",
    ingest: { reg: { ...reg, from: "stream", source, enforce: false } },
    path: "ingest.reg.enforce",
    problem: /shadow takes no messages from a stream/,
    fix: /from: core/,
  },
  {
    name: "a queue group with from: stream",
    ingest: { reg: { ...reg, from: "stream", source, queue: "mine" } },
    path: "ingest.reg.queue",
    problem: /no effect with from: stream/,
    fix: /leave it out/,
  },
  {
    name: "two ingests with one durable",
    ingest: {
      reg: { ...reg, from: "stream", source },
      other: { ...reg, from: "stream", source },
    },
    path: "ingest.other.source.durable",
    problem: /is the consumer of ingest "reg" too/,
    fix: /durable of its own/,
  },
  {
    name: "a bound over all bridges that is less than that of one",
    ingest: { reg: { ...reg, from: "stream", source: { ...source, inFlight: 200, maxAckPending: 100 } } },
    path: "ingest.reg.source.maxAckPending",
    problem: /is less than inFlight \(200\)/,
    fix: /inFlight times the bridges you run/,
  },
  {
    name: "a source that is a stream of ours",
    ingest: { reg: { ...reg, from: "stream", source: { stream: "inventory" } } },
    path: "ingest.reg.source.stream",
    problem: /holds what is proven already/,
    fix: /that nodes or the broker write to/,
  },
  {
    name: "a source whose subject a stream of ours stores",
    ingest: { reg: { ...reg, subject: "choria.>", from: "stream", source } },
    path: "ingest.reg.subject",
    problem: /overlaps the subjects of stream "inventory"/,
    fix: /subjects that no node may publish to/,
  },
];

for (const { name, ingest, path, problem, fix } of CASES) {
  test(`${name} is refused, with the place and the fix`, () => {
    const problems = problemsOf(() => parseValue(makeConfigValue({ ingest })));

    assert.deepEqual(
      problems.map((found) => found.path),
      [path],
    );
    assert.match(problems[0]!.problem, problem);
    assert.match(problems[0]!.fix, fix);
  });
}

test("one durable name on two streams is two consumers", () => {
  const ingest = {
    reg: { ...reg, from: "stream", source },
    other: { ...reg, from: "stream", source: { stream: "OTHERS" } },
  };
  assert.deepEqual(
    problemsOf(() => parseValue(makeConfigValue({ ingest }))),
    [],
  );
});

test("the consumer of a source has room for four bridges, or for what is configured", () => {
  const roomOf = (changes: object) => {
    const ingest = { reg: { ...reg, from: "stream", source: { ...source, ...changes } } };
    return sourceConsumers(parseValue(makeConfigValue({ ingest }))).map(({ inFlight, spec }) => [
      inFlight,
      spec.maxAckPending,
    ]);
  };

  assert.deepEqual(roomOf({}), [[1_000, 4_000]]);
  assert.deepEqual(roomOf({ inFlight: 50 }), [[50, 200]]);
  assert.deepEqual(roomOf({ inFlight: 50, maxAckPending: 50 }), [[50, 50]]);
});

test("a shadow feeds no stream, and a bridge of shadows alone keeps no quarantine", () => {
  const shadow = parseValue(makeConfigValue({ ingest: { reg: { ...reg, enforce: false } } }));
  const both = parseValue(makeConfigValue({ ingest: { reg, shadow: { ...reg, enforce: false, to: ["nodes"] } } }));

  assert.deepEqual([fedStreams(shadow), quarantineConnection(shadow)], [[], null]);
  assert.deepEqual([fedStreams(both), quarantineConnection(both)], [["inventory"], "main"]);
});
