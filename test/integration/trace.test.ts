import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { context, trace } from "@opentelemetry/api";
import { headers as makeHeaders } from "nats";
import { Worker } from "../../functions/consumer/worker.ts";
import { readAdapterOutput } from "../../shared/choria/output.ts";
import { dead, defineHandler, type JobContext, type Outcome, retryAfter } from "../../shared/jobs/handler.ts";
import { createLogger } from "../../shared/telemetry/log.ts";
import { bridgeConfig, REGISTRATION_SUBJECT, startTestBridge } from "../support/bridge.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";
import { registerSdk } from "../support/spans.ts";

const sharedFleet = startFleet({ after });

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;
const TRACESTATE = "congo=t61rcWkgMzE";

type Run = (job: JobContext) => Promise<Outcome | undefined>;

/** A bridge, a worker with one handler, and the headers of what came out at the end. */
async function setup(t: TestContext, run: Run) {
  const nats = await startNats(t);
  const [fleet, jsm, client] = await Promise.all([sharedFleet, nats.jsm(), nats.connect()]);
  const config = bridgeConfig(nats.url, fleet, {
    streams: {
      JOBS: { connection: "main", subject: "jobs.{sender}" },
      OUT: { connection: "main", subject: "out.{sender}", retention: "limits" },
    },
    sinks: { store: { type: "jetstream", to: "OUT" } },
    jobs: { work: { stream: "JOBS", handler: "handlers.js#handler", timeout: "20s" } },
  });
  const retry = { policy: "fixed", delayMs: 10, maxDelayMs: 10, attempts: 3, jitter: 0 } as const;
  const handler = defineHandler({ name: "traced", input: "bytes", retry, run: (_message, job) => run(job) });
  await startTestBridge(t, config);
  const worker = await Worker.start({
    config,
    file: "test.yaml",
    only: null,
    worker: "w1",
    loadHandler: async () => handler,
    connect: () => nats.connect(),
    apply: false,
    unwrap: (body) => readAdapterOutput(body)?.payload ?? body,
    log: createLogger("test", "silent"),
  });
  t.after(() => worker.stop(2_000));
  return {
    /** Sends a proven registration with these headers, and waits until its job has left the worker. */
    async send(headers: Readonly<Record<string, string>>): Promise<void> {
      const made = makeHeaders();
      for (const [name, value] of Object.entries(headers)) made.append(name, value);
      const body = await fleet.registration(0);
      const { settled } = worker.counters.of("work");
      const before = settled.done + settled.dead;
      client.publish(REGISTRATION_SUBJECT, body, { headers: made });
      await eventually(() => assert.equal(settled.done + settled.dead, before + 1));
    },
    outputs: async (stream = "OUT") => {
      const { state } = await jsm.streams.info(stream);
      const found = [];
      for (let seq = 1; seq <= state.last_seq; seq++)
        found.push((await jsm.streams.getMessage(stream, { seq })).header);
      return found;
    },
  };
}

const republish: Run = async (job) => {
  await job.publish("store", { body: "out" });
  return undefined;
};

test("without an SDK a trace goes from the ingest to the sink unchanged", async (t) => {
  const { send, outputs } = await setup(t, republish);

  await send({ traceparent: TRACEPARENT, tracestate: TRACESTATE, baggage: "user=root", "Nats-Rollup": "all" });

  const [header] = await outputs();
  assert.equal(header?.get("traceparent"), TRACEPARENT);
  assert.equal(header?.get("tracestate"), TRACESTATE);
  assert.equal(header?.get("baggage"), "");
  assert.equal(header?.get("Nats-Rollup"), "");
  assert.notEqual(header?.get("Choria-Sender"), "");
});

test("a trace goes from the ingest through stream and handler to the sink: one trace, each span below its cause", async (t) => {
  const sdk = registerSdk(t);
  const { send, outputs } = await setup(t, (job) =>
    trace.getTracer("user").startActiveSpan("look up", async (span) => {
      await job.publish("store", { body: "out" });
      span.end();
      return undefined;
    }),
  );

  await send({ Traceparent: TRACEPARENT, tracestate: TRACESTATE });

  const [job, user, publish] = ["job work", "look up", "publish store"].map((name) => sdk.named(name)[0]);
  assert.ok(job !== undefined && user !== undefined && publish !== undefined, "a span is missing");
  assert.deepEqual(
    [job, user, publish].map((span) => span.parentSpanContext?.spanId),
    [SPAN, job.spanContext().spanId, user.spanContext().spanId],
  );
  const [header] = await outputs();
  assert.equal(header?.get("traceparent"), `00-${TRACE}-${publish.spanContext().spanId}-01`);
  assert.equal(header?.get("tracestate"), TRACESTATE);
  const { "messaging.message.id": id, "choria.sender": sender, ...facts } = job.attributes;
  assert.match(String(id), /^[0-9a-f]{64}$/);
  assert.equal(sender, header?.get("Choria-Sender"));
  assert.deepEqual(facts, {
    "messaging.system": "nats",
    "messaging.operation.type": "process",
    "messaging.destination.name": "JOBS",
    "job.attempt": 1,
    "job.outcome": "done",
  });
});

