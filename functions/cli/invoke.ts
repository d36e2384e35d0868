import type { InvokeCommandOutput } from "@aws-sdk/client-lambda";
import { UsageError } from "./exit.ts";

/** Calls a function and waits for its answer. */
export type Invoke = (event: unknown) => Promise<unknown>;

/** Errors of our functions that say: nothing was done, mend what you asked for or the configuration. */
const USAGE_ERRORS: ReadonlySet<string> = new Set(["ReplayEventError", "ConfigError"]);
const GO_ON = "what it had done is on record in the audit stream; run the command again to go on";

/**
 * Calls of an AWS Lambda function, by name or ARN, with region and credentials from where every AWS program takes them. The
 * AWS SDK is loaded here, and only then. Each call is made once: one that is repeated would start the work a second time.
 */
export async function functionInvoker(name: string, timeoutMs: number): Promise<Invoke> {
  const [{ InvokeCommand }, { openLambda }] = await Promise.all([
    import("@aws-sdk/client-lambda"),
    import("../dispatcher/invoking/invoke.ts"),
  ]);
  const region = /^arn:[^:]+:lambda:([^:]+):/.exec(name)?.[1];
  const client = await openLambda(1, region === undefined ? {} : { region }).catch((error: unknown) => {
    throw callError(name, error);
  });
  return async (event) => {
    const late = AbortSignal.timeout(timeoutMs);
    const Payload = Buffer.from(JSON.stringify(event));
    const command = new InvokeCommand({ FunctionName: name, InvocationType: "RequestResponse", Payload });
    const output = await client.send(command, { abortSignal: late }).catch((error: unknown) => {
      throw late.aborted
        ? new Error(`function "${name}" did not answer within ${timeoutMs / 1_000} s; ${GO_ON}`)
        : callError(name, error);
    });
    return answerOf(name, output);
  };
}

function answerOf(name: string, { FunctionError, Payload }: InvokeCommandOutput): unknown {
  const text = Buffer.from(Payload ?? []).toString("utf8");
  if (FunctionError !== undefined) throw functionError(name, text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`function "${name}" answered something that is no JSON`, { cause });
  }
}

/** The call itself failed: there is no such function, it is throttled, nobody may call it, nobody answers. */
function callError(name: string, error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`function "${name}": ${String(error)}`);
  const { message } = error;
  if (/^Region (?:is missing|not accepted)/.test(message)) {
    return new UsageError(`no usable AWS region (${message}); set AWS_REGION`, { cause: error });
  }
  if (error.name === "CredentialsProviderError") {
    return new UsageError(
      `no AWS credentials (${message}); set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
      { cause: error },
    );
  }
  return new Error(`function "${name}" could not be called: ${error.name}: ${message}`, { cause: error });
}

/** The function ran and failed: the platform answers with the error's class and message. */
function functionError(name: string, text: string): Error {
  const { errorType, errorMessage } = failureOf(text);
  if (USAGE_ERRORS.has(errorType)) return new UsageError(`function "${name}": ${errorMessage}`);
  const hint = errorType === "Sandbox.Timedout" ? `; ${GO_ON}` : "";
  return new Error(`function "${name}" failed: ${errorMessage}${hint}`);
}

function failureOf(text: string): { readonly errorType: string; readonly errorMessage: string } {
  try {
    const { errorType = "", errorMessage = text } = JSON.parse(text);
    return { errorType: String(errorType), errorMessage: String(errorMessage) };
  } catch {
    return { errorType: "", errorMessage: text };
  }
}
