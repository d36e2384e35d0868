import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import { inputId, orderKeyOf } from "../../../functions/consumer/message.ts";
import { Run } from "../../../functions/consumer/run.ts";
import { defineHandler, type JobContext, SnoozeError } from "../../../shared/jobs/handler.ts";
import { makeAttempt, makeInput, makeRunBench } from "../../support/job.ts";

const endless = () => new Promise<void>(() => {});

function start(options: { run(context: JobContext): Promise<unknown>; maxRunMs?: number; attempt?: number }) {
  const { maxRunMs } = options;
  const handler = defineHandler({
    name: "h",
    input: "bytes",
    timeoutMs: 100,
    ...(maxRunMs === undefined ? {} : { maxRunMs }),
    run: async (_message, context) => (await options.run(context)) as undefined,
  });
  const bench = makeRunBench(handler);
  const run = new Run(bench.settings, makeInput("x", { "Nats-Msg-Id": "m1" }), makeAttempt(options.attempt));
  return { ...bench, run, ended: run.start(0, 100) };
}

test("without heartbeats the timeout is hard", async () => {
  const { run, ended } = start({ run: endless });

  run.expire(99);
  run.expire(100);

  assert.deepEqual(await ended, { type: "retry", delayMs: 100, reason: "TIMEOUT" });
});

test("a heartbeat lets the timeout count anew, and moves the deadline", async () => {
  let context: JobContext | undefined;
  const { run, ended, setNow } = start({
    run: (given) => {
      context = given;
      return endless();
    },
  });
  await new Promise(setImmediate);
  assert.equal(context?.deadline.getTime(), 1_700_000_000_100);

  setNow(80);
  context?.heartbeat();
  run.expire(179);

  assert.equal(context?.deadline.getTime(), 1_700_000_000_180);
  assert.equal(context?.signal.aborted, false);
  run.expire(180);
  assert.deepEqual(await ended, { type: "retry", delayMs: 100, reason: "TIMEOUT" });
  assert.match(String(context?.signal.reason), /did not end within 180 ms/);
});

test("heartbeats end where maxRunMs says, and none takes time away", async () => {
  let context: JobContext | undefined;
  const { run, ended, setNow } = start({
    maxRunMs: 150,
    run: (given) => {
      context = given;
      return endless();
    },
  });
  await new Promise(setImmediate);

  for (const now of [90, 149]) {
    setNow(now);
    context?.heartbeat();
  }
  run.expire(150);

  assert.deepEqual(await ended, { type: "retry", delayMs: 100, reason: "TIMEOUT" });
});

test("a run whose lease is lost is told so, may publish no more, and ends as lost whatever it returns", async () => {
  let late: unknown;
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const bench = makeRunBench(
    defineHandler({
      name: "h",
      input: "bytes",
      run: async (_message, context) => {
        await gate;
        late = await context.publish("out", { body: "x" }).catch((error: unknown) => error);
      },
    }),
  );
  const input = makeInput("x");
  const run = new Run(bench.settings, input, makeAttempt());
  const ended = run.start(0, 100);
  await new Promise(setImmediate);

  run.lose(new Error("of another message"), makeInput("x"));
  run.lose(new Error("lost"), input);
  release();

  assert.equal(await ended, "lost");
  await new Promise(setImmediate);
  assert.match(String(late), /lost/);
  assert.deepEqual(bench.outputs, []);
});

test("garbage, a thrown text and outcomes on errors become named decisions", async () => {
  const cases: readonly (readonly [() => Promise<unknown>, object])[] = [
    [async () => ({ rows: 1 }), { type: "dead", reason: "BAD_OUTCOME" }],
    [
      async () => {
        throw "text";
      },
      { type: "retry", reason: "THREW_NON_ERROR" },
    ],
    [
      async () => {
        throw new SnoozeError(7);
      },
      { type: "snooze", delayMs: 7 },
    ],
  ];
  for (const [run, expected] of cases) {
    const end = await start({ run }).ended;
    assert.deepEqual({ ...Object(end), ...expected }, end);
  }
});

