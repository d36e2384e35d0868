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

test("refused publishes are one kind, however many subjects they are to", () => {
  const { lines, log } = makeLog();

  for (const subject of ["a", "b", "c"]) log.failed("main", `publish on ${subject}`, { operation: "publish", subject });

  assert.deepEqual(lines, ["main: publish on a 0"]);
});
