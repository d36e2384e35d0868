import { setTimeout as sleep } from "node:timers/promises";
import { AwsV4Signer } from "aws4fetch";
import type { AwsAccess, Store } from "./access.ts";
import { fieldOf, jsonOf } from "./json.ts";

/** The effects of a call. */
export interface Network {
  readonly fetch: typeof fetch;
  /** Waits for so many milliseconds. */
  wait(ms: number): Promise<unknown>;
  /** A signal that ends what takes longer than so many milliseconds. */
  limit(ms: number): AbortSignal;
  /** In [0, 1). */
  random(): number;
}

export const NETWORK: Network = {
  fetch: (...request) => fetch(...request),
  wait: (ms) => sleep(ms),
  limit: (ms) => AbortSignal.timeout(ms),
  random: Math.random,
};

/** One operation of a service of AWS that speaks JSON 1.1. */
export interface AwsCall {
  readonly store: Store;
  /** `AmazonSSM.GetParameters` */
  readonly target: string;
  readonly input: object;
}

export type AwsAnswer =
  | { readonly type: "output"; readonly output: unknown }
  /** `error` as AWS calls it: `AccessDeniedException`; `message` is AWS's own text, and may quote the request's headers. */
  | { readonly type: "refused"; readonly error: string; readonly message: string }
  /** Throttled, out of order, or not reached. */
  | { readonly type: "unavailable"; readonly reason: string };

/** Three tries and the waits between them take 3 s at most: a function has 10 s to start. */
const TRIES = 3;
const TRY_LIMIT_MS = 800;
const FIRST_WAIT_MS = 200;
const THROTTLED = /throttl|TooManyRequests|LimitExceeded|RequestThrottled/i;

/** Makes the call, again while the service is throttled or out of reach. Never rejects. */
export async function callAws(call: AwsCall, access: AwsAccess, network: Network): Promise<AwsAnswer> {
  const { url, init } = await sign(call, access);
  for (let attempt = 1; ; attempt += 1) {
    const answer = await tryOnce(url, init, network);
    if (answer.type !== "unavailable" || attempt === TRIES) return answer;
    // Functions that start together are throttled together: jitter keeps them from coming back together.
    await network.wait((FIRST_WAIT_MS * 2 ** (attempt - 1) * (1 + network.random())) / 2);
  }
}

interface SignedRequest {
  readonly url: string;
  readonly init: RequestInit;
}

async function sign({ store, target, input }: AwsCall, access: AwsAccess): Promise<SignedRequest> {
  const { region, accessKeyId, secretAccessKey, sessionToken, endpoints } = access;
  const body = JSON.stringify(input);
  const signer = new AwsV4Signer({
    ...{ service: store, region, accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) },
    ...{ method: "POST", url: endpoints[store], body },
    headers: { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target },
  });
  const { url, method, headers } = await signer.sign();
  return { url: url.href, init: { method, headers, body } };
}

async function tryOnce(url: string, init: RequestInit, network: Network): Promise<AwsAnswer> {
  const { host } = new URL(url);
  try {
    const response = await network.fetch(url, { ...init, signal: network.limit(TRY_LIMIT_MS) });
    return answerOf(host, response, jsonOf(await response.text()));
  } catch (error) {
    const advice = "in a VPC that takes a NAT gateway or an interface endpoint";
    return { type: "unavailable", reason: `${host} cannot be reached (${reasonOf(error)}); ${advice}` };
  }
}

function answerOf(host: string, response: Response, body: unknown): AwsAnswer {
  if (response.ok && body !== undefined) return { type: "output", output: body };
  if (response.ok) return { type: "unavailable", reason: `what ${host} answered is no JSON` };
  const type = fieldOf(body, "__type") ?? response.headers.get("x-amzn-errortype") ?? `HTTP ${response.status}`;
  // "com.amazonaws.ssm#ThrottlingException", "ThrottlingException:http://…"
  const error = type.replace(/^.*#/, "").replace(/:.*$/, "");
  if (response.status >= 500 || response.status === 429 || THROTTLED.test(error))
    return { type: "unavailable", reason: `${host} answered ${error}` };
  return { type: "refused", error, message: fieldOf(body, "message") ?? fieldOf(body, "Message") ?? "" };
}

/** `fetch` hides what happened in the cause of its "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TRY_LIMIT_MS} ms`;
  const { cause } = error;
  return cause instanceof Error && "code" in cause ? String(cause.code) : error.message;
}
