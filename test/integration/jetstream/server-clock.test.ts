import assert from "node:assert/strict";
import { test } from "node:test";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import { ServerClock } from "../../../shared/jetstream/server-clock.ts";
import { startNats } from "../../support/nats.ts";

test("the server's time is known although this machine's clock is off, and a later step of it changes nothing", async (t) => {
  const nats = await startNats(t);
  const spec = { name: "CLOCKS", storage: "file", replicas: 1, maxAgeMs: 60_000 } as const;
  const bucket = await Bucket.open(await nats.connect(), spec);
  let stepMs = 600_000;
  const source = { now: () => performance.now(), wallNow: () => Date.now() + stepMs };

  const clock = await ServerClock.start(bucket, "here", source);
  t.after(() => clock.close());
  stepMs = -600_000;

  const tolerance = clock.uncertaintyMs + 50;
  assert.ok(Math.abs(clock.now() - Date.now()) <= tolerance, `${clock.now() - Date.now()} ms off`);
  assert.ok(Math.abs(clock.skewMs - 600_000) <= tolerance, `skew ${clock.skewMs} ms`);
});
