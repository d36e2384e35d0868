import { TIME_TO_END_MS } from "../../../shared/config/checks/lambda.ts";
import { jobsOfFunction } from "../../../shared/config/names.ts";
import type { Config } from "../../../shared/config/schema.ts";
import { secretNames } from "../../../shared/config/secrets.ts";
import { durationText } from "../../../shared/config/units.ts";
import { alarms } from "./alarms.ts";
import { groupFunctions } from "./group-functions.ts";
import { policyStatements } from "./policy.ts";

/** Seconds; Lambda's own limit. */
const LONGEST_TIMEOUT = 900;

/** What a stage says about the stack, as its parameters in serverless.yml are written; empty text for "none". */
export interface StackSettings {
  /** Service and stage, as in `choria-bridge-prod`: the beginning of every name. */
  readonly service: string;
  /** ARN of the key that secrets are encrypted with, unless it is AWS's own. */
  readonly kmsKey: string;
  /** Of a VPC, separated by commas. */
  readonly subnets: string;
  readonly securityGroups: string;
  /** ARN of the SNS topic that alarms are sent to. */
  readonly alarmTopic: string;
  /** Seconds that the oldest message of a job may wait before an alarm. */
  readonly oldestMessageAge: number;
  /** Seconds that an invocation of `consumer` may take. */
  readonly timeout: number;
}

/** The parts of serverless.yml that follow from the configuration. */
export interface Stack {
  readonly functions: Readonly<Record<string, unknown>>;
  readonly policyStatements: readonly unknown[];
  /** Null outside a VPC. */
  readonly vpc: { readonly subnetIds: readonly string[]; readonly securityGroupIds: readonly string[] } | null;
  readonly alarms: Readonly<Record<string, unknown>>;
}

/** Throws `StackError` when parameters fit neither together nor to the jobs. */
export function stackOf(config: Config, settings: StackSettings): Stack {
  const subnetIds = listed(settings.subnets);
  const securityGroupIds = listed(settings.securityGroups);
  const mistakes = jobsWithoutTime(config, settings);
  if ((subnetIds.length === 0) !== (securityGroupIds.length === 0)) {
    mistakes.push("the parameters subnets and securityGroups go together: give both, or none");
  }
  if (mistakes.length > 0) throw new StackError(mistakes);
  const vpc = subnetIds.length === 0 ? null : { subnetIds, securityGroupIds };
  // Functions open connections and nothing else: secrets that only the bridge needs are none of theirs.
  const secrets = secretNames({ connections: config.connections });
  return {
    functions: groupFunctions(config),
    policyStatements: policyStatements(config, secrets, { kmsKey: settings.kmsKey, inVpc: vpc !== null }),
    vpc,
    alarms: alarms(config, settings),
  };
}

/** Of `consumer`: what groups are given stands in the configuration, and is checked with it. */
function jobsWithoutTime(config: Config, { timeout }: StackSettings): string[] {
  return jobsOfFunction(config, "consumer").flatMap((job) => {
    const runMs = config.jobs[job]?.timeout ?? 0;
    const neededMs = runMs + TIME_TO_END_MS;
    if (neededMs <= timeout * 1_000) return [];
    const needed = Math.ceil(neededMs / 1_000);
    const fix =
      needed > LONGEST_TIMEOUT ? "make it shorter" : `deploy with --param="timeout=${needed}", or make it shorter`;
    return `jobs.${job}.timeout: a run may take ${durationText(runMs)}, which the timeout of function consumer (${timeout} s) leaves no time for; ${fix}`;
  });
}

/** Mistakes in what a stage says, a line each. */
class StackError extends Error {
  override readonly name = "StackError";
  readonly code = "STACK_INVALID";

  constructor(mistakes: readonly string[]) {
    super(mistakes.join("\n"));
  }
}

function listed(text: string): readonly string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}
