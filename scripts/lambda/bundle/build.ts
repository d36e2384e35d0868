// Bundles the Lambda functions of a configuration, one folder each. `serverless package` runs it (plugin.cjs).
//
//   node --import tsx scripts/lambda/bundle/build.ts [CONFIG] [NAME=VALUE...]
//
// CONFIG is CHORIA_BRIDGE_CONFIG, or docs/lambda/consumer.yaml. The variables are those that the functions will have, and
// the only ones that the configuration is checked with: a variable of this shell is none of theirs.
// Makes .build/lambda anew. A configuration with mistakes, or with handlers that are not there, ends it with exit code 2:
// never the first invocation.
import { join, relative } from "node:path";
import { argv, cwd, env } from "node:process";
import { fileURLToPath } from "node:url";
import { type BuildFailure, formatMessages } from "esbuild";
import { ConfigError } from "../../../shared/config/problem.ts";
import { bundleFunctions } from "./bundle.ts";
import { readSource } from "./source.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const DEFAULT_CONFIG = join(root, "docs/lambda/consumer.yaml");
const OUTDIR = join(root, ".build/lambda");
const VARIABLE = /^([A-Za-z_]\w*)=(.*)$/s;

const words = argv.slice(2);
const variables = words.flatMap((word) => {
  const [, name, value] = VARIABLE.exec(word) ?? [];
  return name === undefined ? [] : [[name, value] as const];
});
const [config = env["CHORIA_BRIDGE_CONFIG"] ?? DEFAULT_CONFIG] = words.filter((word) => !VARIABLE.test(word));
try {
  const source = readSource(config, Object.fromEntries(variables), env);
  for (const { name, bytes, handlers } of await bundleFunctions(source, root, OUTDIR)) {
    const named = handlers.length === 0 ? "" : `, handlers: ${handlers.join(", ")}`;
    console.log(`${join(relative(cwd(), OUTDIR), name)}: ${Math.ceil(bytes / 1000)} kB${named}`);
  }
} catch (error) {
  console.error(await explained(error));
  process.exitCode = 2;
}

/** What is wrong, without a stack: it is the configuration's fault, or that of a handler. Others are thrown again. */
async function explained(error: unknown): Promise<string> {
  if (error instanceof ConfigError) return error.message;
  if (!isBuildFailure(error)) throw error;
  return (await formatMessages(error.errors, { kind: "error" })).join("").trimEnd();
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}
