import type { Config } from "../../shared/config/schema.ts";
import { secretNames } from "../../shared/config/secrets.ts";
import { alarms } from "./alarms.ts";
import { groupFunctions } from "./group-functions.ts";
import { policyStatements } from "./policy.ts";

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
}

/** The parts of serverless.yml that follow from the configuration. */
export interface Stack {
  readonly functions: Readonly<Record<string, unknown>>;
  readonly policyStatements: readonly unknown[];
  /** Null outside a VPC. */
  readonly vpc: { readonly subnetIds: readonly string[]; readonly securityGroupIds: readonly string[] } | null;
  readonly alarms: Readonly<Record<string, unknown>>;
}

/** Throws when parameters do not fit together. */
export function stackOf(config: Config, settings: StackSettings): Stack {
  const subnetIds = listed(settings.subnets);
  const securityGroupIds = listed(settings.securityGroups);
  if ((subnetIds.length === 0) !== (securityGroupIds.length === 0)) {
    throw new Error("the parameters subnets and securityGroups go together: give both, or none");
  }
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

function listed(text: string): readonly string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}
