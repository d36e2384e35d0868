import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { ConnectionLog } from "../../../shared/jetstream/connection-log.ts";

function makeLog() {
  const lines: string[] = [];
  const clock = { now: 0 };
  const write = (line: string) => {
    const { connection, msg, suppressed } = JSON.parse(line);
    lines.push(`${connection}: ${msg} ${suppressed}`);
  };
  const log = new ConnectionLog(pino({ base: {}, level: "error" }, { write }), () => clock.now);
  return { lines, clock, log };
}

test("an error that is repeated is logged once a minute, with how many were left out", () => {
  const { lines, clock, log } = makeLog();

  for (; clock.now <= 120_000; clock.now += 1_000) log.failed("main", "refused", null);

  assert.deepEqual(lines, ["main: refused 0", "main: refused 59", "main: refused 59"]);
});

test("another reason, another connection and another outage are logged at once", () => {
  const { lines, log } = makeLog();

  log.failed("main", "refused", null);
  log.failed("main", "expired", null);
  log.failed("main", "refused", null);
  log.failed("other", "refused", null);
  log.reconnected("main", 1);
  log.failed("main", "refused", null);

  assert.deepEqual(lines, ["main: refused 0", "main: expired 0", "other: refused 0", "main: refused 0"]);
});

const refuse = (log: ConnectionLog, subject: string) =>
  log.failed("main", `publish on ${subject}`, { operation: "publish", subject });

test("refused acks are one kind, however many subjects they have; another refused subject is another", () => {
  const { lines, log } = makeLog();

  for (const subject of ["$JS.ACK.S.c.1.1.1.1.0", "$JS.ACK.S.c.1.2.2.1.0", "$KV.state.a", "$KV.state.a", "out"]) {
    refuse(log, subject);
  }

  assert.deepEqual(lines, [
    "main: publish on $JS.ACK.S.c.1.1.1.1.0 0",
    "main: publish on $KV.state.a 0",
    "main: publish on out 0",
  ]);
});

test("subjects without end are not lines without end: beyond the first kinds all are one", () => {
  const { lines, clock, log } = makeLog();

  for (let node = 0; node < 1_000; node += 1) refuse(log, `out.${node}`);
  assert.deepEqual([lines.length, lines.at(-1)], [21, "main: publish on out.20 0"]);
  clock.now = 60_000;
  refuse(log, "out.1000");

  assert.deepEqual([lines.length, lines.at(-1)], [22, "main: publish on out.1000 979"]);
});
