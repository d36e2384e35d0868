import type * as z from "zod";
import { type Check, type Checked, checkOf, type Encoded, readDocument, writeDocument } from "./document.ts";
import type { JobMessage } from "./message.ts";
import { isObject } from "./read-outcome.ts";
import { isRetryPolicy, type RetryPolicy } from "./retry.ts";

/** What is known of a message before its body is read. */
export type MessageFacts = Omit<JobMessage<unknown>, "data">;

/** What every definition says, of one message or of batches. */
export interface CommonDefinition<Input, OutputSchema> {
  /** Part of the ids of its outputs: renaming a handler makes repeated outputs new ones. */
  readonly name: string;
  /** `"bytes"`: the stored body as it is. A schema: the payload as JSON, out of go-choria's adapter envelope if it is in one. */
  readonly input: Input;
  /** What the `data` of outputs has to fit; what the schema makes of it is stored. */
  readonly output?: OutputSchema;
  /** Wins over the job's `retry` in the configuration. */
  readonly retry?: RetryPolicy;
  /** Milliseconds; wins over the job's `timeout` in the configuration. */
  readonly timeoutMs?: number;
  /** The longest a run may take in all, however often it calls `heartbeat()`. Default: no limit. */
  readonly maxRunMs?: number;
  /** What messages of a job with `order` must not overtake each other in. Default: the sender. */
  readonly key?: (message: MessageFacts) => string;
}

/** The parts of a handler that its kind does not change. */
export interface HandlerFacts {
  readonly name: string;
  readonly input: "bytes" | "json";
  /** null: the job's policy. */
  readonly retry: RetryPolicy | null;
  /** null: the job's timeout. */
  readonly timeoutMs: number | null;
  /** null: no limit. */
  readonly maxRunMs: number | null;
  /** null: the sender. */
  readonly key: ((message: MessageFacts) => string) | null;
  /** The input in a body; never throws. A promise only where the schema has asynchronous parts. */
  read(body: Uint8Array): Checked | Promise<Checked>;
  /** The body of an output; never throws. */
  writeOutput(data: unknown): Encoded | Promise<Encoded>;
  /** The body of a message for this handler, checked as the handler will; never throws. */
  writeInput(payload: unknown): Encoded | Promise<Encoded>;
}

const RETRY_PROBLEM = "retry needs policy, delayMs, maxDelayMs, attempts (1 or more) and jitter (0 to 1)";
const NAME = /^[A-Za-z0-9_.:-]{1,128}$/;

type AnyDefinition = CommonDefinition<"bytes" | z.ZodType, z.ZodType> & { readonly run: unknown };

/** Throws a RangeError when the definition makes no sense. */
export function factsOf(definition: AnyDefinition): HandlerFacts {
  const { name, input, timeoutMs = null, maxRunMs = null } = definition;
  checkParts(definition);
  if (!NAME.test(name)) throw new RangeError(`handler "${name}": a name is 1 to 128 letters, digits or "_.:-"`);
  for (const [what, ms] of Object.entries({ timeoutMs, maxRunMs })) {
    if (ms !== null && !(ms > 0)) throw new RangeError(`handler "${name}": ${what} must be positive`);
  }
  if (timeoutMs !== null && maxRunMs !== null && maxRunMs < timeoutMs) {
    throw new RangeError(`handler "${name}": maxRunMs must not be shorter than timeoutMs`);
  }
  const checkOutput = definition.output === undefined ? null : checkOf(definition.output);
  return {
    name,
    input: input === "bytes" ? "bytes" : "json",
    retry: definition.retry ?? null,
    timeoutMs,
    maxRunMs,
    key: definition.key ?? null,
    writeOutput: (data) => writeDocument(data, checkOutput),
    ...(input === "bytes" ? BYTES : documents(checkOf(input))),
  };
}

/** What a compiler would have found: definitions are JavaScript too, and would fail with the first message. */
function checkParts({ name, input, output, retry, run }: AnyDefinition): void {
  const problem = (text: string): RangeError => new RangeError(`handler "${name}": ${text}`);
  if (typeof name !== "string") throw problem("its name is no text");
  if (typeof run !== "function") throw problem("run is no function");
  if (input !== "bytes" && !isSchema(input)) throw problem('input is neither "bytes" nor a zod schema');
  if (output !== undefined && !isSchema(output)) throw problem("output is no zod schema");
  if (retry !== undefined && !isRetryPolicy(retry)) throw problem(RETRY_PROBLEM);
}

function isSchema(value: unknown): boolean {
  return isObject(value) && typeof value.safeParse === "function";
}

const BYTES: Pick<HandlerFacts, "read" | "writeInput"> = {
  read: (body) => ({ ok: true, data: body }),
  writeInput(payload) {
    if (typeof payload === "string") return { ok: true, body: Buffer.from(payload) };
    if (payload instanceof Uint8Array) return { ok: true, body: payload };
    return { ok: false, issues: [{ path: "", problem: "neither bytes nor text" }] };
  },
};

/** A producer stores what it was given, not what the schema made of it: the handler's own check transforms it again. */
function documents(check: Check): Pick<HandlerFacts, "read" | "writeInput"> {
  return {
    read: (body) => readDocument(body, check),
    writeInput(payload) {
      const written = writeDocument(payload, null);
      if (written instanceof Promise || !written.ok) return written;
      const result = readDocument(written.body, check); // as it will be read: JSON may have changed it
      const answer = (read: Checked): Encoded => (read.ok ? written : read);
      return result instanceof Promise ? result.then(answer) : answer(result);
    },
  };
}
