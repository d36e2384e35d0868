import { existsSync } from "node:fs";

/** How a function is deployed; what is left out has Lambda's default. */
export interface FunctionSettings {
  readonly name: string;
  /** Absolute path of the folder that the package was unpacked into. */
  readonly taskRoot: string;
  /** `.build/lambda/consumer/consumer.handler`: a path below the task root without its extension, a dot, the export. */
  readonly handler: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default 3 seconds. */
  readonly timeoutMs?: number;
  /** Default 128. Told to the function only; nothing is killed for using more. */
  readonly memoryMb?: number;
  /** null (default): shares the emulator's unreserved concurrency. */
  readonly reservedConcurrency?: number | null;
  /** After the first try, of Event invocations that ended in an error. Default 2, as on AWS also the most. */
  readonly maximumRetryAttempts?: number;
  /** How long an Event invocation may wait in the queue. Default 6 hours. */
  readonly maximumEventAgeMs?: number;
  /** null (default): no schedule, only `tick()`. */
  readonly scheduleMs?: number | null;
}

export type LambdaFunction = Required<FunctionSettings>;

/** Set by Lambda; CreateFunction refuses them (Lambda guide, "Defined runtime environment variables"). */
const RESERVED = new Set([
  "_HANDLER",
  "_X_AMZN_TRACE_ID",
  "AWS_DEFAULT_REGION",
  "AWS_REGION",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_FUNCTION_VERSION",
  "AWS_LAMBDA_INITIALIZATION_TYPE",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_ACCESS_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_LAMBDA_RUNTIME_API",
  "LAMBDA_TASK_ROOT",
  "LAMBDA_RUNTIME_DIR",
]);

/** Fills in the defaults; throws on what a deployment would refuse too. */
export function deployFunction(settings: FunctionSettings): LambdaFunction {
  const reserved = Object.keys(settings.env ?? {}).filter((name) => RESERVED.has(name));
  if (reserved.length > 0) {
    throw new Error(`function "${settings.name}": ${reserved.join(", ")}: reserved, set by Lambda itself`);
  }
  if (!existsSync(settings.taskRoot)) {
    throw new Error(`function "${settings.name}": there is no folder ${settings.taskRoot}`);
  }
  return {
    env: {},
    timeoutMs: 3_000,
    memoryMb: 128,
    reservedConcurrency: null,
    maximumRetryAttempts: 2,
    maximumEventAgeMs: 6 * 3_600_000,
    scheduleMs: null,
    ...settings,
  };
}
