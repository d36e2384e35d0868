import { OWN_FUNCTIONS } from "../names.ts";
import type { Finding } from "../problem.ts";
import type { Config } from "../schema.ts";
import { durationText } from "../units.ts";

/** NAT gateways and load balancers cut a connection that is idle for 350 s, and an invocation is one long silence. */
const LONGEST_BUDGET_MS = 300_000;
const SHORTEST_BUDGET_MS = 5_000;
/** Lambda's own limits. */
const LONGEST_TIMEOUT_MS = 900_000;
const SHORTEST_TIMEOUT_MS = 5_000;
/** What a drain keeps of its function's time beside its runs. */
export const TIME_TO_END_MS = 2_000;

export function checkLambda(config: Config): readonly Finding[] {
  return [
    ...checkNames(config),
    ...checkGroups(config),
    ...checkTimeouts(config),
    ...checkJobTimeouts(config),
    ...checkBudget(config),
  ];
}

function checkNames({ lambda }: Config): readonly Finding[] {
  const names = Object.keys(lambda.functions);
  return names.flatMap((name, index): readonly Finding[] => {
    const path = ["lambda", "functions", name];
    // CloudFormation's ids begin with a capital letter: those of "facts" and "Facts" are one.
    const like = (other: string): boolean => capitalised(other) === capitalised(name);
    const own = OWN_FUNCTIONS.find(like);
    const earlier = names.slice(0, index).find(like);
    if (own === undefined && earlier === undefined) return [];
    const problem =
      own === undefined
        ? `differs from "${earlier}" in its first letter's case only`
        : `is the name of a function that is always there ("${own}")`;
    return [{ path, value: undefined, problem, fix: "choose another name" }];
  });
}

function capitalised(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/** Two functions for one job are no harm to its messages, but then nobody can say which the dispatcher should wake. */
function checkGroups({ lambda }: Config): readonly Finding[] {
  const owners = new Map<string, string>();
  return Object.entries(lambda.functions).flatMap(([name, { jobs }]) =>
    jobs.flatMap((job, index): readonly Finding[] => {
      const owner = owners.get(job);
      if (owner === undefined) {
        owners.set(job, name);
        return [];
      }
      const problem = owner === name ? "is named twice" : `is run by function "${owner}" already`;
      const path = ["lambda", "functions", name, "jobs", index];
      return [{ path, value: job, problem, fix: "name each job in one function, once" }];
    }),
  );
}

function checkTimeouts({ lambda }: Config): readonly Finding[] {
  return Object.entries(lambda.functions).flatMap(([name, { timeout }]): readonly Finding[] => {
    if (timeout >= SHORTEST_TIMEOUT_MS && timeout <= LONGEST_TIMEOUT_MS) return [];
    const problem = timeout < SHORTEST_TIMEOUT_MS ? "leaves no time to drain anything" : "is longer than Lambda allows";
    const fix = `make it ${durationText(SHORTEST_TIMEOUT_MS)} to ${durationText(LONGEST_TIMEOUT_MS)}`;
    return [{ path: ["lambda", "functions", name, "timeout"], value: durationText(timeout), problem, fix }];
  });
}

/** A run that a drain has no time for is given back, at no cost to its attempts: it would begin again for ever. */
function checkJobTimeouts({ lambda, jobs }: Config): readonly Finding[] {
  return Object.entries(lambda.functions).flatMap(([name, { jobs: own, timeout }]) =>
    own.flatMap((job, index): readonly Finding[] => {
      const runMs = jobs[job]?.timeout ?? 0;
      if (runMs + TIME_TO_END_MS <= timeout) return [];
      const problem = `may run for ${durationText(runMs)}, which the function's timeout of ${durationText(timeout)} leaves no time for`;
      const fix = `make the function's timeout ${durationText(runMs + TIME_TO_END_MS)} or more, or jobs.${job}.timeout shorter`;
      return [{ path: ["lambda", "functions", name, "jobs", index], value: job, problem, fix }];
    }),
  );
}

function checkBudget({ dispatcher }: Config): readonly Finding[] {
  const { budget, coolDown, maxCoolDown } = dispatcher;
  const findings: Finding[] = [];
  if (budget < SHORTEST_BUDGET_MS || budget > LONGEST_BUDGET_MS) {
    const problem = budget > LONGEST_BUDGET_MS ? "outlives an idle connection" : "leaves no time to drain anything";
    const fix = `make it ${durationText(SHORTEST_BUDGET_MS)} to ${durationText(LONGEST_BUDGET_MS)}`;
    findings.push({ path: ["dispatcher", "budget"], value: durationText(budget), problem, fix });
  }
  if (maxCoolDown < coolDown) {
    const fix = `make it ${durationText(coolDown)} or more`;
    const value = durationText(maxCoolDown);
    findings.push({ path: ["dispatcher", "maxCoolDown"], value, problem: "is shorter than coolDown", fix });
  }
  return findings;
}
