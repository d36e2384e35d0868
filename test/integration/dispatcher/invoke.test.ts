import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { invokeDrain, openLambda } from "../../../functions/dispatcher/invoking/invoke.ts";
import type { Outcome } from "../../../functions/dispatcher/invoking/outcome.ts";

const REPORT = { processed: 3, retried: 0, dead: 0, dropped: 0, returned: 0, unsettled: 0, left: 0, reason: "empty" };

interface Request {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly type: string | string[] | undefined;
  readonly body: string;
}

/** A client of a server that answers as it is told to; `requests` is what arrived. */
async function setup(t: TestContext, answer: RequestListener) {
  const requests: Request[] = [];
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    requests.push({ method, url, type: headers["x-amz-invocation-type"], body: await textOf(request) });
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = await openLambda(4, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "us-east-1",
    credentials: { accessKeyId: "x", secretAccessKey: "x" },
  });
  t.after(() => {
    client.destroy();
    server.close();
    server.closeAllConnections();
  });
  const stop = new AbortController();
  const invocation = { functionName: "cb-consumer", job: "inventory", budgetMs: 60_000, waitMs: 75_000 };
  const invoke = (waitMs = 75_000) => invokeDrain(client, { ...invocation, waitMs }, stop.signal);
  return { server, requests, invoke, stop };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** As the API reference has errors. */
function apiError(status: number, type: string, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", "x-amzn-errortype": type, ...headers });
    response.end(JSON.stringify({ Type: "User", message: "the reason" }));
  };
}

function functionAnswer(body: unknown, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(200, { "content-type": "application/json", "x-amz-executed-version": "$LATEST", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
}

const FAILED = { "x-amz-function-error": "Unhandled" };

const CASES: readonly [name: string, answer: RequestListener, outcome: Outcome][] = [
  ["a report", functionAnswer({ ...REPORT, later: 1 }), { type: "drained", report: REPORT }],
  [
    "the function's error",
    functionAnswer({ errorType: "TypeError", errorMessage: "no such node", trace: [] }, FAILED),
    { type: "function_error", detail: "Unhandled: TypeError: no such node" },
  ],
  [
    "the end of a function at its time limit",
    functionAnswer({ errorMessage: "2026-11-24T17:00:00Z 1 Task timed out after 3.00 seconds" }, FAILED),
    { type: "function_error", detail: "Unhandled: 2026-11-24T17:00:00Z 1 Task timed out after 3.00 seconds" },
  ],
  [
    "an answer that is no report",
    functionAnswer({ statusCode: 200, body: "ok" }),
    {
      type: "bad_answer",
      detail: "not a drain's report (processed: Invalid input: expected number, received undefined)",
    },
  ],
  [
    "an answer that is no JSON",
    functionAnswer("<html>"),
    {
      type: "bad_answer",
      detail: "not a drain's report (the answer: Invalid input: expected object, received undefined)",
    },
  ],
  [
    "429",
    apiError(429, "TooManyRequestsException", { "retry-after": "7" }),
    { type: "throttled", retryAfterMs: 7_000, detail: "TooManyRequestsException: the reason" },
  ],
  [
    "404",
    apiError(404, "ResourceNotFoundException"),
    { type: "unknown_function", detail: "ResourceNotFoundException: the reason" },
  ],
  [
    "expired credentials",
    apiError(403, "ExpiredTokenException"),
    { type: "credentials", detail: "ExpiredTokenException: the reason" },
  ],
  [
    "credentials that do not allow it",
    apiError(403, "AccessDeniedException"),
    { type: "credentials", detail: "AccessDeniedException: the reason" },
  ],
  ["500", apiError(500, "ServiceException"), { type: "unreachable", detail: "ServiceException: the reason" }],
];

for (const [name, answer, outcome] of CASES) {
  test(`${name} is ${outcome.type}, after one request`, async (t) => {
    const { requests, invoke } = await setup(t, answer);

    assert.deepEqual(await invoke(), outcome);
    assert.equal(requests.length, 1);
  });
}

test("a request waits for its answer, and carries the job and the budget and nothing else", async (t) => {
  const { requests, invoke } = await setup(t, functionAnswer(REPORT));

  await invoke();

  assert.deepEqual(requests, [
    {
      method: "POST",
      url: "/2015-03-31/functions/cb-consumer/invocations",
      type: "RequestResponse",
      body: '{"job":"inventory","budgetMs":60000}',
    },
  ]);
});

test("a function that does not answer in time has timed out, after one request", async (t) => {
  const { requests, invoke } = await setup(t, () => {});

  assert.deepEqual(await invoke(300), { type: "timed_out", detail: "no answer within 300 ms" });
  assert.equal(requests.length, 1);
});

test("a connection that breaks while the function runs is unreachable, after one request", async (t) => {
  const { requests, invoke } = await setup(t, (request) => request.socket.destroy());

  assert.equal((await invoke()).type, "unreachable");
  assert.equal(requests.length, 1);
});

test("nobody at the address is unreachable", async (t) => {
  const { server, invoke } = await setup(t, () => {});
  server.close();
  await once(server, "close");

  const outcome = await invoke();

  assert.equal(outcome.type, "unreachable");
  assert.match(outcome.detail, /ECONNREFUSED/);
});

test("calls leave nothing behind at the signal that stops them, however they end", async (t) => {
  const { requests, invoke, stop } = await setup(t, (request, response) => {
    if (requests.length % 2 === 0) request.socket.destroy();
    else response.end(JSON.stringify(REPORT));
  });

  for (let call = 0; call < 100; call += 1) await invoke();

  assert.equal(requests.length, 100);
  assert.equal(getEventListeners(stop.signal, "abort").length, 0);
  // Where AbortSignal.any keeps what depends on a signal.
  const kept = Object.getOwnPropertySymbols(stop.signal).find(({ description = "" }) => /dependant/i.test(description));
  assert.equal(kept === undefined ? 0 : Reflect.get(stop.signal, kept).size, 0);
});

test("a call that begins after the stop is abandoned", async (t) => {
  const { requests, invoke, stop } = await setup(t, functionAnswer(REPORT));
  stop.abort();

  assert.deepEqual(await invoke(), { type: "abandoned" });
  assert.equal(requests.length, 0);
});

test("waiting ends when it is stopped", async (t) => {
  const { requests, invoke, stop } = await setup(t, () => stop.abort());

  assert.deepEqual(await invoke(), { type: "abandoned" });
  assert.equal(requests.length, 1);
});
