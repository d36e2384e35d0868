import assert from "node:assert/strict";
import { test } from "node:test";
import { createCounters } from "../../../functions/bridge/accounting/counters.ts";
import { Screen } from "../../../functions/cli/start/screen.ts";
import { type Snapshot, takeSnapshot } from "../../../functions/cli/start/snapshot.ts";
import { type Frame, grouped, renderLine, renderView } from "../../../functions/cli/start/view.ts";
import { WorkerCounters } from "../../../functions/consumer/counters.ts";

/** Observations counted in two buckets: up to 10 ms and up to 1 s. */
const latencyOf = ({ at10ms, at1s }: { at10ms: number; at1s: number }) =>
  new Map([
    [0.01, at10ms],
    [1, at10ms + at1s],
    [Number.POSITIVE_INFINITY, at10ms + at1s],
  ]);

function makeSnapshot(changes: Partial<Snapshot> = {}): Snapshot {
  return {
    atMs: 2_000,
    sent: 1_210,
    received: 1_200,
    validated: { "v2/signature": 580, "v1/signature": 600 },
    rejected: { bad_utf8: 3, sender_mismatch: 17 },
    overload: 0,
    streams: [{ name: "registrations", stored: 1_180, duplicate: 0, shed: 0, buffered: 2 }],
    jobs: [{ name: "republish", processed: 1_170, republished: 1_170, retried: 1, dead: 0, lag: 10 }],
    latency: latencyOf({ at10ms: 100, at1s: 5 }),
    disconnects: 0,
    ...changes,
  };
}

const makeFrame = (changes: Partial<Snapshot> = {}): Frame => ({
  title: "choria-bridge",
  now: makeSnapshot(changes),
  before: makeSnapshot({
    atMs: 1_000,
    sent: 1_110,
    received: 1_100,
    validated: {},
    rejected: {},
    streams: [],
    jobs: [],
    latency: latencyOf({ at10ms: 0, at1s: 5 }),
  }),
});

const TERMINAL = { columns: 80, rows: 24 };
const find = (lines: readonly string[], start: RegExp) => lines.find((line) => start.test(line)) ?? "";

test("the view shows rates and totals of everything a message goes through", () => {
  const lines = renderView(makeFrame(), TERMINAL);

  assert.match(find(lines, /^sent/), /100\.0 +1 210$/);
  assert.match(find(lines, /^received/), /100\.0 +1 200$/);
  assert.match(find(lines, /^validated/), /proof v1\/signature +600\.0 +600$/);
  assert.match(find(lines, /proof v2/), /580\.0 +580$/);
  assert.match(find(lines, /^rejected/), /20\.0 +20$/);
  assert.match(find(lines, /sender_mismatch/), /17\.0 +17$/);
  assert.match(find(lines, /^stored/), /registrations .* 1 180 {2}2 held$/);
  assert.match(find(lines, /^processed/), /republish .* 1 170 {2}lag 10$/);
  assert.match(find(lines, /^republished/), /1 170$/);
  assert.match(find(lines, /^retried/), / 1$/);
  assert.match(find(lines, /^dead/), / 0$/);
  assert.match(find(lines, /^latency/), /p50 5\.0 ms {3}p99 9\.9 ms$/);
});

test("the view fits the terminal, the rarest codes go first", () => {
  const rejected = Object.fromEntries(Array.from({ length: 30 }, (_, place) => [`code_${place}`, place + 1]));
  const lines = renderView(makeFrame({ rejected }), TERMINAL);

  assert.ok(lines.length <= 23, `${lines.length} lines`);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.notEqual(find(lines, /code_29 /), "");
  assert.equal(find(lines, /code_0 /), "");
  assert.match(lines.at(-1) ?? "", /^latency/);
  for (const size of [
    { columns: 20, rows: 5 },
    { columns: 1, rows: 1 },
  ]) {
    const small = renderView(makeFrame(), size);
    assert.ok(small.length <= Math.max(1, size.rows - 1) && small.every((line) => line.length <= size.columns));
  }
});

