import assert from "node:assert/strict";
import { test } from "node:test";
import { InvokeCommand, LambdaClient, TooManyRequestsException } from "@aws-sdk/client-lambda";
import { setup } from "./setup.ts";

test("a synchronous call runs the handler with its event and context, and tells version and request id", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "echo", memoryMb: 512 }]);

  const answer = await invoke("echo", { job: "inventory" });

  assert.deepEqual([answer.StatusCode, answer.ExecutedVersion, answer.FunctionError], [200, "$LATEST", undefined]);
  const { event, context, leftMs } = answer.result;
  assert.deepEqual(event, { job: "inventory" });
  assert.equal(context.awsRequestId, answer.$metadata.requestId);
  assert.equal(context.functionName, "echo");
  assert.equal(context.functionVersion, "$LATEST");
  assert.equal(context.memoryLimitInMB, "512");
  assert.equal(context.invokedFunctionArn, "arn:aws:lambda:us-east-1:123456789012:function:echo");
  assert.ok(leftMs > 0 && leftMs <= 60_000, `${leftMs} ms left`);
  const [record] = emulator.invocations;
  assert.deepEqual(
    [record?.requestId, record?.function, record?.type, record?.attempt, record?.outcome, record?.cold],
    [answer.$metadata.requestId, "echo", "RequestResponse", 1, "ok", true],
  );
  assert.ok((record?.initMs ?? 0) > 0, "a cold start has a duration");
  assert.equal(record?.billedMs, Math.ceil((record?.initMs ?? 0) + (record?.durationMs ?? 0)));
  assert.equal(record?.payload, answer.Payload?.transformToString());
});

test("an unconfigured client finds the emulator by AWS_ENDPOINT_URL_LAMBDA", async (t) => {
  const { emulator } = await setup(t, [{ name: "nothing" }]);
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  const credentials = { AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "x", AWS_REGION: "us-east-1" };
  Object.assign(process.env, credentials, { AWS_ENDPOINT_URL_LAMBDA: emulator.endpoint });
  const client = new LambdaClient();
  t.after(() => client.destroy());

  const answer = await client.send(new InvokeCommand({ FunctionName: "nothing" }));

  assert.equal(answer.Payload?.transformToString(), "null");
});

test("a call without a body has an empty object as its event", async (t) => {
  const { invoke } = await setup(t, [{ name: "echo" }]);
  assert.deepEqual((await invoke("echo", {}, { Payload: "" })).result.event, {});
});

test("functions are found by name, qualified name, ARN and partial ARN", async (t) => {
  const { invoke } = await setup(t, [{ name: "echo" }]);
  const arn = "arn:aws:lambda:us-east-1:123456789012:function:echo";

  for (const name of ["echo", arn, "123456789012:function:echo"]) {
    assert.equal((await invoke(name)).result.context.invokedFunctionArn, arn);
  }
  for (const name of ["echo:$LATEST", `${arn}:$LATEST`]) {
    assert.equal((await invoke(name)).result.context.invokedFunctionArn, `${arn}:$LATEST`);
  }
  assert.equal((await invoke("echo", {}, { Qualifier: "$LATEST" })).StatusCode, 200);
});

test("what does not exist is ResourceNotFoundException", async (t) => {
  const { invoke } = await setup(t, [{ name: "echo" }]);

  await assert.rejects(invoke("other"), (error: Error & { $metadata: { httpStatusCode: number } }) => {
    assert.equal(error.name, "ResourceNotFoundException");
    assert.equal(error.$metadata.httpStatusCode, 404);
    assert.match(error.message, /Function not found: arn:aws:lambda:us-east-1:123456789012:function:other$/);
    return true;
  });
  await assert.rejects(invoke("echo:live"), { name: "ResourceNotFoundException" });
  await assert.rejects(invoke("no such name"), { name: "ValidationException" });
  await assert.rejects(invoke("echo:$LATEST", {}, { Qualifier: "live" }), { name: "InvalidParameterValueException" });
});

test("a body that is no JSON never reaches the function", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "echo" }]);

  for (const InvocationType of ["RequestResponse", "Event", "DryRun"] as const) {
    const invoked = invoke("echo", null, { Payload: "{", InvocationType });
    await assert.rejects(invoked, (error: Error & { $metadata: { httpStatusCode: number } }) => {
      assert.equal(error.name, "InvalidRequestContentException");
      assert.equal(error.$metadata.httpStatusCode, 400);
      return true;
    });
  }
  assert.deepEqual(emulator.environments("echo"), []);
  assert.deepEqual(emulator.invocations, []);
});

