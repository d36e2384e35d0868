import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseConfig } from "../../../shared/config/load.ts";
import { ConfigError } from "../../../shared/config/problem.ts";
import { errorCode } from "../config-file.ts";
import type { RegisterCommand } from "../context.ts";
import { safeText } from "../text.ts";
import type { SettingsFile } from "./broker-settings.ts";
import { type ConfText, parseConfText } from "./conf-text.ts";
import { Report } from "./report.ts";
import { translate } from "./translate.ts";
import { remarkLines, yamlText } from "./yaml-text.ts";

interface ImportArguments {
  readonly out?: string;
}

const LONGEST_REMARK = 1_000;

export const registerImportChoria: RegisterCommand = (program, { env }) => {
  program
    .command("import-choria")
    .description(
      "Turns the adapters of a go-choria broker.conf into a configuration (YAML), and says on standard error what changes, " +
        "what is left out and what is to be decided. plugin.d beside the file is read as go-choria does.",
    )
    .argument("<file>", "go-choria's broker.conf")
    .option("--out <file>", "write to this file, which must not exist, instead of standard output")
    .action((file: string, { out }: ImportArguments) => {
      const report = new Report(file);
      const place = { folder: dirname(resolve(file)), home: env.HOME ?? homedir() };
      const translation = translate({ files: readBrokerConf(file, report), place, host: hostname() }, report);
      const text = yamlText(translation, file);
      parseConfig(text, out ?? `${file} as YAML`, {});
      for (const line of remarkLines(translation.remarks)) process.stderr.write(`${safeText(line, LONGEST_REMARK)}\n`);
      if (out === undefined) process.stdout.write(text);
      else writeNew(out, text);
    });
};

/** broker.conf and the files of plugin.d, in the order in which go-choria reads them (config/util.go `parseAllDotCfg`). */
function readBrokerConf(file: string, report: Report): readonly SettingsFile[] {
  const folder = join(dirname(file), "plugin.d");
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  for (const name of names.filter((one) => one.endsWith(".conf"))) {
    report.remark(
      "reading",
      `${join(folder, name)} does not count: in plugin.d go-choria reads files that end in .cfg`,
    );
  }
  const parts = names
    .filter((name) => name.endsWith(".cfg"))
    .map((name): SettingsFile => {
      const plugin = name.slice(0, -".cfg".length);
      return { isCore: plugin === "choria", settings: readConf(join(folder, name), report, `plugin.${plugin}`) };
    });
  return [{ isCore: true, settings: readConf(file, report, "") }, ...parts];
}

function readConf(file: string, report: Report, prefix: string): ConfText["settings"] {
  const { settings, oddities } = parseConfText(readText(file), file, prefix);
  for (const { line, text } of oddities) report.remark("reading", `${file}:${line}: ${text}`);
  return settings;
}

function readText(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (cause) {
    const code = errorCode(cause);
    const fix = "name a readable configuration file of go-choria, such as /etc/choria/broker.conf";
    throw new ConfigError([{ file, path: "", value: "", problem: `cannot be read (${code})`, fix }], { cause });
  }
}

/** A configuration that was edited since must not be lost to a second run. */
function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: "wx" });
  } catch (cause) {
    const code = errorCode(cause);
    const problem = code === "EEXIST" ? "exists already" : `cannot be written (${code})`;
    const fix = code === "EEXIST" ? "name another file with --out, or remove this one" : "name another file with --out";
    throw new ConfigError([{ file, path: "", value: "", problem, fix }], { cause });
  }
}
