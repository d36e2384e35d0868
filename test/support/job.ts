import type { JobEvent } from "../../functions/consumer/events.ts";
import type { Job } from "../../functions/consumer/job.ts";
import type { StoredInput } from "../../functions/consumer/message.ts";
import type { RunSettings } from "../../functions/consumer/run.ts";
import { tracedBySdk } from "../../functions/consumer/traced.ts";
import type { OutboundMessage, Sink } from "../../shared/sinks/sink.ts";
import { createLogger } from "../../shared/telemetry/log.ts";

/** Settings of a run with a clock that the test moves, and a sink `out` in memory. */
export interface RunBench {
  readonly settings: RunSettings;
  readonly outputs: OutboundMessage[];
  readonly events: JobEvent[];
  /** Monotonic milliseconds from now on. */
  setNow(now: number): void;
}

function makeJob(handler: Job["handler"], changes: Partial<Job> = {}): Job {
  return {
    name: "work",
    handler,
    stream: "IN",
    durable: "work",
    retry: handler.retry ?? { policy: "fixed", delayMs: 100, maxDelayMs: 100, attempts: 3, jitter: 0 },
    timeoutMs: handler.timeoutMs ?? 1_000,
    ackWaitMs: 30_000,
    concurrency: 1,
    rate: null,
    crashes: 5,
    parkAfterMs: null,
    ...changes,
  };
}

export function makeRunBench(handler: Job["handler"]): RunBench {
  const outputs: OutboundMessage[] = [];
  const events: JobEvent[] = [];
  let now = 0;
  const sink: Sink = {
    name: "out",
    async write(message, signal) {
      signal.throwIfAborted();
      outputs.push(message);
      return { duplicate: false };
    },
    async [Symbol.asyncDispose]() {},
  };
  const settings: RunSettings = {
    job: makeJob(handler),
    sinks: new Map([["out", sink]]),
    log: createLogger("test", "silent"),
    onEvent: (event) => events.push(event),
    unwrap: (body) => body,
    now: () => now,
    wallNow: () => 1_700_000_000_000 + now,
    random: () => 0,
    traced: tracedBySdk(),
  };
  return {
    settings,
    outputs,
    events,
    setNow: (to) => {
      now = to;
    },
  };
}

/** A stored message; without `id` it has no `Nats-Msg-Id`. */
export function makeInput(body: string, headers: Readonly<Record<string, string>> = {}, sequence = 1): StoredInput {
  return {
    subject: "in.n1",
    stream: "IN",
    streamSequence: sequence,
    timestampMs: 1_700_000_000_000,
    data: Buffer.from(body),
    header: (name) => headers[name] ?? "",
    hasHeader: (name) => Object.hasOwn(headers, name),
    headers: () => Object.entries(headers),
  };
}

export function makeAttempt(number = 1) {
  return { number, crashes: 0, firstRunAt: null, redelivered: number > 1 };
}
