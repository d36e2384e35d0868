import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import { runOne } from "../../../functions/consumer/testing/testing.ts";
import { SinkUnavailableError } from "../../../shared/jobs/errors.ts";
import { defineBatchHandler, defineHandler, done, type JobContext, retry } from "../../../shared/jobs/handler.ts";

const facts = defineHandler({
  name: "facts",
  input: z.object({ host: z.string() }),
  output: z.object({ host: z.string() }),
  run: async ({ data, sender }, context) => {
    await context.publish("nodes", { data, headers: { "X-Sender": sender } });
    if (context.attempt < 3) return retry();
    return undefined;
  },
});

test("one message runs through schema, context and decision without a server", async () => {
  const first = await runOne(facts, { host: "n1" }, { headers: { "Choria-Sender": "n1" } });
  const third = await runOne(facts, { host: "n1" }, { attempt: 3 });

  assert.deepEqual(first.decision, { type: "retry", delayMs: 1_000, reason: "RETRY_ASKED" });
  assert.deepEqual(third.decision, { type: "done" });
  assert.deepEqual(
    first.outputs.map(({ sink, key, text }) => ({ sink, key, text })),
    [{ sink: "nodes", key: "n1", text: '{"host":"n1"}' }],
  );
  assert.equal(first.outputs[0]?.header("X-Sender"), "n1");
  assert.deepEqual(first.outputs[0]?.json(), { host: "n1" });
});

test("the payload is taken out of its envelope, as a worker does", async () => {
  const envelope = {
    protocol: "choria:adapters:choria_streams:output:1",
    data: '{"host":"enveloped"}',
    sender: "n1",
    time: "2026-11-20T10:00:00Z",
    requestid: "r1",
  };

  const { outputs } = await runOne(facts, envelope);

  assert.equal(outputs[0]?.text, '{"host":"enveloped"}');
});

test("an input that does not fit is dead, and its issues are told", async () => {
  const { decision, outputs, issues } = await runOne(facts, { host: 1 });

  assert.equal(decision.type === "dead" && decision.reason, "INVALID_INPUT");
  assert.deepEqual(
    issues.map(({ path }) => path),
    ["host"],
  );
  assert.deepEqual(outputs, []);
});

test("sinks that are named are all there are, and one may be away", async () => {
  const away = { nodes: new SinkUnavailableError("nodes") };

  const unavailable = await runOne(facts, { host: "n1" }, { sinks: away });
  const unknown = await runOne(facts, { host: "n1" }, { sinks: { other: "stored" } });

  assert.equal(unavailable.decision.type === "retry" && unavailable.decision.reason, "SINK_UNAVAILABLE");
  assert.equal(unknown.decision.type === "retry" && unknown.decision.reason, "UNKNOWN_SINK");
});

test("a run that does not end is given up after its timeout, and the last one leaves a dead letter that says so", async () => {
  let context: JobContext | undefined;
  const endless = defineHandler({
    name: "endless",
    input: "bytes",
    run: (_message, given) => {
      context = given;
      return new Promise<void>(() => {});
    },
  });

  const { decision } = await runOne(endless, "x", { timeoutMs: 20, attempt: 10 });

  assert.deepEqual(decision, { type: "dead", reason: "TIMEOUT", detail: "the run did not end within 20 ms" });
  assert.equal(context?.signal.aborted, true);
});

test("the same output published twice by one id is kept once, as by a sink with deduplication", async () => {
  const twice = defineHandler({
    name: "twice",
    input: "bytes",
    run: async (message, context) => {
      for (const text of ["a", "b"]) await context.sink("out").write({ body: text });
      assert.equal(message.id, "test-1");
    },
  });

  const { outputs } = await runOne(twice, "x");

  assert.deepEqual(
    outputs.map(({ text }) => text),
    ["a", "b"],
  );
});

test("a handler of batches is given a batch of one", async () => {
  const batch = defineBatchHandler({
    name: "batch",
    input: z.number(),
    maxMessages: 10,
    maxWaitMs: 10,
    run: (messages, context) =>
      messages.map((message) => {
        void context.of(message).publish("out", { data: message.data * 2 });
        return { id: message.id, outcome: done() };
      }),
  });

  const { decision, outputs } = await runOne(batch, 21);

  assert.deepEqual(decision, { type: "done" });
  assert.deepEqual(outputs[0]?.json(), 42);
});
