import type { DrainAnswer } from "../../shared/lambda/event.ts";
import type { Outcome } from "./invoking/outcome.ts";

const REPORTED = ["processed", "retried", "dead", "dropped", "returned", "unsettled"] as const;

/** What is counted of a job. */
export interface JobCounters {
  readonly invocations: Record<Outcome["type"], number>;
  /** Messages that drains reported. */
  readonly drained: Record<(typeof REPORTED)[number], number>;
  woken: number;
  readFailed: number;
}

export function makeCounters(): JobCounters {
  return {
    invocations: {
      drained: 0,
      function_error: 0,
      throttled: 0,
      timed_out: 0,
      credentials: 0,
      unreachable: 0,
      unknown_function: 0,
      bad_answer: 0,
      abandoned: 0,
    },
    drained: { processed: 0, retried: 0, dead: 0, dropped: 0, returned: 0, unsettled: 0 },
    woken: 0,
    readFailed: 0,
  };
}

export function count(counters: JobCounters, outcome: Outcome): void {
  counters.invocations[outcome.type] += 1;
  if (outcome.type === "drained") countReport(counters, outcome.report);
}

function countReport({ drained }: JobCounters, report: DrainAnswer): void {
  for (const name of REPORTED) drained[name] += report[name];
}
