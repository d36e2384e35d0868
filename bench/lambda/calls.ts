import type { LambdaClient } from "@aws-sdk/client-lambda";
import { invokeDrain, openLambda } from "../../functions/dispatcher/invoking/invoke.ts";
import type { DrainAnswer } from "../../shared/lambda/event.ts";
import { JOB } from "../jobs/options.ts";
import { FUNCTION } from "./deploy.ts";

/** As the dispatcher gives by default. */
const BUDGET_MS = 60_000;
/** The emulator knows no accounts. */
const REGION = "us-east-1";
const KEY = "bench";

/** What a program that calls the emulator finds in its environment. */
export function callerEnvironment(endpoint: string): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL_LAMBDA: endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: KEY,
  };
}

/** A client for as many calls at a time. */
export function openCaller(endpoint: string, calls: number): Promise<LambdaClient> {
  const credentials = { accessKeyId: KEY, secretAccessKey: KEY };
  return openLambda(calls, { endpoint, region: REGION, credentials });
}

/** One invocation, as the dispatcher makes it; rejects unless it drained. */
export async function drain(client: LambdaClient): Promise<DrainAnswer> {
  const invocation = { functionName: FUNCTION, job: JOB, budgetMs: BUDGET_MS, waitMs: 2 * BUDGET_MS };
  const outcome = await invokeDrain(client, invocation, new AbortController().signal);
  if (outcome.type !== "drained") throw new Error(`no drain: ${JSON.stringify(outcome)}`);
  return outcome.report;
}
