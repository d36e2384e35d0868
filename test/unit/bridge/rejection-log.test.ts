import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { RejectionLog } from "../../../functions/bridge/accounting/rejection-log.ts";

function makeLog() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: {} }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { lines, rejections: new RejectionLog(log) };
}

const makeArrival = (arrivedAt: number) => ({
  subject: "a.b",
  data: new Uint8Array(),
  size: 0,
  headers: () => [],
  arrivalId: "in.1",
  receivedAtMs: 0,
  nowMs: 0,
  arrivedAt,
  settled: null,
});

test("of a flood one line in ten seconds is logged for each code, with how many were left out", () => {
  const { lines, rejections } = makeLog();

  for (let at = 0; at < 10_000; at += 100)
    rejections.rejected("in", { code: "bad_json", detail: "x" }, makeArrival(at));
  rejections.rejected("in", { code: "bad_utf8", detail: "y" }, makeArrival(5_000));
  rejections.rejected("in", { code: "bad_json", detail: "x" }, makeArrival(10_000));

  assert.deepEqual(
    lines.map(({ code, suppressed }) => [code, suppressed]),
    [
      ["bad_json", 0],
      ["bad_utf8", 0],
      ["bad_json", 99],
    ],
  );
});
