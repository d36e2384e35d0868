// Writes the generated references in docs/; with --check says whether they are up to date instead (exit code 1).
import { readFileSync, writeFileSync } from "node:fs";
import { COMMANDS } from "../functions/cli/commands.ts";
import { cliReference } from "../functions/cli/reference.ts";
import { configurationReference } from "../shared/config/reference.ts";
import { metricsReference } from "../shared/telemetry/reference.ts";

const docs = new URL("../docs/", import.meta.url);
const example = readFileSync(new URL("example.yaml", docs), "utf8");
const references: readonly (readonly [name: string, text: string])[] = [
  ["configuration.md", configurationReference(example)],
  ["metrics.md", metricsReference()],
  ["cli.md", await cliReference(COMMANDS)],
];

for (const [name, text] of references) {
  const file = new URL(name, docs);
  if (!process.argv.includes("--check")) {
    writeFileSync(file, text);
  } else if (readFileSync(file, "utf8") !== text) {
    console.error(`docs/${name} is not what the code says: run \`npm run docs\``);
    process.exitCode = 1;
  }
}