const outputs: readonly (readonly [string, unknown, RegExp])[] = [
  ["data that the schema refuses, by path", { data: { host: 1 } }, /output for sink "out": host: .*string/],
  ["a number as body", { body: 1 }, /neither a body/],
  ["nothing", undefined, /neither a body/],
];

for (const [name, output, message] of outputs) {
  test(`an output is refused on its way out, and the message is dead: ${name}`, async () => {
    const handler = defineHandler({
      name: "h",
      input: "bytes",
      output: z.object({ host: z.string() }),
      run: async (_message, context) => {
        await context.sink("out").write(output as { data: { host: string } });
      },
    });
    const { settings, outputs: stored } = makeRunBench(handler);

    const end = await new Run(settings, makeInput("x"), makeAttempt()).start(0, 100);

    assert.equal(typeof end === "object" && end.type === "dead" && end.reason, "OUTPUT_INVALID");
    assert.match(typeof end === "object" && "detail" in end ? end.detail : "", message);
    assert.deepEqual(stored, []);
  });
}

test("data is stored as the JSON that the output schema makes of it, under ids that a repeated run makes again", async () => {
  const handler = defineHandler({
    name: "h",
    input: "bytes",
    output: z.object({ host: z.string().toUpperCase() }),
    run: async (_message, context) => {
      const sink = context.sink("out");
      await Promise.all([sink.write({ data: { host: "n1" } }), context.publish("out", { body: "raw" })]);
    },
  });
  const { settings, outputs: stored } = makeRunBench(handler);
  const input = (headers: Record<string, string>) => makeInput("x", { "Choria-Sender": "n1", ...headers });

  await new Run(settings, input({ "Nats-Msg-Id": "m1" }), makeAttempt()).start(0, 100);
  await new Run(settings, input({ "Nats-Msg-Id": "m1.p1", "Job-Id": "m1" }), makeAttempt(2)).start(0, 100);

  const texts = stored.map(({ body, key }) => [Buffer.from(body).toString(), key]);
  assert.deepEqual(texts.slice(0, 2).sort(), [
    ["raw", "n1"],
    ['{"host":"N1"}', "n1"],
  ]);
  const ids = stored.map(({ id }) => id);
  assert.deepEqual([...ids.slice(0, 2)].sort(), [...ids.slice(2)].sort());
  assert.equal(new Set(ids).size, 2);
});

test("input whose asynchronous check ends after the run was given up does not start the handler", async () => {
  let runs = 0;
  const handler = defineHandler({
    name: "h",
    input: z.number().refine(async () => true),
    run: async () => {
      runs += 1;
    },
  });
  const run = new Run(makeRunBench(handler).settings, makeInput("1"), makeAttempt());
  const ended = run.start(0, 100);

  run.stop();

  assert.equal(await ended, "returned");
  await new Promise(setImmediate);
  assert.equal(runs, 0);
});

test("a copy keeps the id of the message it was made of", () => {
  assert.equal(inputId(makeInput("x", { "Job-Id": "m1", "Nats-Msg-Id": "m1.r1" })), "m1");
  assert.equal(inputId(makeInput("x", { "Nats-Msg-Id": "m1" })), "m1");
  assert.equal(inputId(makeInput("x")), "IN:1:1700000000000");
});

test("the key of an ordered job is the handler's, or the sender where it has none or fails", () => {
  const input = makeInput("x", { "Choria-Sender": "n1", "Choria-Agent": "a" });
  const fail = () => {
    throw new Error("no");
  };

  assert.equal(orderKeyOf({ key: null }, input), "n1");
  assert.equal(orderKeyOf({ key: ({ agent }) => agent }, input), "a");
  assert.equal(orderKeyOf({ key: fail }, input), "n1");
});
