import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { parseConfig, parseTrust } from "../../../shared/config/load.ts";
import { ConfigError } from "../../../shared/config/problem.ts";
import { problemsOf } from "../../support/config.ts";

const WRONG_EVERYWHERE = `
connections:
  main: { servers: ["nats://user:secret@localhost:4222"], user: bob }
  other:
    servers: ["\${NOPE}"]
trust:
  ttl: { max: 5 }
  v2: {}
ingest:
  reg:
    connection: mian
    subject: a..b
    kind: registration
    to: [invenotry]
streams:
  inventory:
    connection: main
    subject: choria.reg.{node}
    retention: workque
    maxage: 3d
jobs:
  x: { stream: inventory }
sinks:
  s: { type: kafka }
ingests: {}
`;

test("all problems come at once, in the order of the file, each with its line", () => {
  const found = problemsOf(() => parseConfig(WRONG_EVERYWHERE, "my.yaml", {}));

  assert.deepEqual(
    found.map(({ line, path }) => [line, path]),
    [
      [3, "connections.main.servers[0]"],
      [3, "connections.main"],
      [5, "connections.other.servers[0]"],
      [7, "trust.ttl.max"],
      [8, "trust.v2"],
      [11, "ingest.reg.connection"],
      [12, "ingest.reg.subject"],
      [14, "ingest.reg.to[0]"],
      [18, "streams.inventory.subject"],
      [19, "streams.inventory.retention"],
      [20, "streams.inventory.maxage"],
      [22, "jobs.x"],
      [24, "sinks.s.type"],
      [25, "ingests"],
    ],
  );
});

test("the message has one line for each problem, with file, line, path, value and fix, and no secret", () => {
  const error = caught(() => parseConfig(WRONG_EVERYWHERE, "my.yaml", {}));

  const lines = error.message.split("\n");
  assert.equal(lines.length, error.problems.length);
  assert.ok(lines.every((line) => /^my\.yaml:\d+ \S+: .+; .+$/.test(line)));
  assert.match(
    error.message,
    /my\.yaml:19 streams\.inventory\.retention: .* \(is "workque"\); use one of workqueue, limits/,
  );
  assert.doesNotMatch(error.message, /secret@/);
});

for (const [text, problem] of [
  ["", /must be a mapping/],
  ["- a", /must be a mapping/],
  ["a: [", /not readable as YAML/],
  ["a: 1\na: 2", /not readable as YAML: Map keys must be unique/],
  ["\ta: 1", /not readable as YAML/],
  ["a: *nowhere", /not readable as YAML/],
] as const) {
  test(`${JSON.stringify(text)} is refused as a whole`, () => {
    const [first, ...others] = problemsOf(() => parseConfig(text, "my.yaml", {}));

    assert.match(first?.problem ?? "", problem);
    assert.deepEqual(others, []);
  });
}

test("whatever the text, there is a configuration or a ConfigError", () => {
  const word = fc.constantFrom(
    "connections",
    "trust",
    "streams",
    "a",
    ":",
    " ",
    "\n",
    "  ",
    "- ",
    "[",
    "{",
    "&x",
    "*x",
    "${A}",
    "1",
    "__proto__",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word).map((words) => words.join("")),
      ),
      (text) => {
        problemsOf(() => parseConfig(text, "my.yaml", { A: "x" }));
      },
    ),
  );
});

test("defaults are filled in, durations become milliseconds and sizes bytes", () => {
  const text = "connections: {}\ntrust: { v1: { ca: ca.pem }, ttl: { max: 90s }, limits: { maxBytes: 64KiB } }";

  const config = parseConfig(text, "my.yaml", {});

  assert.deepEqual(config.trust.ttl, { min: 1_000, max: 90_000 });
  assert.equal(config.trust.limits.maxBytes, 65_536);
  assert.equal(config.quarantine.name, "CHORIA_QUARANTINE");
  assert.equal(config.bridge.http.host, "127.0.0.1");
});

test("trust is parsed without the other sections, whatever is wrong with them", () => {
  const text = "trust: { v1: { ca: ca.pem } }\nstreams: 7\nnonsense: ${NOPE}";

  assert.equal(parseTrust(text, "my.yaml", {}).v1?.ca, "ca.pem");
});

test("a file without trust says so when trust is all that is wanted", () => {
  const [problem] = problemsOf(() => parseTrust("streams: {}", "my.yaml", {}));

  assert.deepEqual([problem?.path, problem?.problem], ["trust", "is missing"]);
});

function caught(parse: () => unknown): ConfigError {
  try {
    parse();
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  return assert.fail("no ConfigError");
}
