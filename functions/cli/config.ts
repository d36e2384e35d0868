import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { stringify } from "yaml";
import { effectiveConfig } from "../../shared/config/effective.ts";
import { parseConfig } from "../../shared/config/load.ts";
import type { Environment } from "../../shared/config/parse/variables.ts";
import { ConfigError, describeProblem } from "../../shared/config/problem.ts";
import { configurationReference } from "../../shared/config/reference.ts";
import { openConfigFile, readConfigFile } from "./config-file.ts";
import type { CliContext } from "./context.ts";
import { EXIT } from "./exit.ts";

interface OutputArguments {
  readonly json: boolean;
}

/** `config check`, `config show` and `config reference`. */
export function registerConfig(program: Command, { env }: CliContext): void {
  const command = program.command("config").description("check, show and explain configuration files");
  command
    .command("check")
    .description("check a configuration and the files it names; every problem is printed at once (exit code 2)")
    .argument("<file>", "configuration file (YAML)")
    .option("--json", "print { ok, problems } as JSON", false)
    .action((file: string, { json }: OutputArguments) => check(file, env, json));
  command
    .command("show")
    .description("print the effective configuration, defaults filled in, secrets masked")
    .argument("<file>", "configuration file (YAML)")
    .option("--json", "print JSON instead of YAML", false)
    .action((file: string, { json }: OutputArguments) => {
      const source = readConfigFile(file, env);
      const shown = effectiveConfig(parseConfig(source.text, source.file, source.env));
      process.stdout.write(json ? `${JSON.stringify(shown, null, 2)}\n` : stringify(shown, { lineWidth: 0 }));
    });
  command
    .command("reference")
    .description("print the reference of every setting, as Markdown")
    .action(() => void process.stdout.write(configurationReference(exampleText())));
}

function check(file: string, env: Environment, json: boolean): void {
  const problems = problemsOf(file, env);
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok: problems.length === 0, problems }, null, 2)}\n`);
  } else if (problems.length === 0) {
    process.stdout.write(`${file}: ok\n`);
  } else {
    process.stderr.write(`${problems.map(describeProblem).join("\n")}\n`);
  }
  if (problems.length > 0) process.exitCode = EXIT.usage;
}

function problemsOf(file: string, env: Environment): ConfigError["problems"] {
  try {
    openConfigFile(file, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** The package ships docs/, so that the reference can be printed from an installed one too. */
function exampleText(): string {
  const manifest = import.meta.resolve("choria-bridge/package.json");
  return readFileSync(new URL("docs/example.yaml", manifest), "utf8");
}
