import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { bundleFunctions } from "../../scripts/lambda/bundle/bundle.ts";
import { readSource } from "../../scripts/lambda/bundle/source.ts";
import { type DrainAnswer, drainReportSchema } from "../../shared/lambda/event.ts";
import { type EmulatorSettings, LambdaEmulator } from "./lambda/emulator.ts";
import type { FunctionSettings } from "./lambda/function.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** How a function is deployed, beside its bundle; what is left out is as in the emulator. */
export type Deployment = Omit<FunctionSettings, "name" | "taskRoot" | "handler">;

export interface FunctionsSettings extends Omit<EmulatorSettings, "functions"> {
  /** Configuration file, as a user writes it. */
  readonly config: string;
  /** An empty folder for the bundles. */
  readonly outdir: string;
  /** By the functions' names in the configuration; only these are deployed. */
  readonly deploy: Readonly<Record<string, Deployment>>;
  /** Variables of the configuration at build time, and of every function. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Bundles functions as a deployment does and runs these very files under the emulator, as `test-<name>`; gone with the test. */
export async function startFunctions(
  t: Pick<TestContext, "after">,
  { config, outdir, deploy, env = {}, ...emulator }: FunctionsSettings,
): Promise<LambdaEmulator> {
  await bundleFunctions(readSource(config, env), root, outdir);
  const functions = Object.entries(deploy).map(([name, deployment]) => ({
    ...deployment,
    env: { ...env, ...deployment.env },
    name: `test-${name}`,
    taskRoot: outdir,
    handler: `${name}/${name}.handler`,
  }));
  const lambda = await LambdaEmulator.start({ ...emulator, functions });
  t.after(() => lambda.close());
  return lambda;
}

/** The environment of a program that speaks to the Lambda at `endpoint`, with nothing of this machine's own AWS settings. */
export function awsEnvironment(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_LAMBDA: endpoint,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  };
}

export interface Answer {
  /** Null: the function ended well. */
  readonly error: string | null;
  /** What it answered, or the error it ended with. */
  readonly payload: unknown;
}

/** Invokes a function of `startFunctions` as a program does, and waits for its answer. */
export async function invoke(lambda: LambdaEmulator, name: string, event: unknown = {}): Promise<Answer> {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new LambdaClient({ endpoint: lambda.endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
  try {
    const Payload = Buffer.from(JSON.stringify(event));
    const answer = await client.send(new InvokeCommand({ FunctionName: `test-${name}`, Payload }));
    return { error: answer.FunctionError ?? null, payload: JSON.parse(Buffer.from(answer.Payload ?? []).toString()) };
  } finally {
    client.destroy();
  }
}

/** As `invoke`, for a function that drains. Throws when it did not answer as one. */
export async function drain(lambda: LambdaEmulator, name = "consumer", event: unknown = {}): Promise<DrainAnswer> {
  const { error, payload } = await invoke(lambda, name, event);
  if (error !== null) throw new Error(`the invocation failed: ${error} ${JSON.stringify(payload)}`);
  return drainReportSchema.parse(payload);
}
