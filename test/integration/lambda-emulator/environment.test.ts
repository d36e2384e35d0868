import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { LambdaEmulator } from "../../support/lambda/emulator.ts";
import type { LogLine } from "../../support/lambda/log.ts";
import { processState, setup } from "./setup.ts";

test("between invocations the process is frozen: its timers stand still, and it is reused", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "count" }]);

  const first = (await invoke("count", { ms: 50 })).result;
  const [environment] = emulator.environments("count");
  await eventually(() => assert.equal(processState(environment?.pid), "T"));
  // Time passes, which is what is tested: the handler's timer would fire 100 times.
  await wait(500);
  const second = (await invoke("count")).result;

  assert.deepEqual([first.invocations, second.invocations], [1, 2]);
  assert.ok(first.ticks > 0, "the timer runs while the handler does");
  assert.ok(second.ticks - first.ticks < 20, `${second.ticks - first.ticks} ticks while frozen`);
  assert.equal(environment?.state, "frozen");
  assert.deepEqual(
    emulator.environments("count").map(({ id }) => id),
    [environment.id],
  );
  assert.deepEqual(
    emulator.invocations.map(({ cold, initMs }) => [cold, initMs === null]),
    [
      [true, false],
      [false, true],
    ],
  );
});

test("a function has Lambda's variables and its own, of the emulator's own only PATH", async (t) => {
  const { folder, invoke } = await setup(t, [{ name: "echo", env: { NATS_URL: "nats://n" } }], { region: "eu-west-1" });
  process.env["LEAKED"] = "yes";
  t.after(() => {
    delete process.env["LEAKED"];
  });

  const { env, cwd } = (await invoke("echo")).result;

  assert.equal(cwd, folder);
  assert.match(env.AWS_LAMBDA_RUNTIME_API, /^127\.0\.0\.1:\d+$/);
  assert.match(env.AWS_LAMBDA_LOG_STREAM_NAME, /^\[\$LATEST\]/);
  const { AWS_LAMBDA_RUNTIME_API: _api, AWS_LAMBDA_LOG_STREAM_NAME: _stream, ...fixed } = env;
  assert.deepEqual(fixed, {
    PATH: process.env["PATH"],
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    NATS_URL: "nats://n",
    _HANDLER: ".build/lambda/all.echo",
    LAMBDA_TASK_ROOT: folder,
    AWS_REGION: "eu-west-1",
    AWS_DEFAULT_REGION: "eu-west-1",
    AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${process.versions.node.split(".")[0]}.x`,
    AWS_LAMBDA_FUNCTION_NAME: "echo",
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/echo",
    AWS_ACCESS_KEY_ID: "emulated",
    AWS_SECRET_ACCESS_KEY: "emulated",
    AWS_SESSION_TOKEN: "emulated",
  });
});

test("variables that Lambda reserves, and a package that is not there, are refused at the start", async (t) => {
  const fn = { name: "f", taskRoot: import.meta.dirname, handler: "all.echo" };
  const starting = (settings: object) =>
    LambdaEmulator.start({ functions: [{ ...fn, ...settings }] }).then((emulator) => t.after(() => emulator.close()));

  await assert.rejects(starting({ env: { AWS_REGION: "x" } }), /function "f": AWS_REGION: reserved/);
  const absent = `${import.meta.dirname}/absent`;
  await assert.rejects(starting({ taskRoot: absent }), { message: `function "f": there is no folder ${absent}` });
});

test("overlapping calls get environments of their own up to the reserved concurrency, one call at a time each", async (t) => {
  const { folder, emulator, invoke } = await setup(t, [{ name: "hold", reservedConcurrency: 2 }]);
  const file = join(folder, "go");

  const held = [invoke("hold", { file }), invoke("hold", { file })];
  await eventually(() => assert.equal(emulator.running("hold"), 2));
  await assert.rejects(invoke("hold", { file }), { Reason: "ReservedFunctionConcurrentInvocationLimitExceeded" });
  await writeFile(file, "");
  const [one, two] = await Promise.all(held);

  assert.notEqual(one?.result, two?.result);
  assert.equal(emulator.running("hold"), 0);
  const third = await invoke("hold", { file });
  assert.ok([one?.result, two?.result].includes(third.result), "a warm one is taken");
  assert.equal(emulator.environments("hold").length, 2);
});

test("functions without a reservation share what is left", async (t) => {
  const functions = [{ name: "hold" }, { name: "nothing" }, { name: "count", reservedConcurrency: 1 }];
  const { folder, emulator, invoke } = await setup(t, functions, { unreservedConcurrency: 1 });
  const file = join(folder, "go");

  const held = invoke("hold", { file });
  await eventually(() => assert.equal(emulator.running("hold"), 1));
  await assert.rejects(invoke("nothing"), { Reason: "ConcurrentInvocationLimitExceeded" });
  assert.equal((await invoke("count")).StatusCode, 200);
  await writeFile(file, "");
  await held;

  assert.equal((await invoke("nothing")).StatusCode, 200);
});

test("lines are kept per environment and told as they are printed, with the invocation they belong to", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "echo" }]);
  const told: LogLine[] = [];
  emulator.onLog((line) => told.push(line));

  const answer = await invoke("echo", 1);

  const metrics = told.find(({ line }) => line === '{"_aws":{}}');
  assert.deepEqual(metrics, {
    function: "echo",
    environment: emulator.environments("echo")[0]?.id,
    requestId: answer.$metadata.requestId,
    stream: "stdout",
    line: '{"_aws":{}}',
  });
  assert.deepEqual(emulator.logs("echo"), told);
  assert.deepEqual(
    told.filter(({ stream }) => stream === "platform").map(({ line }) => line.split(" ", 1)[0]),
    ["START", "END", "REPORT"],
  );
});

test("retired environments are gone, and the next call is cold", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "count" }]);
  await invoke("count");
  const [environment] = emulator.environments("count");

  await emulator.retire("count");

  assert.equal(processState(environment?.pid), null);
  assert.equal((await invoke("count")).result.invocations, 1);
});
