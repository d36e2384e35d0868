import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { type TestContext, test } from "node:test";
import * as z from "zod";
import type { JobEvent } from "../../functions/consumer/events.ts";
import { Worker } from "../../functions/consumer/worker.ts";
import { SinkRefusedError } from "../../shared/jobs/errors.ts";
import { dead, defineHandler, drop, type JobContext, type JobMessage, retryAfter } from "../../shared/jobs/handler.ts";
import { eventually } from "../support/eventually.ts";
import { type BenchOptions, makeWorkerBench, type WorkerBench } from "../support/worker.ts";

type Running = WorkerBench & { worker: Worker; events: JobEvent[]; settled(): Promise<Record<string, number>> };

async function setup(t: TestContext, options: BenchOptions = {}): Promise<Running> {
  const bench = await makeWorkerBench(t, options);
  const events: JobEvent[] = [];
  const worker = await Worker.start(bench.options, [(event) => void events.push(event)]);
  t.after(() => worker.stop(2_000));
  const settled = async () => {
    const { settled: counts } = worker.counters.of("work");
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  };
  return { ...bench, worker, events, settled };
}

function handler(
  run: (message: JobMessage<Uint8Array>, context: JobContext) => Promise<ReturnType<typeof dead> | undefined>,
) {
  return defineHandler({
    name: "test",
    input: "bytes",
    retry: { policy: "fixed", delayMs: 10, maxDelayMs: 10, attempts: 3, jitter: 0 },
    run,
  });
}

test("messages are republished with their body and Choria headers, once each, and leave the queue", async (t) => {
  const { put, messages, settled, jsm, worker } = await setup(t);

  for (let index = 0; index < 50; index++) {
    await put(`body ${index}`, { "Nats-Msg-Id": `m${index}`, "Choria-Request-Id": `r${index}` });
  }

  await eventually(async () => assert.deepEqual(await settled(), { done: 50 }));
  assert.equal(await messages("IN"), 0);
  assert.equal(await messages("OUT"), 50);
  const first = await jsm.streams.getMessage("OUT", { seq: 1 });
  assert.equal(first.subject, "out.n1");
  assert.equal(first.header.get("Choria-Request-Id"), `r${first.string().slice("body ".length)}`);
  assert.match(first.header.get("Nats-Msg-Id"), /^[0-9a-f]{64}$/);
  assert.equal(worker.counters.of("work").published, 50);
});

test("a run that is repeated publishes under the same id: the target keeps one copy", async (t) => {
  let runs = 0;
  const { put, messages, settled, worker } = await setup(t, {
    handler: handler(async (message, context) => {
      await context.publish("store", { body: message.data });
      await context.publish("store", { body: "second" });
      runs += 1;
      if (runs === 1) throw new Error("after the publishes");
      return undefined;
    }),
  });

  await put("once", { "Nats-Msg-Id": "m1" });

  await eventually(async () => assert.deepEqual(await settled(), { done: 1, retried: 1 }));
  assert.equal(await messages("OUT"), 2);
  assert.equal(worker.counters.of("work").publishedDuplicates, 2);
});

test("a handler is given the payload out of the envelope, validated, and the facts of the headers", async (t) => {
  const seen: unknown[] = [];
  const input = z.strictObject({ host: z.string() });
  const { put, settled } = await setup(t, {
    handler: defineHandler({
      name: "typed",
      input,
      run: async (message, context) => {
        seen.push([
          message.data.host,
          message.sender,
          message.senderProof,
          message.id.replace(/:\d{13}$/, ":<ms>"),
          message.sequence,
          context.attempt,
        ]);
      },
    }),
  });
  const envelope = {
    protocol: "choria:adapters:choria_streams:output:1",
    data: '{"host":"n1"}',
    sender: "n1",
    time: "2026-11-20T10:00:00Z",
    requestid: "r1",
  };

  await put(JSON.stringify(envelope), { "Nats-Msg-Id": "m1", "Choria-Sender-Proof": "signature" });
  await put('{"host":"bare"}', { "Choria-Sender": "n2" });

  await eventually(async () => assert.deepEqual(await settled(), { done: 2 }));
  assert.deepEqual(seen.sort(), [
    ["bare", "n2", "", "IN:2:<ms>", 2, 1],
    ["n1", "n1", "signature", "m1", 1, 1],
  ]);
});

