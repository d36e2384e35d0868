import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type TestContext, test } from "node:test";
import * as z from "zod";
import { startHarness } from "../../functions/consumer/testing/testing.ts";
import { openProducer } from "../../functions/producer/producer.ts";
import { dead, defineHandler, retryAfter, snooze } from "../../shared/jobs/handler.ts";
import { cacheDir } from "../support/nats.ts";

const WAIT = { timeoutMs: 60_000 };

const upper = defineHandler({
  name: "upper",
  input: z.object({ host: z.string() }),
  output: z.object({ host: z.string() }),
  retry: { policy: "fixed", delayMs: 10, maxDelayMs: 10, attempts: 3, jitter: 0 },
  run: async ({ data }, context) => {
    if (data.host === "gone") return dead("NO_SUCH_HOST", "it is gone");
    if (data.host === "later" && context.attempt === 1) return retryAfter(5);
    if (data.host === "large") await context.publish("out", { body: Buffer.alloc(10_000_000) });
    await context.publish("out", { data: { host: data.host.toUpperCase() } });
    return undefined;
  },
});

async function setup(t: TestContext) {
  const harness = await startHarness({ handlers: { upper }, env: process.env, cacheDir });
  t.after(() => harness.stop());
  return harness;
}

test("a message put into a harness is processed by a real worker, and its output can be read", async (t) => {
  const harness = await setup(t);

  const { id } = await harness.put("upper", { host: "n1" }, { key: "n1" });
  const event = await harness.waitFor({ job: "upper", outcome: "done", id }, WAIT);

  assert.equal(event.id, id);
  const [output] = await harness.outputs("out");
  assert.deepEqual(output?.json(), { host: "N1" });
  assert.equal(output?.key, "n1");
  assert.deepEqual(await harness.deadLetters(), []);
});

test("waitFor resolves for what has already happened, and for what has not yet", async (t) => {
  const harness = await setup(t);
  const early = harness.waitFor({ id: "second", outcome: "done" }, WAIT);
  await harness.put("upper", { host: "a" }, { id: "first" });
  await harness.waitFor({ id: "first", outcome: "done" }, WAIT);
  await harness.put("upper", { host: "b" }, { id: "second" });
  await early;

  const again = await harness.waitFor({ id: "first" }, WAIT);
  const byPredicate = await harness.waitFor((event) => event.type === "published", WAIT);

  assert.equal(again.type === "settled" && again.outcome, "done");
  assert.equal(byPredicate.job, "upper");
});

test("waiting for what does not happen ends in time, and says what did happen", async (t) => {
  const harness = await setup(t);
  await harness.put("upper", { host: "n1" }, { id: "m1" });
  await harness.waitFor({ id: "m1" }, WAIT);

  await assert.rejects(harness.waitFor({ outcome: "dead" }, { timeoutMs: 50 }), {
    code: "WAIT_TIMEOUT",
    message: /nothing of the kind in 50 ms[\s\S]*"settled"/,
  });
});

test("retries and dead letters are those of a real worker, 10 MB of output included", async (t) => {
  const harness = await setup(t);

  await harness.put("upper", { host: "later" }, { id: "later" });
  await harness.put("upper", { host: "gone" }, { id: "gone" });
  await harness.put("upper", { host: "large" }, { id: "large" });
  await harness.put("upper", Buffer.from("{"), { id: "broken" });

  await harness.waitFor({ id: "later", outcome: "retried" }, WAIT);
  await harness.waitFor({ id: "later", outcome: "done" }, WAIT);
  for (const id of ["gone", "large", "broken"]) await harness.waitFor({ id, outcome: "dead" }, WAIT);
  const letters = await harness.deadLetters("upper");
  assert.deepEqual(letters.map(({ id, reason }) => [id, reason]).sort(), [
    ["broken", "INVALID_INPUT"],
    ["gone", "NO_SUCH_HOST"],
    ["large", "SINK_REFUSED"],
  ]);
  assert.equal(letters.find(({ id }) => id === "gone")?.error, "it is gone");
  assert.equal(letters.find(({ id }) => id === "broken")?.text, "{");
});

test("a message may snooze more often than it has attempts", async (t) => {
  let runs = 0;
  const attempts = new Set<number>();
  const sleepy = defineHandler({
    name: "sleepy",
    input: "bytes",
    retry: { policy: "fixed", delayMs: 10, maxDelayMs: 10, attempts: 2, jitter: 0 },
    run: async (_message, context) => {
      runs += 1;
      attempts.add(context.attempt);
      return runs < 6 ? snooze(5) : undefined;
    },
  });
  const harness = await startHarness({ handlers: { sleepy }, env: process.env, cacheDir });
  t.after(() => harness.stop());

  await harness.put("sleepy", "x", { id: "m1" });

  await harness.waitFor({ id: "m1", outcome: "done" }, WAIT);
  assert.equal(runs, 6);
  assert.deepEqual([...attempts], [1]);
});

test("a producer opens on a harness, and its ids are those that can be waited for", async (t) => {
  const harness = await setup(t);
  await using producer = await openProducer({ config: harness.config, job: "upper" });

  const { id } = await producer.enqueue(upper, { host: "n1" });

  await harness.waitFor({ id, outcome: "done" }, WAIT);
});

test("a delayed message is in its queue after its delay, under the id it was given", async (t) => {
  const harness = await setup(t);
  await using producer = await openProducer({ config: harness.config, job: "upper" });
  const startedAt = Date.now();

  await producer.enqueue(upper, { host: "n1" }, { id: "m1", delayMs: 700 });
  await harness.waitFor({ id: "m1", outcome: "done" }, WAIT);

  assert.ok(Date.now() - startedAt >= 650, "it came too early");
  assert.deepEqual((await harness.outputs())[0]?.json(), { host: "N1" });
});

test("what a harness does not have is named", async (t) => {
  const harness = await setup(t);

  await assert.rejects(harness.outputs("nowhere"), /no sink "nowhere"/);
  await assert.rejects(harness.put("nobody", {}), /no job "nobody"/);
  await assert.rejects(
    startHarness({ handlers: { upper }, jobs: { uper: { concurrency: 1 } }, env: process.env }),
    /jobs\.uper/,
  );
});

test("a harness that is stopped leaves nothing running and no files", async (t) => {
  const harness = await setup(t);
  const { storeDir } = harness;

  await harness.stop();
  await harness.stop();

  assert.equal(existsSync(storeDir), false);
  await assert.rejects(harness.put("upper", {}));
});
