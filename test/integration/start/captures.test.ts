import assert from "node:assert/strict";
import { test } from "node:test";
import { CAPTURE_STREAM, readCaptureFiles, storeCaptures } from "../../../functions/cli/start/capture-stream.ts";
import { judgeCaptures } from "../../../functions/cli/start/captures.ts";
import { readAdapterOutput } from "../../../shared/choria/output.ts";
import { startNats } from "../../support/nats.ts";

test("accepted captures are stored once, labelled, in a stream of their own", async (t) => {
  const nats = await startNats(t);
  const judged = await judgeCaptures(await readCaptureFiles());
  const store = async () => storeCaptures(await nats.connect(), judged, () => performance.now());

  assert.deepEqual(await store(), { stored: 56, duplicate: 10 }); // two direct requests went to six nodes each
  assert.deepEqual(await store(), { stored: 0, duplicate: 66 });

  const jsm = await nats.jsm();
  assert.equal((await jsm.streams.info(CAPTURE_STREAM.name)).state.messages, 56);
  const message = await jsm.streams.getMessage(CAPTURE_STREAM.name, { seq: 1 });
  assert.match(message.header.get("Choria-Demo"), /recorded/);
  assert.equal(readAdapterOutput(message.data)?.sender, message.header.get("Choria-Sender"));
});
