import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf } from "../../../functions/dispatcher/invoking/failure.ts";
import type { Outcome } from "../../../functions/dispatcher/invoking/outcome.ts";

/** As the SDK makes them. */
function serviceError(name: string, status: number, more: object = {}): Error {
  return Object.assign(new Error("said so"), { name, $metadata: { httpStatusCode: status }, ...more });
}

const CASES: readonly [error: unknown, type: Outcome["type"]][] = [
  [serviceError("TooManyRequestsException", 429), "throttled"],
  [serviceError("ResourceNotFoundException", 404), "unknown_function"],
  [serviceError("ExpiredTokenException", 403), "credentials"],
  [serviceError("UnrecognizedClientException", 403), "credentials"],
  [serviceError("InvalidSignatureException", 403), "credentials"],
  [serviceError("AccessDeniedException", 400), "credentials"],
  [serviceError("SomethingNewException", 403), "credentials"],
  [Object.assign(new Error("Could not load credentials"), { name: "CredentialsProviderError" }), "credentials"],
  [serviceError("InvalidRuntimeException", 502), "unreachable"],
  [serviceError("ServiceException", 500), "unreachable"],
  [serviceError("ResourceConflictException", 409), "function_error"],
  [serviceError("InvalidParameterValueException", 400), "function_error"],
  [Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" }), "unreachable"],
  [new Error("socket hang up"), "unreachable"],
  ["thrown text", "unreachable"],
];

for (const [error, type] of CASES) {
  test(`${error instanceof Error ? `${error.name}: ${error.message}` : error} is ${type}`, () => {
    assert.equal(failureOf(error).type, type);
  });
}

test("Lambda's word about when to come again is kept, in milliseconds; without one there is none", () => {
  const retryAfter = (value: unknown) => {
    const outcome = failureOf(serviceError("TooManyRequestsException", 429, { retryAfterSeconds: value }));
    return outcome.type === "throttled" ? outcome.retryAfterMs : outcome.type;
  };

  assert.deepEqual([retryAfter("7"), retryAfter(undefined), retryAfter("soon")], [7_000, null, null]);
});