test("a request over the limit is RequestTooLargeException: 6 MB at once, 1 MB as an event", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "nothing" }]);
  const ofBytes = (bytes: number) => "x".repeat(bytes - 2); // and two quotes
  const tooLarge = (error: Error & { $metadata: { httpStatusCode: number } }) => {
    assert.equal(error.name, "RequestTooLargeException");
    assert.equal(error.$metadata.httpStatusCode, 413);
    return true;
  };

  await assert.rejects(invoke("nothing", ofBytes(6_291_457)), tooLarge);
  await assert.rejects(invoke("nothing", ofBytes(1_048_577), { InvocationType: "Event" }), tooLarge);
  assert.deepEqual(emulator.invocations, []);
  assert.equal((await invoke("nothing", ofBytes(6_291_456))).StatusCode, 200);
  assert.equal((await invoke("nothing", ofBytes(1_048_576), { InvocationType: "Event" })).StatusCode, 202);
});

test("a dry run answers 204 and runs nothing", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "nothing" }]);

  assert.equal((await invoke("nothing", {}, { InvocationType: "DryRun" })).StatusCode, 204);
  await assert.rejects(invoke("other", {}, { InvocationType: "DryRun" }), { name: "ResourceNotFoundException" });
  assert.deepEqual(emulator.environments("nothing"), []);
});

test("what a handler throws is a function error with type, message and trace, and the environment lives on", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "fail" }, { name: "failWithText" }]);

  const answer = await invoke("fail");

  assert.deepEqual([answer.StatusCode, answer.FunctionError], [200, "Unhandled"]);
  assert.deepEqual([answer.result.errorType, answer.result.errorMessage], ["TypeError", "no such node"]);
  assert.match(answer.result.trace[1], /all\.mjs/);
  assert.deepEqual((await invoke("failWithText")).result, { errorType: "string", errorMessage: "text", trace: [] });
  await invoke("fail");
  assert.deepEqual(
    emulator.invocations.map(({ function: name, outcome, cold }) => [name, outcome, cold]),
    [
      ["fail", "error", true],
      ["failWithText", "error", true],
      ["fail", "error", false],
    ],
  );
});

test("an answer over 6 MB is a function error, and the environment lives on", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "large" }]);

  const answer = await invoke("large");

  assert.equal(answer.FunctionError, "Unhandled");
  assert.equal(answer.result.errorType, "Function.ResponseSizeTooLarge");
  await invoke("large");
  assert.equal(emulator.invocations[1]?.cold, false);
});

test("the end of the log comes with the answer when it is asked for", async (t) => {
  const { invoke } = await setup(t, [{ name: "echo" }]);

  const answer = await invoke("echo", { n: 1 }, { LogType: "Tail" });

  const log = Buffer.from(answer.LogResult ?? "", "base64").toString();
  const id = answer.$metadata.requestId;
  assert.match(log, new RegExp(`START RequestId: ${id} Version: \\$LATEST\n`));
  assert.match(log, new RegExp(`\t${id}\tINFO\ttold of { n: 1 }\n`));
  assert.match(log, /^\{"_aws":\{\}\}$/m);
  assert.match(
    log,
    new RegExp(`REPORT RequestId: ${id}\tDuration: .* ms\tBilled Duration: \\d+ ms\t.*Init Duration: `),
  );
  assert.equal((await invoke("echo")).LogResult, undefined);
});

test("beyond its reserved concurrency a function is refused with 429, its reason, and when to try again", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "nothing", reservedConcurrency: 0 }]);

  await assert.rejects(invoke("nothing"), (error) => {
    assert.ok(error instanceof TooManyRequestsException, String(error));
    assert.equal(error.$metadata.httpStatusCode, 429);
    assert.equal(error.Reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
    assert.equal(error.retryAfterSeconds, "1");
    return true;
  });
  const [record] = emulator.invocations;
  assert.deepEqual([record?.outcome, record?.billedMs, record?.payload], ["throttled", 0, null]);
});

test("a throttled function is refused as if the account were at its limit, until it no longer is", async (t) => {
  const { emulator, invoke } = await setup(t, [{ name: "nothing", reservedConcurrency: 5 }]);

  emulator.throttle("nothing", true);
  await assert.rejects(invoke("nothing"), { Reason: "ConcurrentInvocationLimitExceeded" });
  emulator.throttle("nothing", false);

  assert.equal((await invoke("nothing")).StatusCode, 200);
});
