import { counter, gauge, histogram } from "./definition.ts";

export const DISPATCHER_METRICS = {
  invocations: counter(
    "dispatcher_invocations_total",
    ["job", "outcome"],
    "Invocations that ended, by outcome: drained, function_error, throttled, timed_out, credentials, unreachable, unknown_function, bad_answer or abandoned.",
  ),
  drained: counter(
    "dispatcher_drained_total",
    ["job", "outcome"],
    "Messages that drains reported, by outcome: processed, retried, dead, dropped, returned or unsettled.",
  ),
  invocationSeconds: histogram("dispatcher_invocation_seconds", ["job"], "Seconds from a request to its answer."),
  inFlight: gauge("dispatcher_in_flight", ["job"], "Drains that were started and have not ended."),
  wanted: gauge("dispatcher_wanted", ["job"], "Drains there should be for what is pending."),
  state: gauge(
    "dispatcher_state",
    ["job", "state"],
    "1 for the state a job is in: ok, paused, cooling_down, failing, throttled, credentials, unknown_function, unreachable or unread.",
  ),
  pending: gauge("dispatcher_pending", ["job"], "Messages that were never handed over, at the last look."),
  oldestSeconds: gauge("dispatcher_oldest_seconds", ["job"], "Age of the oldest of them, at the last look."),
  woken: counter("dispatcher_woken_total", ["job"], "Messages that were noticed as they were stored."),
  pollingOnly: gauge(
    "dispatcher_polling_only",
    ["job"],
    "1 while stored messages cannot be noticed: the server does not permit to subscribe to them.",
  ),
  readFailed: counter("dispatcher_read_failed_total", ["job"], "Times that a queue could no longer be read."),
} as const;
