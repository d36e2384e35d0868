import type { Config } from "../../../shared/config/schema.ts";
import type { SecretName } from "../../../shared/config/secret-name.ts";
import { lambdaFunctions } from "../bundle/functions.ts";

export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** All that the functions may do. `kmsKey` is an ARN or empty; `inVpc` is whether they run in a VPC. */
export function policyStatements(
  config: Config,
  secrets: readonly SecretName[],
  settings: { readonly kmsKey: string; readonly inVpc: boolean },
): readonly Statement[] {
  const { kmsKey, inVpc } = settings;
  return [
    writeLogs(config),
    allow("TellOfLostInvocations", ["sns:Publish"], [{ Ref: "DeadLetterTopic" }]),
    ...readSecrets("ReadParameters", "ssm:GetParameters", secretArns(secrets, "ssm")),
    ...readSecrets("ReadSecrets", "secretsmanager:GetSecretValue", secretArns(secrets, "secretsmanager")),
    ...(kmsKey === "" || secrets.length === 0 ? [] : [decryptSecrets(kmsKey)]),
    ...(inVpc ? [useNetwork()] : []),
  ];
}

/** The stack makes the log groups: a function that could do so would make them again after the stack is gone. */
function writeLogs(config: Config): Statement {
  const groups = lambdaFunctions(config).map(({ name }) => ({ "Fn::GetAtt": [`${upperFirst(name)}LogGroup`, "Arn"] }));
  return allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], groups);
}

function readSecrets(sid: string, action: string, arns: readonly unknown[]): readonly Statement[] {
  return arns.length === 0 ? [] : [allow(sid, [action], arns)];
}

function secretArns(secrets: readonly SecretName[], store: SecretName["store"]): readonly unknown[] {
  const arns = new Set(secrets.filter((secret) => secret.store === store).map(({ arn }) => arn));
  return [...arns].map((arn) => (arn.includes("${") ? { "Fn::Sub": arn } : arn));
}

/** The key may be used for what these two stores hold, and for nothing else that it encrypts. */
function decryptSecrets(kmsKey: string): Statement {
  const services = ["ssm", "secretsmanager"].map((service) => ({
    "Fn::Sub": `${service}.\${AWS::Region}.\${AWS::URLSuffix}`,
  }));
  const Condition = { StringEquals: { "kms:ViaService": services } };
  return { ...allow("DecryptSecrets", ["kms:Decrypt"], [kmsKey]), Condition };
}

/** What Lambda asks for to put a function into a VPC; AWS knows no narrower resource for it. */
function useNetwork(): Statement {
  const actions = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ];
  return allow("BeInVpc", actions, "*");
}

function allow(Sid: string, Action: readonly string[], Resource: unknown): Statement {
  return { Sid, Effect: "Allow", Action, Resource };
}

/** As serverless names the resources of a function. */
function upperFirst(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
