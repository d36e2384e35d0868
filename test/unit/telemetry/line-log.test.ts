import assert from "node:assert/strict";
import { test } from "node:test";
import { createLineLogger } from "../../../shared/telemetry/line-log.ts";

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

function recorded(level: string) {
  const lines: string[] = [];
  const log = createLineLogger("consumer", level, { write: (line) => lines.push(line), wallNow: () => AT });
  return { log, entries: () => lines.map((line): unknown => JSON.parse(line)) };
}

test("a line has time, level, name, fields and text, as CloudWatch reads them", () => {
  const { log, entries } = recorded("info");

  log.child({ job: "work" }).info({ processed: 3 }, "drained");
  log.warn("alone");

  assert.deepEqual(entries(), [
    {
      timestamp: "2026-01-02T03:04:05.000Z",
      level: "INFO",
      name: "consumer",
      job: "work",
      processed: 3,
      message: "drained",
    },
    { timestamp: "2026-01-02T03:04:05.000Z", level: "WARN", name: "consumer", message: "alone" },
  ]);
});

test("what is less severe than the level is not written, and silent writes nothing", () => {
  const { log, entries } = recorded("warn");
  for (const level of ["trace", "debug", "info", "warn", "error", "fatal"] as const) log[level](level);
  assert.deepEqual(
    entries().map((entry) => (entry instanceof Object && "message" in entry ? entry.message : null)),
    ["warn", "error", "fatal"],
  );

  const silent = recorded("silent");
  silent.log.fatal("x");
  assert.deepEqual(silent.entries(), []);
});

test("an error keeps its name, code, message and stack, and a circle costs the fields only", () => {
  const { log, entries } = recorded("info");
  const error = Object.assign(new TypeError("broken"), { code: "E_TEST" });
  const circle: { self?: object } = {};
  circle.self = circle;

  log.error({ err: error }, "failed");
  log.error(circle, "round");

  const [first, second] = entries();
  assert.ok(first instanceof Object && "err" in first && first.err instanceof Object);
  assert.deepEqual({ ...first.err, stack: "" }, { type: "TypeError", message: "broken", code: "E_TEST", stack: "" });
  assert.ok(second instanceof Object && "message" in second && "unreadable" in second);
  assert.equal(second.message, "round");
});
