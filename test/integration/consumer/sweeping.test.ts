import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "../../../functions/consumer/worker.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { eventually } from "../../support/eventually.ts";
import { takeMessage } from "../../support/second-holder.ts";
import { makeWorkerBench } from "../../support/worker.ts";

test("a running worker takes messages whose deliveries are spent to the dead letters", async (t) => {
  const bench = await makeWorkerBench(t, { job: "sink: store, maxDeliver: 1, ackWait: 1s" });
  const { options, put, connection, messages, jsm, nats } = bench;
  const first = await Worker.start(options);
  await first.stop(1_000);
  await put("spent", { "Nats-Msg-Id": "m1" });
  assert.notEqual(await takeMessage(connection, { stream: "IN", durable: "work", timeoutMs: 10_000 }), null);
  const text = `
connections: { main: { servers: ["${nats.url}"] } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }
streams:
  IN: { connection: main, subject: "in.{sender}", allowUnprovenSender: true }
  OUT: { connection: main, subject: "out.{sender}", retention: limits, allowUnprovenSender: true }
sinks: { store: { type: jetstream, to: OUT } }
jobs: { work: { stream: IN, sink: store, maxDeliver: 1, ackWait: 1s } }
worker: { sweepEvery: 1s }
`;
  const worker = await Worker.start({ ...options, config: parseConfig(text, "test.yaml", {}) });
  t.after(() => worker.stop(1_000));

  await eventually(() => assert.equal(worker.counters.of("work").swept, 1), { timeoutMs: 40_000 });
  assert.deepEqual([await messages("IN"), await messages("CHORIA_DEAD"), await messages("OUT")], [0, 1, 0]);
  const copy = await jsm.streams.getMessage("CHORIA_DEAD", { seq: 1 });
  assert.equal(copy.header.get("Dead-Reason"), "DELIVERIES_SPENT");
});
