import { jobsOfFunction, OWN_FUNCTIONS } from "../../../shared/config/names.ts";
import type { Config } from "../../../shared/config/schema.ts";

/** A function of the stack; its name is also that of its folder and of its bundle. */
export interface LambdaFunction {
  readonly name: string;
  /** Its jobs; none for those that sweep and replay. */
  readonly jobs: readonly string[];
  /** References to the handlers of its jobs, each once. */
  readonly handlers: readonly string[];
}

/** Every function that a configuration asks for: the ones that are always there, then its groups of jobs. */
export function lambdaFunctions(config: Config): readonly LambdaFunction[] {
  return [...OWN_FUNCTIONS, ...Object.keys(config.lambda.functions)].map((name) => {
    const jobs = jobsOfFunction(config, name);
    const handlers = jobs.flatMap((job) => config.jobs[job]?.handler ?? []);
    return { name, jobs, handlers: [...new Set(handlers)] };
  });
}
