import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pythonTool } from "../../../scripts/python-tools.ts";
import { root } from "../../support/imports.ts";
import { type Env, run } from "./checkout.ts";

interface DeployedFunction {
  readonly handler: string;
  readonly runtime: string;
  /** MB. */
  readonly memory: number;
  /** Seconds. */
  readonly timeout: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Digest of its zip. */
  readonly code: string;
  readonly role: string;
  readonly subnets: readonly string[];
  readonly concurrency: number | null;
  /** Services that may invoke it. */
  readonly invokers: readonly string[];
}

interface Rule {
  readonly schedule: string;
  readonly state: string;
  readonly targets: readonly string[];
}

export interface PolicyStatement {
  readonly Sid: string;
  readonly Action: readonly string[];
  readonly Resource: unknown;
}

/** What stands in an AWS under a stack's name. Alarms do not: moto passes over them, so they are looked up in the template. */
export interface Deployed {
  readonly functions: Readonly<Record<string, DeployedFunction>>;
  readonly rules: readonly Rule[];
  readonly roles: Readonly<Record<string, { readonly statements: readonly PolicyStatement[]; readonly managed: [] }>>;
  /** Days of retention. */
  readonly log_groups: Readonly<Record<string, number | null>>;
  readonly topics: readonly string[];
}

const SCRIPT = fileURLToPath(new URL("aws.py", import.meta.url));

/** Reads back what a deployment made, with AWS's own client for Python, which comes with moto. */
export async function readDeployed(prefix: string, env: Env): Promise<Deployed> {
  return JSON.parse(await python(["read", prefix], env));
}

export async function putSecret(name: string, value: string, env: Env): Promise<void> {
  await python(["put-secret", name, value], env);
}

/** What cfn-lint has to say about a template: nothing, if all is well. */
export async function lint(template: string): Promise<string> {
  const { output } = await run(join(await toolFolder(), "cfn-lint"), ["-t", template], root, {});
  return output;
}

async function python(words: readonly string[], env: Env): Promise<string> {
  const region = { AWS_DEFAULT_REGION: env["AWS_REGION"] ?? "us-east-1" }; // boto3 asks for it by this name only
  const { code, output } = await run(join(await toolFolder(), "python"), [SCRIPT, ...words], root, {
    ...env,
    ...region,
  });
  assert.equal(code, 0, output);
  return output;
}

/** Where moto and what comes with it are installed: `MOTO_SERVER` names another one. */
async function toolFolder(): Promise<string> {
  const { MOTO_SERVER } = process.env;
  if (MOTO_SERVER !== undefined) return dirname(MOTO_SERVER);
  const tool = await pythonTool("moto_server");
  if (!tool.ok) throw new Error(`no moto: ${tool.reason}`);
  return dirname(tool.path);
}
