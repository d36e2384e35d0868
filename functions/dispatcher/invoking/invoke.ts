import { InvokeCommand, type InvokeCommandOutput, LambdaClient, type LambdaClientConfig } from "@aws-sdk/client-lambda";
import { drainReportSchema } from "../../../shared/lambda/event.ts";
import { failureOf } from "./failure.ts";
import type { Outcome } from "./outcome.ts";

const CONNECT_WITHIN_MS = 5_000;

/**
 * A client for `sockets` invocations at a time; region, credentials and endpoint come from where every AWS program takes
 * them from unless `overrides` names them. It never asks twice: a request that seems lost may have started a drain, and a
 * second request would start a second one. Rejects when no region is known.
 */
export async function openLambda(sockets: number, overrides: LambdaClientConfig = {}): Promise<LambdaClient> {
  const agent = { keepAlive: true, maxSockets: sockets };
  const client = new LambdaClient({
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_WITHIN_MS, httpAgent: agent, httpsAgent: agent },
    ...overrides,
  });
  await client.config.region();
  return client;
}

export interface Invocation {
  readonly functionName: string;
  readonly job: string;
  readonly budgetMs: number;
  /** How long to wait for the answer: longer than the budget, because a function has to start first. */
  readonly waitMs: number;
}

/** Invokes a function and waits for its drain to end. `stop` ends the waiting, not the drain. Never rejects. */
export async function invokeDrain(client: LambdaClient, invocation: Invocation, stop: AbortSignal): Promise<Outcome> {
  const { functionName, job, budgetMs, waitMs } = invocation;
  const waiting = new AbortController();
  const end = () => waiting.abort();
  const timer = setTimeout(end, waitMs);
  const command = new InvokeCommand({
    FunctionName: functionName,
    InvocationType: "RequestResponse",
    Payload: Buffer.from(JSON.stringify({ job, budgetMs })),
  });
  // Not AbortSignal.any: on Node 20 it leaves something behind at `stop`, which outlives every call.
  stop.addEventListener("abort", end);
  if (stop.aborted) end();
  try {
    return outcomeOf(await client.send(command, { abortSignal: waiting.signal }));
  } catch (error) {
    if (stop.aborted) return { type: "abandoned" };
    if (waiting.signal.aborted) return { type: "timed_out", detail: `no answer within ${waitMs} ms` };
    return failureOf(error);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", end);
  }
}

function outcomeOf({ FunctionError, Payload }: InvokeCommandOutput): Outcome {
  const answer = parse(Payload);
  if (FunctionError !== undefined) return { type: "function_error", detail: `${FunctionError}: ${describe(answer)}` };
  const report = drainReportSchema.safeParse(answer);
  if (report.success) return { type: "drained", report: report.data };
  const problem = report.error.issues[0];
  const detail = problem === undefined ? "" : `${problem.path.join(".") || "the answer"}: ${problem.message}`;
  return { type: "bad_answer", detail: `not a drain's report (${detail})` };
}

/** Undefined for what is no JSON. */
function parse(payload: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(payload ?? []).toString());
  } catch {
    return undefined;
  }
}

/** Lambda describes an error as `{errorType, errorMessage, trace}`, or with a message alone when it ended the function. */
function describe(answer: unknown): string {
  if (typeof answer !== "object" || answer === null) return "no description";
  const type = "errorType" in answer ? `${String(answer.errorType)}: ` : "";
  const message = "errorMessage" in answer ? String(answer.errorMessage) : "no description";
  return `${type}${message}`.slice(0, 500);
}