test("input that does not fit is dead-lettered at once with the schema's issues", async (t) => {
  const { put, settled, jsm, events } = await setup(t, {
    handler: defineHandler({ name: "typed", input: z.object({ host: z.string() }), run: async () => {} }),
  });

  await put('{"host":1}');

  await eventually(async () => assert.deepEqual(await settled(), { dead: 1 }));
  const copy = await jsm.streams.getMessage("CHORIA_DEAD", { seq: 1 });
  assert.equal(copy.subject, "CHORIA_DEAD.work");
  assert.equal(copy.header.get("Dead-Reason"), "INVALID_INPUT");
  assert.match(copy.header.get("Dead-Error"), /^host: .*string/);
  assert.equal(copy.header.get("Dead-Attempts"), "1");
  assert.equal(copy.string(), '{"host":1}');
  assert.equal(events.filter(({ type }) => type === "invalid_input").length, 1);
});

test("a run that throws is retried after its delay, and dead when the attempts are spent", async (t) => {
  const attempts: number[] = [];
  const { put, settled, jsm, messages } = await setup(t, {
    handler: handler(async (_message, context) => {
      attempts.push(context.attempt);
      throw new Error("boom");
    }),
  });

  await put("x");

  await eventually(async () => assert.deepEqual(await settled(), { retried: 2, dead: 1 }));
  assert.deepEqual(attempts, [1, 2, 3]);
  const copy = await jsm.streams.getMessage("CHORIA_DEAD", { seq: 1 });
  assert.equal(copy.header.get("Dead-Reason"), "ATTEMPTS_SPENT");
  assert.equal(copy.header.get("Dead-Error"), "HANDLER_FAILED: boom");
  assert.equal(await messages("IN"), 0);
});

test("outcomes and errors decide: drop, dead, retryAfter, an error that is not retryable", async (t) => {
  const { put, settled, messages } = await setup(t, {
    handler: handler(async (message, context) => {
      const text = Buffer.from(message.data).toString();
      if (text === "drop") return drop("stale");
      if (text === "dead") return dead("NO_SUCH_HOST");
      if (text === "refused") throw new SinkRefusedError("store", "no");
      if (text === "again" && context.attempt === 1) return retryAfter(5);
      return undefined;
    }),
  });

  for (const text of ["drop", "dead", "refused", "again", "fine"]) await put(text);

  await eventually(async () => assert.deepEqual(await settled(), { done: 2, retried: 1, dead: 2, dropped: 1 }));
  assert.equal(await messages("IN"), 0);
  assert.equal(await messages("CHORIA_DEAD"), 2);
});

test("a run that takes too long is aborted and retried, and its late result is ignored", async (t) => {
  const aborted: string[] = [];
  const late: string[] = [];
  const { put, settled, messages, events } = await setup(t, {
    job: 'handler: "handlers.js#handler", timeout: 100ms, ackWait: 20s',
    handler: handler(async (message, context) => {
      if (context.attempt > 1) return undefined;
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      aborted.push(String(context.signal.reason));
      await context.publish("store", { body: message.data }).catch((error: unknown) => late.push(String(error)));
      return dead("LATE");
    }),
  });

  await put("slow");

  await eventually(async () => assert.deepEqual(await settled(), { retried: 1, done: 1 }));
  assert.match(aborted[0] ?? "", /RunTimeoutError/);
  assert.match(late[0] ?? "", /RunTimeoutError/);
  const retried = events.find((event) => event.type === "settled" && event.outcome === "retried");
  assert.equal(retried?.type === "settled" && retried.reason, "TIMEOUT");
  assert.equal(await messages("CHORIA_DEAD"), 0);
  assert.equal(await messages("OUT"), 0);
});

test("a run is not done while something it published without waiting is not stored", async (t) => {
  const { put, settled, jsm, messages } = await setup(t, {
    handler: handler(async (message, context) => {
      if (context.attempt === 1) await jsm.streams.delete("OUT");
      else if (context.attempt === 2) await jsm.streams.add({ name: "OUT", subjects: ["out.>"] });
      void context.publish("store", { body: message.data });
      return undefined;
    }),
  });

  await put("x", { "Nats-Msg-Id": "m1" });

  await eventually(async () => assert.deepEqual(await settled(), { retried: 1, done: 1 }));
  assert.equal(await messages("OUT"), 1);
});

test("a sink that nobody configured fails the run, not the worker", async (t) => {
  const { put, settled, jsm } = await setup(t, {
    handler: handler(async (message, context) => {
      await context.publish("nowhere", { body: message.data });
      return undefined;
    }),
  });

  await put("x");

  await eventually(async () => assert.deepEqual(await settled(), { retried: 2, dead: 1 }));
  const copy = await jsm.streams.getMessage("CHORIA_DEAD", { seq: 1 });
  assert.match(copy.header.get("Dead-Error"), /UNKNOWN_SINK: no sink "nowhere"/);
});

