import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import { BatchCollector } from "../../../functions/consumer/batch-collector.ts";
import { BatchRun } from "../../../functions/consumer/batch-run.ts";
import type { BatchContext, JobMessage } from "../../../shared/jobs/handler.ts";
import { defineBatchHandler, done, drop, SnoozeError, snooze } from "../../../shared/jobs/handler.ts";
import { makeAttempt, makeInput, makeRunBench } from "../../support/job.ts";

type Messages = readonly JobMessage<unknown>[];

function setup(run: (messages: Messages, context: BatchContext) => unknown, bodies: readonly string[]) {
  const handler = defineBatchHandler({
    name: "b",
    input: z.number(),
    maxMessages: 10,
    maxWaitMs: 50,
    run: async (messages, context) => (await run(messages, context)) as [],
  });
  const bench = makeRunBench(handler);
  const inputs = bodies.map((body, index) => ({
    input: makeInput(body, { "Nats-Msg-Id": `m${index}` }, index + 1),
    attempt: makeAttempt(),
  }));
  const batch = new BatchRun(bench.settings, inputs);
  return { ...bench, batch, inputs, start: () => batch.start(0, 100) };
}

const reasonsOf = (ends: readonly unknown[]) =>
  ends.map((end) => {
    if (typeof end !== "object" || end === null) return end;
    return "reason" in end ? end.reason : "type" in end && end.type;
  });

test("each message of a batch has the outcome that the list says, an omitted one has failed", async () => {
  const { start } = setup(
    (messages) => [
      { id: messages[3]?.id, outcome: drop("STALE") },
      { id: messages[0]?.id, outcome: done() },
      { id: messages[1]?.id, outcome: snooze(5) },
    ],
    ["0", "1", "2", "3"],
  );

  assert.deepEqual(reasonsOf(await start()), ["done", "snooze", "OMITTED", "STALE"]);
});

test("input that does not fit is dead by itself and is not part of the batch", async () => {
  const seen: unknown[] = [];
  const { start, events } = setup(
    (messages) => {
      seen.push(...messages.map(({ data }) => data));
      return messages.map(({ id }) => ({ id, outcome: done() }));
    },
    ["1", '"two"', "{", "3"],
  );

  assert.deepEqual(reasonsOf(await start()), ["done", "INVALID_INPUT", "INVALID_INPUT", "done"]);
  assert.deepEqual(seen, [1, 3]);
  assert.equal(events.filter(({ type }) => type === "invalid_input").length, 2);
});

test("the handler is not called for a batch of nothing but misfits", async () => {
  const { start } = setup(() => assert.fail("called"), ["x", "y"]);

  assert.deepEqual(reasonsOf(await start()), ["INVALID_INPUT", "INVALID_INPUT"]);
});

const wholes: readonly (readonly [string, () => unknown, string])[] = [
  ["returns no list", () => ({ id: "m0", outcome: done() }), "BAD_OUTCOME"],
  ["returns nothing", () => undefined, "BAD_OUTCOME"],
  ["returns an empty list", () => [], "OMITTED"],
  ["returns a list of garbage", () => [1, null, "m0", { id: 7 }], "OMITTED"],
  [
    "throws",
    () => {
      throw new Error("boom");
    },
    "HANDLER_FAILED",
  ],
  [
    "throws an outcome",
    () => {
      throw new SnoozeError(5);
    },
    "snooze",
  ],
];

for (const [name, run, reason] of wholes) {
  test(`a batch run that ${name} decides all of its messages so`, async () => {
    assert.deepEqual(reasonsOf(await setup(run, ["0", "1"]).start()), [reason, reason]);
  });
}

test("a result that is no outcome, or for no message of the batch, is for nobody else's harm", async () => {
  const { start } = setup(
    () => [
      { id: "stranger", outcome: done() },
      { id: "m0", outcome: "fine" },
      { id: "m1", outcome: done() },
      { id: "m1", outcome: drop("TWICE") },
    ],
    ["0", "1"],
  );

  assert.deepEqual(reasonsOf(await start()), ["BAD_OUTCOME", "done"]);
});