test("what is unusual shows only when it happens", () => {
  const usual = renderView(makeFrame({ sent: null }), TERMINAL).join("\n");
  assert.doesNotMatch(usual, /^sent|\bshed\b|disconnects|dup/m);

  const stream = { name: "registrations", stored: 1, duplicate: 2, shed: 3, buffered: 0 };
  const unusual = renderView(makeFrame({ overload: 4, disconnects: 1, streams: [stream] }), TERMINAL).join("\n");
  assert.match(unusual, /shed +before validation .* 4/);
  assert.match(unusual, /1 disconnects/);
  assert.match(renderLine(makeFrame({ disconnects: 2 })), / disconnects 2 /);
  assert.match(unusual, /2 dup, 3 shed/);
});

test("one line says the same where there is no terminal", () => {
  assert.equal(
    renderLine(makeFrame()),
    "sent 100/s  received 100/s  validated 1180/s  rejected 20/s  stored 1180/s  processed 1170/s  " +
      "republished 1170/s  retried 1  dead 0  lag 10  p50 5.0 ms p99 9.9 ms  " +
      "(rejected so far: bad_utf8 3, sender_mismatch 17)",
  );
});

test("what the server did not say is no zero", () => {
  const jobs = [{ name: "republish", processed: 1, republished: 1, retried: 0, dead: 0, lag: null }];

  assert.match(renderLine(makeFrame({ jobs })), / lag \? /);
  assert.match(find(renderView(makeFrame({ jobs }), TERMINAL), /^processed/), /lag \?$/);
});

test("two snapshots of one moment have no rate", () => {
  const now = makeSnapshot();
  assert.match(find(renderView({ title: "", now, before: now }, TERMINAL), /^latency/), /nothing stored meanwhile$/);
  assert.match(find(renderView({ title: "", now, before: now }, TERMINAL), /^sent/), / 0\.0 +1 210$/);
});

test("frames are drawn over each other and the cursor comes back", () => {
  let written = "";
  const screen = new Screen({ size: () => TERMINAL, write: (text) => (written += text) });

  screen.draw(makeFrame());
  const lines = written.split("\n").length - 1;
  screen.draw(makeFrame());
  screen.close();

  assert.ok(written.includes(`\r\u001b[${lines}A`));
  assert.ok(written.startsWith("\u001b[?25l") && written.endsWith("\u001b[?25h"));
  assert.ok(!written.includes("\u001b[2J"), "a cleared screen flickers");
});

test("without a terminal a line per frame is written and nothing else", () => {
  let written = "";
  const screen = new Screen({ size: () => null, write: (text) => (written += text) });
  screen.draw(makeFrame());
  screen.close();
  assert.equal(written, `${renderLine(makeFrame())}\n`);
});

test("a snapshot adds up what bridge and worker count", () => {
  const bridge = createCounters(["a", "b"], ["one"]);
  for (const counters of bridge.ingests.values()) {
    Object.assign(counters, { received: 5, overload: 1 });
    Object.assign(counters.validated, { "v1/signature": 2 });
    Object.assign(counters.rejected, { bad_json: 1 });
  }
  Object.assign(bridge.streams.get("one") ?? {}, { stored: 4, shed: { buffer_full: 1, shutdown: 2 } });
  const worker = new WorkerCounters();
  worker.observe({ type: "published", job: "j", sink: "s", duplicate: false, maybeDuplicate: false, writeMs: 1 });

  const snapshot = takeSnapshot({
    atMs: 7,
    sent: null,
    bridge,
    buffered: new Map([["one", 9]]),
    jobs: worker.jobs,
    lag: new Map([["j", 3]]),
    latency: new Map(),
  });

  assert.equal(snapshot.received, 10);
  assert.equal(snapshot.overload, 2);
  assert.deepEqual(snapshot.validated, { "v1/signature": 4 });
  assert.deepEqual(snapshot.rejected, { bad_json: 2 });
  assert.deepEqual(snapshot.streams, [{ name: "one", stored: 4, duplicate: 0, shed: 3, buffered: 9 }]);
  assert.deepEqual(snapshot.jobs, [{ name: "j", processed: 0, republished: 1, retried: 0, dead: 0, lag: 3 }]);
});

test("thousands stand apart", () => {
  assert.deepEqual([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
});