test("stopping lets running jobs end, gives the rest back at once, and loses nothing", async (t) => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let started = 0;
  const { put, worker, messages, options } = await setup(t, {
    job: 'handler: "handlers.js#handler", concurrency: 2, timeout: 20s',
    handler: handler(async () => {
      started += 1;
      await gate;
      return undefined;
    }),
  });
  for (let index = 0; index < 10; index++) await put(`m${index}`);
  await eventually(() => assert.equal(started, 2));

  const stopping = worker.stop(5_000);
  release();
  const report = await stopping;

  assert.equal(report.abandoned, 0);
  assert.equal(report.jobs["work"]?.settled.done, 2);
  assert.equal(await messages("IN"), 8);
  const next = await Worker.start(options); // what was given back is there at once, long before the lease ends
  t.after(() => next.stop(1_000));
  await eventually(() => assert.equal(next.counters.of("work").settled.done, 8), { timeoutMs: 20_000 });
});

test("a stop with a deadline aborts what does not end, and gives it back", async (t) => {
  let reason: unknown;
  const { put, worker, messages } = await setup(t, {
    handler: handler(async (_message, context) => {
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      reason = context.signal.reason;
      return undefined;
    }),
  });
  await put("endless");
  await eventually(() => assert.equal(worker.counters.of("work").received, 1));
  const started = performance.now();

  const report = await worker.stop(500);

  assert.ok(performance.now() - started < 6_000, "it did not end");
  assert.match(String(reason), /the worker is stopping/);
  assert.equal(report.jobs["work"]?.settled.returned, 1);
  assert.equal(report.abandoned, 0);
  assert.equal(await messages("IN"), 1);
});

test("work goes on after the server was killed and came back", async (t) => {
  const { put, nats, settled, worker } = await setup(t);
  await put("before", { "Nats-Msg-Id": "m1" });
  await eventually(async () => assert.deepEqual(await settled(), { done: 1 }));

  await nats.server.kill("SIGKILL");
  await eventually(() => assert.equal(worker.readiness().ready, false));
  await nats.server.restart();

  await eventually(() => assert.equal(worker.readiness().ready, true), { timeoutMs: 40_000 });
  await eventually(() => put("after", { "Nats-Msg-Id": "m2" }), { timeoutMs: 40_000 });
  await eventually(async () => assert.deepEqual(await settled(), { done: 2 }), { timeoutMs: 40_000 });
});

test("a stored message with malformed headers is processed as one without, and the worker lives", async (t) => {
  const { connection, nats, put, settled, jsm } = await setup(t, { handler: handler(async () => dead("UNWANTED")) });

  await publishRaw(nats.url, "in.n1", "NATS/1.0\r\nno header name: x\r\n\r\n");
  await connection.flush();
  await put("well-formed");

  await eventually(async () => assert.deepEqual(await settled(), { dead: 2 }));
  const copy = await jsm.streams.getMessage("CHORIA_DEAD", { seq: 1 });
  assert.equal(copy.header.get("Dead-Reason"), "UNWANTED");
});

/** The client would refuse to send such headers; the server stores them unread. */
async function publishRaw(url: string, subject: string, head: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = createConnection(Number(port), hostname);
  socket.write(`CONNECT {"verbose":false,"headers":true}\r\n`);
  socket.write(`HPUB ${subject} ${head.length} ${head.length}\r\n${head}\r\nPING\r\n`);
  for await (const chunk of socket) if (String(chunk).includes("PONG")) break;
}

test("a stream that is made anew counts from 1 again, and its outputs are new ones", async (t) => {
  const { put, settled, messages, jsm } = await setup(t);
  await put("old");
  await eventually(async () => assert.deepEqual(await settled(), { done: 1 }));
  const [{ config: stream }, { config: consumer }] = [
    await jsm.streams.info("IN"),
    await jsm.consumers.info("IN", "work"),
  ];

  await jsm.streams.delete("IN");
  await jsm.streams.add(stream);
  await jsm.consumers.add("IN", consumer);
  await put("new");

  await eventually(async () => assert.deepEqual(await settled(), { done: 2 }), { timeoutMs: 40_000 });
  assert.equal(await messages("OUT"), 2);
});

test("a worker whose consumer was removed is not ready, and is again once there is one", async (t) => {
  const { worker, jsm } = await setup(t);
  const { config } = await jsm.consumers.info("IN", "work");

  await jsm.consumers.delete("IN", "work");
  await eventually(() => assert.match(worker.readiness().reasons.join(), /^job work: /));
  await jsm.consumers.add("IN", config);

  await eventually(() => assert.deepEqual(worker.readiness(), { ready: true, reasons: [] }), { timeoutMs: 40_000 });
});
