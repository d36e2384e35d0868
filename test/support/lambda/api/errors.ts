import type { ThrottleReason } from "../concurrency.ts";

/** An answer of the Lambda API that is not the function's: status, error type and body as the API reference has them. */
export interface ApiError {
  readonly status: number;
  readonly type: string;
  readonly body: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Bytes of a request: "6 MB (synchronous), 1 MB (asynchronous)" (Lambda quotas, invocation payload). */
export const LARGEST_PAYLOAD_BYTES = { RequestResponse: 6_291_456, Event: 1_048_576, DryRun: 6_291_456 } as const;

export function notFound(arn: string): ApiError {
  return userError(404, "ResourceNotFoundException", { Message: `Function not found: ${arn}` });
}

export function invalidName(name: string): ApiError {
  const message = `1 validation error detected: Value '${name}' at 'functionName' failed to satisfy constraint`;
  return { status: 400, type: "ValidationException", body: { message } };
}

export function qualifiersDiffer(): ApiError {
  const message = "The derived qualifier from the function name does not match the specified qualifier.";
  return userError(400, "InvalidParameterValueException", { message });
}

export function invalidInvocationType(type: string): ApiError {
  const message = `Unknown invocation type: ${type}`;
  return userError(400, "InvalidParameterValueException", { message });
}

export function invalidContent(detail: string): ApiError {
  const message = `Could not parse request body into json: Could not parse payload into json: ${detail}`;
  return userError(400, "InvalidRequestContentException", { message });
}

/** The documented type; the service has also been seen to send RequestEntityTooLargeException. The status is 413. */
export function tooLarge(type: keyof typeof LARGEST_PAYLOAD_BYTES, bytes: number): ApiError {
  const limit = LARGEST_PAYLOAD_BYTES[type];
  const message =
    type === "Event"
      ? `${bytes} byte payload is too large for the Event invocation type (limit ${limit} bytes)`
      : `Request must be smaller than ${limit} bytes for the InvokeFunction operation`;
  return userError(413, "RequestTooLargeException", { message });
}

export function throttled(reason: ThrottleReason): ApiError {
  const error = userError(429, "TooManyRequestsException", { Reason: reason, message: "Rate Exceeded." });
  return { ...error, headers: { "Retry-After": "1" } };
}

/** Something is wrong with the emulator itself. */
export function serviceError(error: unknown): ApiError {
  const Message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { status: 500, type: "ServiceException", body: { Type: "Service", Message } };
}

export function unknownOperation(): ApiError {
  return { status: 404, type: "UnknownOperationException", body: {} };
}

function userError(status: number, type: string, body: Readonly<Record<string, string>>): ApiError {
  return { status, type, body: { Type: "User", ...body } };
}
