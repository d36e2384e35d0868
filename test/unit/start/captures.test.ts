import assert from "node:assert/strict";
import { test } from "node:test";
import { readCaptureFiles } from "../../../functions/cli/start/capture-stream.ts";
import { captureSummary, judgeCaptures } from "../../../functions/cli/start/captures.ts";

test("every recorded message is accepted at its time of arrival", async () => {
  const judged = await judgeCaptures(await readCaptureFiles());

  for (const { kind, verdict } of judged) assert.ok(verdict.ok, `${kind} ${verdict.ok || verdict.rejection.code}`);
  assert.equal(
    captureSummary(judged),
    "66 recorded messages: accepted 36 registration, 14 request, 16 reply; rejected none",
  );
});

test("the summary names what was rejected", async () => {
  const files = await readCaptureFiles();
  const judged = await judgeCaptures({ ...files, v2Issuer: "00".repeat(32) });

  assert.match(captureSummary(judged), /; rejected 18 registration, 7 request, 8 reply$/);
});
