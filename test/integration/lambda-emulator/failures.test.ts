import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { Environment } from "../../support/lambda/environment/environment.ts";
import { deployFunction } from "../../support/lambda/function.ts";
import { Log } from "../../support/lambda/log.ts";
import { processState, setup } from "./setup.ts";

test("a function is killed at its timeout even if it never yields, and starts cold after that", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "hang", timeoutMs: 300 }]);
  const pids: (number | null)[] = [];
  emulator.onLog(({ line }) => {
    if (line.startsWith("START")) pids.push(...emulator.environments("hang").map(({ pid }) => pid));
  });

  const answer = await invoke("hang");

  assert.equal(answer.FunctionError, "Unhandled");
  assert.deepEqual(answer.result, {
    errorType: "Sandbox.Timedout",
    errorMessage: `RequestId: ${answer.$metadata.requestId} Error: Task timed out after 0.30 seconds`,
  });
  assert.equal(processState(pids[0]), null);
  await invoke("hang");
  assert.deepEqual(
    emulator.invocations.map(({ outcome, cold }) => [outcome, cold]),
    [
      ["timeout", true],
      ["timeout", true],
    ],
  );
  assert.ok((emulator.invocations[0]?.durationMs ?? 0) >= 299, "it had all of its time");
});

test("a process that ends in the middle of an invocation is Runtime.ExitError, and the next call is cold", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "leave" }]);

  const left = await invoke("leave", { code: 3 });
  const silent = await invoke("leave", { code: 0 });

  assert.equal(left.FunctionError, "Unhandled");
  assert.deepEqual(left.result, {
    errorType: "Runtime.ExitError",
    errorMessage: `RequestId: ${left.$metadata.requestId} Error: Runtime exited with error: exit status 3`,
  });
  assert.match(silent.result.errorMessage, /Error: Runtime exited without providing a reason$/);
  assert.deepEqual(
    emulator.invocations.map(({ outcome, cold }) => [outcome, cold]),
    [
      ["exit", true],
      ["exit", true],
    ],
  );
});

test("an environment that died in its sleep is replaced", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "count" }]);
  await invoke("count");
  const [environment] = emulator.environments("count");

  process.kill(environment?.pid ?? 0, "SIGKILL");
  await eventually(() => assert.deepEqual(emulator.environments("count"), []));

  assert.deepEqual((await invoke("count")).result.invocations, 1);
});

test("a rejection that nobody handles is the invocation's error and ends the process", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "reject" }]);

  const answer = await invoke("reject");

  assert.equal(answer.result.errorType, "Runtime.UnhandledPromiseRejection");
  assert.equal(answer.result.errorMessage, "RangeError: nobody waits");
  assert.equal(emulator.invocations[0]?.outcome, "error");
  assert.deepEqual(emulator.environments("reject"), []);
});

test("a function that does not start says why, and leaves no process", async (t) => {
  const { folder, emulator, invoke } = await setup(t, [
    { name: "missing", handler: ".build/lambda/none.handler" },
    { name: "absent", handler: ".build/lambda/all.absent" },
    { name: "malformed", handler: "all" },
    { name: "broken", handler: "broken.handler" },
    { name: "throwing", handler: "throwing.handler" },
    { name: "dying", handler: "dying.handler" },
    { name: "deep", handler: ".build/lambda/all.nested.deep" },
  ]);
  await writeFile(join(folder, "broken.mjs"), "export const = 1;");
  await writeFile(join(folder, "throwing.mjs"), 'throw new Error("NATS_URL is not set");');
  await writeFile(join(folder, "dying.mjs"), "process.exit(7);");

  const results = await Promise.all(
    ["missing", "absent", "malformed", "broken", "throwing", "dying"].map(async (name) => {
      const { FunctionError, result } = await invoke(name);
      assert.deepEqual([FunctionError, emulator.environments(name)], ["Unhandled", []]);
      return `${result.errorType}: ${result.errorMessage}`;
    }),
  );

  assert.match(results[0] ?? "", /^Runtime\.ImportModuleError: Error: Cannot find module '\.build\/lambda\/none'/);
  assert.equal(results[1], "Runtime.HandlerNotFound: .build/lambda/all.absent is undefined or not exported");
  assert.equal(results[2], "Runtime.MalformedHandlerName: Bad handler");
  assert.match(results[3] ?? "", /^Runtime\.UserCodeSyntaxError: SyntaxError: /);
  assert.equal(results[4], "Error: NATS_URL is not set");
  assert.match(results[5] ?? "", /^Runtime\.ExitError: .* Runtime exited with error: exit status 7$/);
  assert.equal((await invoke("deep")).result, "nested");
});

test("a start that takes too long is tried once more, within the function's timeout", async (t) => {
  const { folder, emulator, invoke } = await setup(t, [{ name: "slow", handler: "slow.handler", timeoutMs: 150 }], {
    initLimitMs: 100,
  });
  await writeFile(join(folder, "slow.mjs"), "setInterval(() => {}, 1_000); await new Promise(() => {});");

  const answer = await invoke("slow");

  assert.match(answer.result.errorMessage, /Task timed out after 0\.15 seconds$/);
  const [record] = emulator.invocations;
  assert.ok((record?.initMs ?? 0) >= 99 && (record?.durationMs ?? 0) >= 149, JSON.stringify(record));
  assert.deepEqual(emulator.environments("slow"), []);
});

test("a process that ends between its start and its invocation stays gone", async (t) => {
  const { folder } = await setup(t, []);
  const fn = deployFunction({ name: "nothing", taskRoot: folder, handler: ".build/lambda/all.nothing" });
  const surroundings = { node: process.execPath, region: "us-east-1", path: process.env["PATH"] ?? "", log: new Log() };
  const environment = new Environment(fn, surroundings);
  t.after(() => environment.kill());
  assert.equal((await environment.init("one", 60_000)).type, "ready");

  await environment.kill();
  const { answer } = await environment.invoke({ requestId: "one", arn: "", payload: "{}" }, 60_000);

  assert.deepEqual([environment.state, answer.outcome], ["gone", "exit"]);
});
