import assert from "node:assert/strict";
import { test } from "node:test";
import {
  dead,
  defineHandler,
  type JobContext,
  type JobMessage,
  type Middleware,
} from "../../../shared/jobs/handler.ts";

const message = { data: new Uint8Array(), id: "1" } as JobMessage<Uint8Array>;
const context = {} as JobContext;

function setup() {
  const calls: string[] = [];
  const recording = (name: string, order: number): Middleware => ({
    name,
    order,
    wrap: (next) => async (given, ctx) => {
      calls.push(`> ${name}`);
      const outcome = await next(given, ctx);
      calls.push(`< ${name} ${outcome.type}`);
      return outcome;
    },
  });
  const run = async () => {
    calls.push("run");
  };
  return { calls, recording, run };
}

test("the order in which middleware is registered changes nothing", async () => {
  const { calls, recording, run } = setup();
  const [a, b, c] = [recording("a", 10), recording("b", 0), recording("c", 10)];
  const wanted = ["> b", "> a", "> c", "run", "< c done", "< a done", "< b done"];

  for (const use of [
    [a, b, c],
    [c, b, a],
    [b, c, a],
    [c, a, b],
  ]) {
    calls.length = 0;
    await defineHandler({ name: "h", input: "bytes", use, run }).run(message, context);
    assert.deepEqual(calls, wanted);
  }
});

test("middleware is composed once, not for every message", async () => {
  const { run } = setup();
  let wrapped = 0;
  const use: Middleware[] = [
    {
      name: "counting",
      order: 0,
      wrap: (next) => {
        wrapped += 1;
        return next;
      },
    },
  ];
  const handler = defineHandler({ name: "h", input: "bytes", use, run });

  for (let index = 0; index < 3; index++) await handler.run(message, context);

  assert.equal(wrapped, 1);
});

test("middleware may decide without the handler, and see what it threw", async () => {
  const { calls, run } = setup();
  const stopping: Middleware = { name: "stop", order: 0, wrap: () => async () => dead("CLOSED") };
  const catching: Middleware = {
    name: "catch",
    order: 0,
    wrap: (next) => (given, ctx) => next(given, ctx).catch((error: Error) => dead("CAUGHT", error.message)),
  };

  const stopped = await defineHandler({ name: "h", input: "bytes", use: [stopping], run }).run(message, context);
  const caught = await defineHandler({
    name: "h",
    input: "bytes",
    use: [catching],
    run: () => {
      throw new Error("synchronously");
    },
  }).run(message, context);

  assert.deepEqual(calls, []);
  assert.deepEqual(stopped, dead("CLOSED"));
  assert.deepEqual(caught, dead("CAUGHT", "synchronously"));
});

test("middleware that returns garbage is named like a handler that does", async () => {
  const { run } = setup();
  const broken = { name: "broken", order: 0, wrap: () => async () => "fine" } as unknown as Middleware;

  const running = defineHandler({ name: "h", input: "bytes", use: [broken], run }).run(message, context);

  await assert.rejects(running, { code: "BAD_OUTCOME" });
});

test("middleware whose order would be open is refused when the handler is made", () => {
  const { recording, run } = setup();
  const define = (use: Middleware[]) => () => defineHandler({ name: "h", input: "bytes", use, run });

  assert.throws(define([recording("a", 0), recording("a", 0)]), /"a" is used twice/);
  assert.throws(define([recording("a", Number.NaN)]), /order is no number/);
});
