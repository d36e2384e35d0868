import assert from "node:assert/strict";
import { awsAccess } from "../../shared/aws/access.ts";
import type { Network } from "../../shared/aws/call.ts";
import { SecretError } from "../../shared/aws/secret-error.ts";
import { parseSecretName, type SecretName } from "../../shared/config/secret-name.ts";

export const ACCESS = awsAccess({
  AWS_REGION: "eu-west-1",
  AWS_ACCESS_KEY_ID: "AKIA",
  AWS_SECRET_ACCESS_KEY: "key-s3cr3t",
  AWS_SESSION_TOKEN: "t0k3n",
});

export interface Asked {
  readonly url: string;
  readonly headers: Headers;
  readonly target: string;
  readonly input: { readonly Names?: readonly string[]; readonly SecretId?: string };
}

export interface Answer {
  readonly status?: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

/** Answers as AWS would, and notes what was asked for and how long was waited. */
export function scriptedAws(answer: (asked: Asked) => Answer) {
  const asked: Asked[] = [];
  const waitedMs: number[] = [];
  const limitsMs: number[] = [];
  const network: Network = {
    fetch: async (url, init) => {
      const headers = new Headers(init?.headers);
      const request = {
        url: String(url),
        headers,
        target: headers.get("x-amz-target") ?? "",
        input: JSON.parse(String(init?.body)),
      };
      asked.push(request);
      const { status = 200, body, headers: answered = {} } = answer(request);
      return new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers: answered });
    },
    wait: async (ms) => void waitedMs.push(ms),
    limit: (ms) => {
      limitsMs.push(ms);
      return new AbortController().signal;
    },
    random: () => 1,
  };
  return { network, asked, waitedMs, limitsMs };
}

export const named = (...texts: readonly string[]): readonly SecretName[] =>
  texts.map((text) => parseSecretName(text)!);

/** Every parameter is there, and its value is its path. */
export const everyParameter = ({ input }: Pick<Asked, "input">): Answer => ({
  body: {
    Parameters: input.Names?.map((Name) => ({ Name, Value: `value of ${Name}` })).reverse(),
    InvalidParameters: [],
  },
});

/** An error of AWS in JSON 1.1. */
export const refused = (__type: string, message = "", status = 400): Answer => ({ status, body: { __type, message } });

/** A policy does not allow the action. */
export const denied = (action: string) =>
  refused(
    "AccessDeniedException",
    `User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: ${action} on resource: x`,
  );

/** What the fetching failed with: one line, without a secret of these tests and without what may hold one. */
export async function failureOf(fetching: Promise<unknown>): Promise<SecretError> {
  const failure: unknown = await fetching.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof SecretError, String(failure));
  assert.doesNotMatch(failure.message, /\n|s3cr3t|t0k3n/);
  assert.equal(failure.cause, undefined);
  return failure;
}