test("the runs of a message are siblings, and the failed ones say why", async (t) => {
  const sdk = registerSdk(t);
  let runs = 0;
  const { send } = await setup(t, async () => {
    runs += 1;
    if (runs === 1) throw new Error("boom");
    if (runs === 2) return retryAfter(5);
    return dead("NO_SUCH_HOST");
  });

  await send({ traceparent: TRACEPARENT });

  const spans = sdk.named("job work");
  assert.deepEqual(
    spans.map((span) => [span.parentSpanContext?.spanId, span.attributes["job.attempt"], span.status]),
    [
      [SPAN, 1, { code: 2, message: "HANDLER_FAILED" }],
      [SPAN, 2, { code: 2, message: "RETRY_ASKED" }],
      [SPAN, 3, { code: 2, message: "NO_SUCH_HOST" }],
    ],
  );
  assert.deepEqual(
    spans.map((span) => span.attributes["job.outcome"]),
    ["retry", "retry", "dead"],
  );
  assert.equal(spans[0]?.events[0]?.attributes?.["exception.message"], "boom");
});

test("a hostile traceparent is dropped where it comes in, and the run begins a trace of its own", async (t) => {
  const sdk = registerSdk(t);
  const { send, outputs } = await setup(t, republish);

  await send({ traceparent: `00-${"0".repeat(32)}-${SPAN}-01`, tracestate: TRACESTATE });
  await send({ traceparent: `01-${TRACE}-${SPAN}-01-${"x".repeat(7_000)}` });

  const [first, second] = sdk.named("job work");
  assert.equal(first?.parentSpanContext, undefined);
  assert.equal(second?.parentSpanContext, undefined);
  assert.notEqual(first?.spanContext().traceId, second?.spanContext().traceId);
  const [header] = await outputs();
  assert.match(header?.get("traceparent") ?? "", new RegExp(`^00-${first?.spanContext().traceId}-[0-9a-f]{16}-01$`));
  assert.equal(header?.get("tracestate"), "");
});

test("without an SDK a hostile traceparent is stored nowhere", async (t) => {
  const { send, outputs } = await setup(t, republish);

  await send({ traceparent: "00-xyz", tracestate: TRACESTATE });

  const [header] = await outputs();
  assert.equal(header?.has("traceparent"), false);
  assert.equal(header?.has("tracestate"), false);
});

test("a handler that names a trace itself is obeyed", async (t) => {
  registerSdk(t);
  const own = `00-${"a".repeat(32)}-${"b".repeat(16)}-00`;
  const { send, outputs } = await setup(t, async (job) => {
    await job.publish("store", { body: "out", headers: { traceparent: own } });
    return undefined;
  });

  await send({ traceparent: TRACEPARENT, tracestate: TRACESTATE });

  const [header] = await outputs();
  assert.equal(header?.get("traceparent"), own);
});

for (const hook of ["onStart", "onEnd"] as const) {
  test(`an SDK whose processor throws in ${hook} costs spans, and no message`, async (t) => {
    const harmless = { onStart: () => {}, onEnd: () => {}, shutdown: async () => {}, forceFlush: async () => {} };
    const broken = {
      ...harmless,
      [hook]: () => {
        throw new Error("broken");
      },
    };
    registerSdk(t, [broken]);
    const { send, outputs } = await setup(t, republish);

    await send({ traceparent: TRACEPARENT });

    const [header] = await outputs();
    assert.match(header?.get("traceparent") ?? "", new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  });
}

test("without a context manager outputs still belong to the trace of their message", async (t) => {
  const sdk = registerSdk(t);
  context.disable();
  const { send, outputs } = await setup(t, republish);

  await send({ traceparent: TRACEPARENT });

  const [publish] = sdk.named("publish store");
  assert.equal(publish?.parentSpanContext?.spanId, SPAN);
  const [header] = await outputs();
  assert.equal(header?.get("traceparent"), `00-${TRACE}-${publish.spanContext().spanId}-01`);
});
