import assert from "node:assert/strict";
import test from "node:test";
import { parseConfig } from "../../../shared/config/load.ts";
import { problemsOf } from "../../support/config.ts";

const ENV = { HOST: "broker.example.net", PORT: "9000", EMPTY: "", CA: "ca.pem", LIST: "[1, 2]", USER: "123" };

function parse(server: string, rest = "") {
  return parseConfig(
    `connections:\n  main:\n    servers: [${server}]\n${rest}trust: { v1: { ca: "\${CA}" } }\n`,
    "my.yaml",
    ENV,
  );
}

for (const [written, meant] of [
  ['"nats://${HOST}:4222"', "nats://broker.example.net:4222"],
  ['"nats://${HOST}:${PORT}"', "nats://broker.example.net:9000"],
  ['"nats://${NOPE:-localhost}:4222"', "nats://localhost:4222"],
  ['"nats://${EMPTY:-localhost}:4222"', "nats://localhost:4222"],
  ['"nats://${HOST:-localhost}:4222"', "nats://broker.example.net:4222"],
] as const) {
  test(`${written} means ${meant}`, () => {
    assert.deepEqual(parse(written).connections["main"]?.servers, [meant]);
  });
}

for (const [written, problem] of [
  ['"nats://${NOPE}:4222"', /environment variable NOPE is not set/],
  ['"nats://${HOST:4222"', /is not a variable/],
  ['"nats://${}:4222"', /is not a variable/],
  ['"nats://${1A}:4222"', /is not a variable/],
] as const) {
  test(`${written} is a problem at its place`, () => {
    const found = problemsOf(() => parse(written));

    assert.deepEqual(
      found.map(({ path, line }) => [path, line]),
      [["connections.main.servers[0]", 3]],
    );
    assert.match(found[0]?.problem ?? "", problem);
  });
}

test("a bare variable may be a number, a quoted one stays text", () => {
  const config = parse('"nats://x:1"', "bridge:\n  http:\n    port: ${PORT}\n");
  const [problem] = problemsOf(() => parse('"nats://x:1"', 'bridge: { http: { port: "${PORT}" } }\n'));

  assert.equal(config.bridge.http.port, 9_000);
  assert.equal(problem?.path, "bridge.http.port");
});

test("what a variable holds is never read as YAML", () => {
  const [problem] = problemsOf(() => parse('"nats://x:1"', "ingest: ${LIST}\n"));

  assert.equal(problem?.path, "ingest");
  assert.equal(problem?.value, '"[1, 2]"');
});

test("two dollar signs are one, and no variable", () => {
  const [problem] = problemsOf(() => parse('"$${NOPE}"'));

  assert.equal(problem?.value, '"${NOPE}"');
  assert.match(problem?.problem ?? "", /not a NATS server/);
});