test("what is published for one message bears its id, and fails it alone", async () => {
  const { start, outputs } = setup(
    (messages, context) => {
      for (const message of messages) {
        const sink = message.id === "m1" ? "nowhere" : "out";
        void context.of(message).publish(sink, { data: message.data });
      }
      return messages.map(({ id }) => ({ id, outcome: done() }));
    },
    ["0", "1", "2"],
  );

  assert.deepEqual(reasonsOf(await start()), ["done", "UNKNOWN_SINK", "done"]);
  assert.deepEqual(outputs.map(({ body }) => Buffer.from(body).toString()).sort(), ["0", "2"]);
  assert.equal(new Set(outputs.map(({ id }) => id)).size, 2);
});

test("a lost lease ends one message of the batch, and the others go on", async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const aborted: boolean[] = [];
  const { start, batch, inputs } = setup(
    async (messages, context) => {
      await gate;
      aborted.push(context.signal.aborted, ...messages.map((message) => context.of(message).signal.aborted));
      return messages.map(({ id }) => ({ id, outcome: done() }));
    },
    ["0", "1"],
  );
  const ended = start();
  await new Promise(setImmediate);

  if (inputs[0] !== undefined) batch.lose(new Error("lost"), inputs[0].input);
  release();

  assert.deepEqual(reasonsOf(await ended), ["lost", "done"]);
  assert.deepEqual(aborted, [false, true, false]);
});

test("a batch has one timeout, which a heartbeat moves, and gives everything back when it is stopped", async () => {
  const endless = () => new Promise(() => {});
  const expired = setup(
    (_messages, context) => {
      context.heartbeat();
      return endless();
    },
    ["0", '"x"'],
  );
  const stopped = setup(endless, ["0", "1"]);
  expired.setNow(50);
  const [expiring, stopping] = [expired.start(), stopped.start()];
  await new Promise(setImmediate);

  expired.batch.expire(149);
  expired.batch.expire(150);
  stopped.batch.stop();

  assert.deepEqual(reasonsOf(await expiring), ["TIMEOUT", "INVALID_INPUT"]);
  assert.deepEqual(await stopping, ["returned", "returned"]);
});

test("a collector completes a batch by number, or by the time its first message has waited", () => {
  const due: (readonly number[])[] = [];
  const timers: { ms: number; callback: () => void; cancelled: boolean }[] = [];
  const after = (ms: number, callback: () => void) => {
    const timer = { ms, callback, cancelled: false };
    timers.push(timer);
    return () => {
      timer.cancelled = true;
    };
  };
  const collector = new BatchCollector<number>({ maxMessages: 2, maxWaitMs: 50 }, after, (batch) => due.push(batch));

  assert.equal(collector.add(1), null);
  assert.deepEqual(collector.add(2), [1, 2]);
  assert.equal(collector.add(3), null);
  timers[1]?.callback();

  assert.deepEqual(
    timers.map(({ ms }) => ms),
    [50, 50],
  );
  assert.equal(timers[0]?.cancelled, true);
  assert.deepEqual(due, [[3]]);
  assert.equal(collector.size, 0);
  collector.add(4);
  assert.deepEqual(collector.take(), [4]);
  assert.equal(timers[2]?.cancelled, true);
});

test("a collector of single messages never waits", () => {
  const after = () => assert.fail("a timer was started");
  const collector = new BatchCollector<number>({ maxMessages: 1, maxWaitMs: 50 }, after, () => {});

  assert.deepEqual(collector.add(1), [1]);
});

test("a batch definition that cannot work is refused when it is made", () => {
  const define = (maxMessages: number, maxWaitMs: number) => () =>
    defineBatchHandler({ name: "b", input: "bytes", maxMessages, maxWaitMs, run: () => [] });

  assert.throws(define(0, 1), RangeError);
  assert.throws(define(1.5, 1), RangeError);
  assert.throws(define(1, -1), RangeError);
});
