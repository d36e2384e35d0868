import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Bucket } from "../../../shared/jetstream/buckets.ts";
import { startNats } from "../../support/nats.ts";

async function openBucket(t: TestContext) {
  const nats = await startNats(t);
  return Bucket.open(await nats.connect(), { name: "T_KEYS", storage: "memory", replicas: 1, maxAgeMs: 0 });
}

test("keys are those that match, and none of an empty bucket", async (t) => {
  const bucket = await openBucket(t);
  assert.deepEqual(await bucket.keys(), []);
  for (const key of ["work.a", "work.b", "rest.a"]) await bucket.put(key, "x");

  assert.deepEqual([...(await bucket.keys())].sort(), ["rest.a", "work.a", "work.b"]);
  assert.deepEqual([...(await bucket.keys("work.*"))].sort(), ["work.a", "work.b"]);
  assert.deepEqual(await bucket.keys("none.*"), []);
});

test("keys that come and go while they are listed end no listing and hold none up", async (t) => {
  const bucket = await openBucket(t);
  let changing = true;
  const change = async () => {
    for (let round = 0; round < 300; round += 1) await bucket.remove("work.a", await bucket.put("work.a", "x"));
    changing = false;
  };
  let listings = 0;
  const list = async () => {
    for (; changing; listings += 1) {
      const keys = await bucket.keys();
      assert.ok(
        keys.every((key) => key === "work.a"),
        `listed ${keys}`,
      );
    }
  };

  await Promise.all([change(), list()]);

  assert.ok(listings > 10, `${listings} listings while 300 entries came and went`);
});
