import type { LambdaFunction } from "../function.ts";

/** Where an environment stands. */
export interface Place {
  readonly region: string;
  /** The value of PATH, the one thing that is inherited. */
  readonly path: string;
  readonly runtimeApi: string;
  readonly logStream: string;
}

/** All variables of a function's process; the names are Lambda's ("Defined runtime environment variables"). */
export function environmentVariables(fn: LambdaFunction, place: Place): Record<string, string> {
  return {
    PATH: place.path,
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    ...fn.env,
    _HANDLER: fn.handler,
    LAMBDA_TASK_ROOT: fn.taskRoot,
    AWS_LAMBDA_RUNTIME_API: place.runtimeApi,
    AWS_REGION: place.region,
    AWS_DEFAULT_REGION: place.region,
    AWS_LAMBDA_FUNCTION_NAME: fn.name,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${fn.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: place.logStream,
    // Of no account; enough for a client that signs its requests to a local endpoint.
    AWS_ACCESS_KEY_ID: "emulated",
    AWS_SECRET_ACCESS_KEY: "emulated",
    AWS_SESSION_TOKEN: "emulated",
  };
}
