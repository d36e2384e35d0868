import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { AckPolicy, RetentionPolicy } from "nats";
import { queueState } from "../../../shared/jetstream/job-queue.ts";
import { startNats } from "../../support/nats.ts";

const QUEUE = { stream: "JOBS", durable: "inventory", ordered: true, filter: "jobs.>" };

/** Work queue JOBS with a message in each of two partitions. */
async function setup(t: TestContext) {
  const nats = await startNats(t);
  const [jsm, connection] = await Promise.all([nats.jsm(), nats.connect()]);
  const js = connection.jetstream();
  await jsm.streams.add({ name: "JOBS", subjects: ["jobs.*.*"], retention: RetentionPolicy.Workqueue });
  for (const subject of ["jobs.0.a", "jobs.1.b"]) await js.publish(subject, "x");
  return {
    jsm,
    take: async () => {
      await jsm.consumers.add("JOBS", {
        durable_name: "inventory-p0-1",
        ack_policy: AckPolicy.Explicit,
        filter_subject: "jobs.0.*",
      });
      await (await js.consumers.get("JOBS", "inventory-p0-1")).next();
    },
  };
}

test("messages of partitions that no worker owns are pending: a job without workers has not nothing to do", async (t) => {
  const { jsm, take } = await setup(t);
  const depth = async () => {
    const state = await queueState(jsm, QUEUE);
    return [state?.pending, state?.inFlight];
  };

  assert.deepEqual(await depth(), [2, 0]);
  await take();

  assert.deepEqual(await depth(), [1, 1]);
});
